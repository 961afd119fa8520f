//! The task that polls the work, catches its panics and drops it when it is cancelled.

use crate::panics;
use simul_core::{Error, Kind, Result};
use simul_wake::{Core, Phase};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

/// Works that have been started and not yet dropped.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// How many Jobs of this process still hold their work: an ended or cancelled Job does not.
pub fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// The parent's works are not this process's.
pub(crate) fn forget_live() {
    LIVE.store(0, Ordering::Relaxed);
}

/// Polls `work` until it ends or its [`Core`] is cancelled, whichever is first. The work is dropped *before* anybody
/// is told, so that its socket is closed and its permit free when a waiter wakes.
pub(crate) struct Drive<T, F> {
    core: Arc<Core<T>>,
    work: Option<Pin<Box<F>>>,
    started: bool,
}

impl<T, F> Drive<T, F> {
    pub(crate) fn new(core: Arc<Core<T>>, work: F) -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self { core, work: Some(Box::pin(work)), started: false }
    }

    fn drop_work(&mut self) {
        let Some(work) = self.work.take() else { return };
        LIVE.fetch_sub(1, Ordering::Relaxed);
        // A panic in a destructor has no waiter left to be told.
        let _ = panics::caught(move || drop(work));
    }
}

impl<T, F> Future for Drive<T, F>
where
    F: Future<Output = Result<T>>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.started {
            self.started = true;
            if !self.core.header().driven_by(context.waker()) {
                self.drop_work();
                return Poll::Ready(());
            }
        }
        if self.core.header().phase() == Phase::Cancelled {
            self.drop_work();
            self.core.header().dropped();
            return Poll::Ready(());
        }
        let Some(work) = self.work.as_mut() else { return Poll::Ready(()) };
        let outcome = match panics::caught(|| work.as_mut().poll(context)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(panic) => Err(panic),
        };
        self.drop_work();
        if !self.core.settle(outcome) {
            // Cancelled during the last poll.
            self.core.header().dropped();
        }
        Poll::Ready(())
    }
}

impl<T, F> Drop for Drive<T, F> {
    fn drop(&mut self) {
        if self.work.is_some() {
            // The runtime was shut down under it: whoever waits must not wait for ever.
            self.drop_work();
            if !self.core.settle(Err(Error::new(Kind::Closed, "the engine was shut down before the work ended"))) {
                self.core.header().dropped();
            }
        }
    }
}

// The work is pinned in its own box, so moving the driver moves nothing that is pinned.
impl<T, F> Unpin for Drive<T, F> {}
