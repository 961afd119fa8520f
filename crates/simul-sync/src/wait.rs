//! One place in a line.

use crate::sync::{Arc as Shared, yield_now};
use simul_core::{Error, Kind, Result};
use simul_wake::{AsHeader, Core, Header, Join, Parker, Phase, Ticket, Waiter, Woken};
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Where grants come from, and where one goes back to that nobody took. A cheap handle.
pub trait Source: Send + Sync {
    /// What is waited for: a permit, an item, nothing but a moment.
    type Grant: Send + 'static;

    /// A grant comes back: its waiter was cancelled, or its loop closed, before it was read.
    fn give_back(&self, grant: Self::Grant);

    /// A waiter has left its line.
    fn left(&self);
}

/// What came of asking.
#[derive(Debug)]
pub enum Entered<S: Source> {
    /// It was free.
    Now(S::Grant),
    /// A place in the line.
    Later(Wait<S>),
}

/// A place in a line: awaited or waited for by one, who takes the grant once. Dropping it leaves the line; a grant that
/// had come already goes back.
pub struct Wait<S: Source> {
    /// Left alone, never dropped, in a forked child.
    core: ManuallyDrop<Arc<Core<S::Grant>>>,
    source: ManuallyDrop<S>,
    ticket: Option<Ticket>,
    taken: bool,
}

impl<S: Source> Wait<S> {
    /// The place that `core` stands for.
    pub fn new(core: Arc<Core<S::Grant>>, source: S) -> Self {
        Self { core: ManuallyDrop::new(core), source: ManuallyDrop::new(source), ticket: None, taken: false }
    }

    fn header(&self) -> &Header {
        self.core.header()
    }

    pub(crate) fn core(&self) -> &Arc<Core<S::Grant>> {
        &self.core
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// Drops a place that nobody was given: it does not leave its line.
    pub(crate) fn forget(mut self) {
        self.taken = true;
    }

    /// The outcome that came before this place could be given up.
    fn last_word(&self) -> Option<Result<S::Grant>> {
        // Another thread may be in the middle of writing it: a few instructions, after which it is here. Looked at once
        // and not waited for, the grant would be lost.
        while self.header().phase() == Phase::Settling {
            yield_now();
        }
        self.core.take()
    }

    /// The state of this place, for bindings that wait in their own way.
    pub fn as_header(&self) -> Arc<dyn AsHeader> {
        (*self.core).clone()
    }

    /// The grant, once it has come.
    ///
    /// # Errors
    /// What the source failed this waiter with; `Cancelled`; `Forked` in a forked child.
    pub fn take(&mut self) -> Result<S::Grant> {
        if self.header().is_inherited() {
            return Err(forked());
        }
        match self.core.take() {
            Some(outcome) => {
                self.taken = true;
                outcome
            }
            None => Err(match self.header().phase() {
                Phase::Cancelled => Error::new(Kind::Cancelled, "this wait was cancelled"),
                _ => Error::new(Kind::Invalid, "this wait has no outcome, or it has been taken already"),
            }),
        }
    }

    /// Blocks this thread until the grant has come.
    ///
    /// # Args
    /// `timeout`: None waits without limit.
    ///
    /// # Errors
    /// `Timeout`, and as [`take`](Self::take). Dropping the place afterwards leaves the line.
    pub fn block(&mut self, timeout: Option<Duration>) -> Result<S::Grant> {
        if self.header().is_inherited() {
            return Err(forked());
        }
        let parker = Shared::new(Parker::default());
        let Join::Joined(ticket) = self.header().join(Waiter::Thread(parker.clone()), true) else {
            return self.take();
        };
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if parker.park(left) == Woken::Done {
                return self.take();
            }
            if left.is_some_and(|left| left.is_zero()) {
                self.header().leave(ticket, false);
                return match self.header().is_done() {
                    true => self.take(),
                    false => Err(Error::new(Kind::Timeout, "it was not free in time")),
                };
            }
        }
    }
}

fn forked() -> Error {
    Error::new(Kind::Forked, "this wait began in the parent process: make the call again in the child")
}

impl<S: Source> Future for Wait<S> {
    type Output = Result<S::Grant>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.header().is_inherited() {
            return Poll::Ready(Err(forked()));
        }
        let joined = match self.ticket {
            Some(ticket) => self.header().renew(ticket, context.waker()),
            None => self.header().join(Waiter::Task(context.waker().clone()), true),
        };
        match joined {
            Join::Joined(ticket) => {
                self.ticket = Some(ticket);
                Poll::Pending
            }
            Join::Ended => Poll::Ready(self.take()),
        }
    }
}

impl<S: Source> Unpin for Wait<S> {}

impl<S: Source> Drop for Wait<S> {
    fn drop(&mut self) {
        if self.header().is_inherited() {
            return;
        }
        if !self.taken {
            if self.header().cancel() || self.header().is_cancelled() {
                self.source.left();
            } else if let Some(Ok(grant)) = self.last_word() {
                self.source.give_back(grant);
            }
        }
        // SAFETY: dropped once, here.
        unsafe {
            ManuallyDrop::drop(&mut self.core);
            ManuallyDrop::drop(&mut self.source);
        }
    }
}

impl<S: Source> fmt::Debug for Wait<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("phase", &self.header().phase()).finish_non_exhaustive()
    }
}
