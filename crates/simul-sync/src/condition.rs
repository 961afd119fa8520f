//! [`Condition`]: give a lock up, wait to be told, take it again.

use crate::body::{Body, State};
use crate::lazy::{Call, Lazy};
use crate::line::Line;
use crate::lock::{self, Lock, LockGuard};
use crate::rlock::{self, RLock, RLockGuard};
use crate::sync::Arc;
use crate::wait::{Source, Wait};
use simul_core::{Error, Kind, Result};
use simul_wake::Wake;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

#[derive(Debug, Default)]
struct Waiting {
    line: Line<()>,
}

impl State for Waiting {
    type Config = ();

    fn new(_config: &()) -> Self {
        Self::default()
    }
}

/// Those who wait for a change of what a lock guards. It knows no lock: each wait brings its guard. A handle: its clones
/// are the same condition.
///
/// # Cancellation
/// A waiter that is dropped leaves. One that had been told, and did not get as far as to return, tells the next.
///
/// # Threads and loops
/// Any thread and any async runtime at once. In a forked child nobody waits.
///
/// # Example
/// ```
/// use simul_sync::{Condition, Lock};
/// let (lock, changed) = (Lock::new(), Condition::new());
/// let guard = lock.acquire().wait()?;
/// let there = (lock.clone(), changed.clone());
/// let other = std::thread::spawn(move || {
///     let guard = there.0.acquire().wait();
///     there.1.notify(1);
///     drop(guard);
/// });
/// let guard = changed.wait(guard).wait()?;
/// assert!(lock.locked());
/// # drop(guard);
/// # other.join().expect("notifying does not panic");
/// # Ok::<(), simul_core::Error>(())
/// ```
///
/// In tasks, until what the lock guards is as wanted:
/// ```
/// use simul_sync::{Condition, Lock};
/// use std::cell::Cell;
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> simul_core::Result<()> {
///     let (lock, changed, stock) = (Lock::new(), Condition::new(), Cell::new(0));
///     let take = async {
///         let mut guard = lock.acquire().await?;
///         while stock.get() == 0 {
///             guard = changed.wait(guard).await?;
///         }
///         stock.set(stock.get() - 1);
///         drop(guard);
///         simul_core::Result::Ok(())
///     };
///     let bring = async {
///         let _guard = lock.acquire().await?;
///         stock.set(1);
///         changed.notify(1);
///         simul_core::Result::Ok(())
///     };
///     let (taken, brought) = tokio::join!(take, bring);
///     (taken?, brought?);
///     assert_eq!(stock.get(), 0);
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Condition(Arc<Body<Waiting>>);

impl Default for Condition {
    fn default() -> Self {
        Self::new()
    }
}

impl Condition {
    /// A condition that nobody waits for.
    pub fn new() -> Self {
        Self(Arc::new(Body::new(())))
    }

    /// A call that gives the lock up, waits to be told, and takes the lock again. It begins when it is awaited or waited
    /// for: until then the guard is held.
    pub fn wait<G: Guard>(&self, guard: G) -> Waiter<G> {
        Waiter { condition: self.clone(), stage: Stage::Fresh(guard) }
    }

    /// A place among those who wait, for bindings: to be taken before the lock is given up.
    pub fn join(&self) -> Wait<Self> {
        let core = self.0.lock().line.join();
        Wait::new(core, self.clone())
    }

    /// Tells up to `count` who wait, in the order of coming.
    ///
    /// # Returns
    /// How many were told.
    pub fn notify(&self, count: usize) -> usize {
        let mut state = self.0.lock();
        let mut wakes: Vec<Wake> = Vec::new();
        while wakes.len() < count {
            let Ok(wake) = state.line.grant(()) else { break };
            wakes.push(wake);
        }
        drop(state);
        wakes.len()
    }

    /// Tells everybody who waits.
    ///
    /// # Returns
    /// How many were told.
    pub fn notify_all(&self) -> usize {
        self.notify(usize::MAX)
    }

    /// How many wait to be told.
    pub fn waiting(&self) -> usize {
        self.0.lock().line.len()
    }
}

impl Source for Condition {
    type Grant = ();

    fn give_back(&self, (): ()) {
        self.notify(1);
    }

    fn left(&self) {
        self.0.lock().line.left();
    }
}

/// What is given up while one waits: the guard of a [`Lock`] or of an [`RLock`].
pub trait Guard: Sized + Unpin {
    /// What it takes to have it again.
    type Again: Unpin;
    /// The call that has it again.
    type Call: Call<Output = Self> + Unpin;

    /// Gives the lock up.
    ///
    /// # Errors
    /// It is not held.
    fn give_up(self) -> Result<Self::Again>;

    /// Takes it again.
    fn again(again: Self::Again) -> Lazy<Self::Call>;
}

impl Guard for LockGuard {
    type Again = Lock;
    type Call = lock::Acquire;

    fn give_up(self) -> Result<Lock> {
        Ok(self.0.clone())
    }

    fn again(again: Lock) -> Lazy<lock::Acquire> {
        again.acquire()
    }
}

impl Guard for RLockGuard {
    type Again = (RLock, u64, usize);
    type Call = rlock::Acquire;

    fn give_up(self) -> Result<Self::Again> {
        let depth = self.lock.release_all(self.owner)?;
        Ok((self.lock.clone(), self.owner, depth))
    }

    fn again((lock, owner, depth): Self::Again) -> Lazy<rlock::Acquire> {
        lock.acquire_deep(owner, depth)
    }
}

enum Stage<G: Guard> {
    Fresh(G),
    Told(Wait<Condition>, G::Again),
    Locking(Lazy<G::Call>),
    Ended,
}

/// A wait for a [`Condition`] that has not begun: `.await` it, or [`wait`](Waiter::wait) for it.
#[must_use = "it begins when it is awaited or waited for"]
pub struct Waiter<G: Guard> {
    condition: Condition,
    stage: Stage<G>,
}

impl<G: Guard> Waiter<G> {
    fn begin(&mut self, guard: G) -> Result<(Wait<Condition>, G::Again)> {
        // A place first: who has the lock next may tell at once.
        let place = self.condition.join();
        Ok((place, guard.give_up()?))
    }

    /// Blocks this thread until it has been told and has the lock again.
    ///
    /// # Errors
    /// `Forked` in a forked child; the lock is not held then.
    pub fn wait(self) -> Result<G> {
        self.within(None).map(|(guard, _)| guard)
    }

    /// Blocks this thread until it has been told, for `timeout` at most, and has the lock again, however long that takes.
    ///
    /// # Returns
    /// The guard, and whether it was told.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_timeout(self, timeout: Duration) -> Result<(G, bool)> {
        self.within(Some(timeout))
    }

    fn within(mut self, timeout: Option<Duration>) -> Result<(G, bool)> {
        let Stage::Fresh(guard) = std::mem::replace(&mut self.stage, Stage::Ended) else { return Err(ended()) };
        let (mut place, again) = self.begin(guard)?;
        let told = match place.block(timeout) {
            Ok(()) => true,
            Err(error) if error.kind() == Kind::Timeout => false,
            Err(error) => return Err(error),
        };
        drop(place);
        Ok((G::again(again).wait()?, told))
    }
}

