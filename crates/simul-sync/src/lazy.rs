//! A call that begins when it is first polled or waited for.

use crate::wait::{Entered, Source, Wait};
use simul_core::{Error, Kind, Result};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How a call begins, and what its caller gets for the grant (a guard, an item).
pub trait Call: Send {
    /// Where the grant comes from.
    type Source: Source;
    /// What the caller gets.
    type Output;

    /// Takes what is free, or a place in the line. Called once.
    ///
    /// # Errors
    /// The call cannot be made: the queue is shut down, the owner holds it already.
    fn enter(&mut self) -> Result<Entered<Self::Source>>;

    /// What the caller gets for the grant.
    fn finish(&mut self, grant: <Self::Source as Source>::Grant) -> Self::Output;

    /// As [`finish`](Self::finish), for a call that may still be refused once its turn has come.
    ///
    /// # Errors
    /// The queue was shut down between the grant and this.
    fn conclude(&mut self, grant: <Self::Source as Source>::Grant) -> Result<Self::Output> {
        Ok(self.finish(grant))
    }
}

/// A call that has not begun: `.await` it, or [`wait`](Lazy::wait) for it. Dropped before that it takes nothing;
/// dropped later it leaves the line and gives back what was granted.
///
/// # Cancellation
/// Dropping it is cancelling it.
///
/// # Threads and loops
/// Any thread and any async runtime. Blocking a thread of a runtime stalls what else that thread drives.
///
/// # Example
/// ```
/// use simul_core::Kind;
/// use simul_sync::Lock;
/// use std::time::Duration;
/// let lock = Lock::new();
/// let held = lock.acquire().wait()?;
/// let late = lock.acquire().wait_timeout(Duration::ZERO).expect_err("it is held");
/// assert_eq!(late.kind(), Kind::Timeout);
/// # drop(held);
/// # Ok::<(), simul_core::Error>(())
/// ```
#[must_use = "it begins when it is awaited or waited for"]
pub struct Lazy<C: Call> {
    call: C,
    wait: Option<Wait<C::Source>>,
    begun: bool,
}

impl<C: Call> Lazy<C> {
    /// A call that will begin with `call`.
    pub fn new(call: C) -> Self {
        Self { call, wait: None, begun: false }
    }

    /// The grant, if it was free.
    fn begin(&mut self) -> Result<Option<C::Output>> {
        if std::mem::replace(&mut self.begun, true) {
            return match self.wait {
                Some(_) => Ok(None),
                None => Err(Error::new(Kind::Invalid, "this call has ended: make another")),
            };
        }
        match self.call.enter()? {
            Entered::Now(grant) => self.call.conclude(grant).map(Some),
            Entered::Later(wait) => {
                self.wait = Some(wait);
                Ok(None)
            }
        }
    }

    /// Blocks this thread until it is granted.
    ///
    /// # Errors
    /// Those of the call.
    pub fn wait(self) -> Result<C::Output> {
        self.within(None)
    }

    /// Blocks this thread until it is granted, for `timeout` at most.
    ///
    /// # Errors
    /// `Timeout`: then the place in the line is given up, and nothing was taken. Those of the call.
    pub fn wait_timeout(self, timeout: Duration) -> Result<C::Output> {
        self.within(Some(timeout))
    }

    fn within(mut self, timeout: Option<Duration>) -> Result<C::Output> {
        if let Some(output) = self.begin()? {
            return Ok(output);
        }
        match &mut self.wait {
            Some(wait) => wait.block(timeout).and_then(|grant| self.call.conclude(grant)),
            None => Err(Error::new(Kind::Internal, "a call without a place in the line")),
        }
    }
}

impl<C: Call + Unpin> Future for Lazy<C> {
    type Output = Result<C::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.wait.is_none() {
            match this.begin() {
                Ok(None) => {}
                Ok(Some(output)) => return Poll::Ready(Ok(output)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let Some(wait) = &mut this.wait else {
            return Poll::Ready(Err(Error::new(Kind::Internal, "a call without a place in the line")));
        };
        match Pin::new(wait).poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(outcome) => {
                this.wait = None;
                Poll::Ready(outcome.and_then(|grant| this.call.conclude(grant)))
            }
        }
    }
}

impl<C: Call> fmt::Debug for Lazy<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazy").field("wait", &self.wait).finish_non_exhaustive()
    }
}
