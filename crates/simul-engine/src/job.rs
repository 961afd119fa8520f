//! Work that is already running.

use crate::drive::Drive;
use crate::runtime;
use simul_core::{Error, Kind, Result};
use simul_wake::{AsHeader, Core, Header, Join, Parker, Phase, Ticket, Waiter, Woken};
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Work that is already running: `.await` it in async code, [`wait`](Job::wait) for it elsewhere.
///
/// # Cancellation
/// Dropping a pending Job drops the work: its socket closes, its permit is free, its child process is killed.
/// [`detach`](Job::detach) lets it go on with nobody waiting.
///
/// # Threads and loops
/// Bound to no executor: any thread may wait for it, any async runtime may await it.
///
/// # Example
/// ```
/// use simul_engine::spawn;
/// let job = spawn("answer", async { Ok(42) });
/// assert_eq!(job.wait(None)?, 42);
/// # Ok::<(), simul_core::Error>(())
/// ```
pub struct Job<T> {
    core: ManuallyDrop<Arc<Core<T>>>,
    name: &'static str,
    ticket: Option<Ticket>,
    detached: bool,
}

/// Starts `work` on the engine.
///
/// # Returns
/// A Job; if the engine cannot start, one that has failed.
///
/// # Cost
/// One task and one shared state; no thread.
pub fn spawn<T, F>(name: &'static str, work: F) -> Job<T>
where
    F: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    let core = Arc::new(Core::default());
    let driver = Drive::new(core.clone(), work);
    match runtime::engine() {
        // A driver that no runtime takes is dropped here, and says so to whoever waits.
        Ok(engine) => drop(engine.with(|handle| handle.spawn(driver))),
        Err(error) => {
            core.settle(Err(error));
        }
    }
    Job { core: ManuallyDrop::new(core), name, ticket: None, detached: false }
}

impl<T> Job<T> {
    /// A Job that ended before it began: an answer that needs no work, where the caller expects a Job.
    pub fn ready(name: &'static str, outcome: Result<T>) -> Self {
        let core = Core::default();
        core.settle(outcome);
        Job { core: ManuallyDrop::new(Arc::new(core)), name, ticket: None, detached: false }
    }

    /// What kind of work this is, for people.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it has ended, by an outcome or by a cancel.
    pub fn done(&self) -> bool {
        !self.header().is_inherited() && self.header().is_done()
    }

    /// Whether it was cancelled before it ended.
    pub fn cancelled(&self) -> bool {
        !self.header().is_inherited() && self.header().is_cancelled()
    }

    /// Drops the work for everybody who waits, unless it has ended.
    ///
    /// # Returns
    /// Whether this call ended it.
    pub fn cancel(&self) -> bool {
        !self.header().is_inherited() && self.header().cancel()
    }

    /// Blocks this thread until the work has ended.
    ///
    /// # Args
    /// `timeout`: None waits without limit.
    ///
    /// # Errors
    /// What the work failed with; `Timeout` (then the work is dropped with the Job: use [`wait_for`](Job::wait_for)
    /// to keep it); `Cancelled`; `Forked` in a forked child; `Deadlock` on an engine thread, which would wait for
    /// itself.
    pub fn wait(mut self, timeout: Option<Duration>) -> Result<T> {
        self.wait_for(timeout)
    }

    /// [`wait`](Job::wait) that leaves the work running when the time is up, so that it can be waited for again.
    ///
    /// # Errors
    /// As [`wait`](Job::wait); `Closed` if the outcome was taken by an earlier call.
    pub fn wait_for(&mut self, timeout: Option<Duration>) -> Result<T> {
        if tokio::runtime::Handle::try_current().is_ok() {
            return Err(Error::new(Kind::Deadlock, "a blocking wait on an async thread: await the Job instead"));
        }
        self.belongs_here()?;
        let parker = Arc::new(Parker::default());
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
                    false => Err(Error::new(Kind::Timeout, format!("{} did not end in time", self.name))),
                };
            }
        }
    }

    /// Lets the work go on with nobody waiting.
    pub fn detach(mut self) {
        self.detached = true;
    }

    /// The shared state, for bindings that wait in their own way; the Job no longer ends the work.
    pub fn into_core(self) -> (Arc<Core<T>>, &'static str) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used again, nor dropped.
        (unsafe { ManuallyDrop::take(&mut this.core) }, this.name)
    }

    /// The shared state by weak reference: to reach the waiters without keeping anything alive.
    pub fn core(&self) -> Weak<dyn AsHeader>
    where
        T: Send + 'static,
    {
        let core: Arc<dyn AsHeader> = (*self.core).clone();
        Arc::downgrade(&core)
    }

    fn header(&self) -> &Header {
        self.core.header()
    }

    fn belongs_here(&self) -> Result<()> {
        match self.header().is_inherited() {
            true => Err(forked()),
            false => Ok(()),
        }
    }

    fn take(&self) -> Result<T> {
        if let Some(outcome) = self.core.take() {
            return outcome;
        }
        Err(match self.header().phase() {
            Phase::Cancelled => cancelled(self.name),
            _ => Error::new(Kind::Closed, format!("the outcome of {} has been taken already", self.name)),
        })
    }
}

/// The error of a Job that belongs to the parent process.
pub fn forked() -> Error {
    Error::new(Kind::Forked, "this Job was pending in the parent when the process forked: call again in the child")
}

/// The error of a Job that somebody else cancelled.
pub fn cancelled(name: &str) -> Error {
    Error::new(Kind::Cancelled, format!("{name} was cancelled before it ended"))
}

impl<T> Future for Job<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Err(error) = self.belongs_here() {
            return Poll::Ready(Err(error));
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
            // The list of waiters is emptied before the outcome is announced, but never before it stands.
            Join::Ended => Poll::Ready(self.take()),
        }
    }
}

impl<T> Unpin for Job<T> {}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        if self.header().is_inherited() {
            // The parent's: its lock may be held by a thread that is not in this process. Leaked.
            return;
        }
        if !self.detached {
            self.header().cancel();
        }
        // SAFETY: dropped once, here; `into_core` forgets the Job.
        unsafe { ManuallyDrop::drop(&mut self.core) };
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({} {})", self.name, if self.done() { "done" } else { "pending" })
    }
}