fn ended() -> Error {
    Error::new(Kind::Invalid, "this wait has ended: make another")
}

impl<G: Guard> Future for Waiter<G> {
    type Output = Result<G>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.stage, Stage::Ended) {
                Stage::Fresh(guard) => {
                    let (place, again) = this.begin(guard)?;
                    this.stage = Stage::Told(place, again);
                }
                Stage::Told(mut place, again) => match Pin::new(&mut place).poll(context) {
                    Poll::Pending => {
                        this.stage = Stage::Told(place, again);
                        return Poll::Pending;
                    }
                    Poll::Ready(told) => {
                        told?;
                        this.stage = Stage::Locking(G::again(again));
                    }
                },
                Stage::Locking(mut call) => match Pin::new(&mut call).poll(context) {
                    Poll::Pending => {
                        this.stage = Stage::Locking(call);
                        return Poll::Pending;
                    }
                    Poll::Ready(held) => return Poll::Ready(held),
                },
                Stage::Ended => return Poll::Ready(Err(ended())),
            }
        }
    }
}

impl<G: Guard> Drop for Waiter<G> {
    fn drop(&mut self) {
        if matches!(self.stage, Stage::Locking(_)) {
            // It was told, and nobody will act on that.
            self.condition.notify(1);
        }
    }
}

impl<G: Guard> fmt::Debug for Waiter<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Fresh(_) => "fresh",
            Stage::Told(..) => "waiting",
            Stage::Locking(_) => "locking",
            Stage::Ended => "ended",
        };
        f.debug_struct("Waiter").field("stage", &stage).finish_non_exhaustive()
    }
}
