//! [`RLock`]: one owner at a time, who may take it again.

use crate::body::{Body, State};
use crate::lazy::{Call, Lazy};
use crate::line::Line;
use crate::sync::Arc;
use crate::wait::{Entered, Source, Wait};
use simul_core::{Error, Kind, Result};

/// How a lock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RLockStatistics {
    /// Who holds it.
    pub owner: Option<u64>,
    /// How often its owner has taken it.
    pub depth: usize,
    /// How many wait.
    pub waiting: usize,
}

/// Who waits, and how deep it will hold.
#[derive(Debug, Clone, Copy)]
struct Asked {
    owner: u64,
    depth: usize,
}

#[derive(Debug, Default)]
struct Owned {
    owner: Option<u64>,
    depth: usize,
    /// In a forked child: how deep it was held at the fork. The owner may go on there under another number (a task is
    /// none any more), and its releases say nothing.
    pardoned: usize,
    line: Line<(), Asked>,
}

impl State for Owned {
    type Config = ();

    fn new(_config: &()) -> Self {
        Self::default()
    }

    fn inherited(self, _config: &()) -> Self {
        let pardoned = self.depth + self.pardoned;
        std::mem::forget(self);
        Self { pardoned, ..Self::default() }
    }
}

impl Owned {
    fn hold(&mut self, asked: Asked) {
        self.owner = Some(asked.owner);
        self.depth = asked.depth;
    }

    /// Whether it is free, or this owner's: then it is taken.
    fn take(&mut self, asked: Asked) -> bool {
        match self.owner {
            None => self.hold(asked),
            Some(owner) if owner == asked.owner => self.depth = self.depth.saturating_add(asked.depth),
            Some(_) => return false,
        }
        true
    }

    /// To the first who waits, else it is free. What is returned wakes.
    fn pass_on(&mut self) -> Option<simul_wake::Wake> {
        (self.owner, self.depth) = (None, 0);
        let (wake, asked) = self.line.grant_to(()).ok()?;
        self.hold(asked);
        Some(wake)
    }
}

/// One owner at a time, who may take it again and gives it up as often. Who an owner is, the caller says: a number that
/// is its alone while it holds or waits (a task's id, a thread's). A handle: its clones are the same lock.
///
/// # Cancellation
/// A waiter that is dropped leaves the line; one that had been granted the lock passes it on.
///
/// # Threads and loops
/// Any thread and any async runtime at once. In a forked child nobody owns it, and giving up what was held before the
/// fork does nothing.
///
/// # Example
/// ```
/// use simul_sync::RLock;
/// const ME: u64 = 1;
/// let lock = RLock::new();
/// let outer = lock.acquire(ME).wait()?;
/// let inner = lock.acquire(ME).wait()?;
/// assert!(!lock.acquire_nowait(2));
/// drop((inner, outer));
/// assert!(lock.acquire_nowait(2));
/// # Ok::<(), simul_core::Error>(())
/// ```
///
/// In tasks, each with a number of its own:
/// ```
/// use simul_sync::RLock;
///
/// async fn outer(lock: &RLock, me: u64) -> simul_core::Result<usize> {
///     let _held = lock.acquire(me).await?;
///     inner(lock, me).await
/// }
///
/// async fn inner(lock: &RLock, me: u64) -> simul_core::Result<usize> {
///     let _held_again = lock.acquire(me).await?;
///     Ok(lock.depth(me))
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> simul_core::Result<()> {
///     let lock = RLock::new();
///     let (first, second) = tokio::join!(outer(&lock, 1), outer(&lock, 2));
///     assert_eq!((first?, second?), (2, 2));
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct RLock(Arc<Body<Owned>>);

impl Default for RLock {
    fn default() -> Self {
        Self::new()
    }
}

impl RLock {
    /// A lock that nobody owns.
    pub fn new() -> Self {
        Self(Arc::new(Body::new(())))
    }

    /// A call that waits until `owner` holds the lock once more.
    pub fn acquire(&self, owner: u64) -> Lazy<Acquire> {
        self.acquire_deep(owner, 1)
    }

    /// A call that waits until `owner` holds the lock `depth` times more: after [`release_all`](Self::release_all).
    pub fn acquire_deep(&self, owner: u64, depth: usize) -> Lazy<Acquire> {
        Lazy::new(Acquire { lock: self.clone(), asked: Asked { owner, depth } })
    }

    /// Takes the lock if it is free or `owner`'s.
    pub fn acquire_nowait(&self, owner: u64) -> bool {
        self.0.lock().take(Asked { owner, depth: 1 })
    }

    /// Takes the lock `depth` times or a place in the line, for bindings; who gets it must give it up as often.
    pub fn enter(&self, owner: u64, depth: usize) -> Entered<Self> {
        let asked = Asked { owner, depth };
        let mut state = self.0.lock();
        if state.take(asked) {
            return Entered::Now(());
        }
        let core = state.line.join_as(asked);
        drop(state);
        Entered::Later(Wait::new(core, self.clone()))
    }

    /// Gives it up once; the last time, it goes to the first who waits, else it is free.
    ///
    /// # Returns
    /// Whether that was the last time.
    ///
    /// # Errors
    /// `Invalid` if `owner` does not hold it.
    pub fn release(&self, owner: u64) -> Result<bool> {
        let mut state = self.0.lock();
        if state.owner != Some(owner) {
            state.pardoned = state.pardoned.checked_sub(1).ok_or_else(not_owned)?;
            return Ok(false);
        }
        state.depth -= 1;
        if state.depth > 0 {
            return Ok(false);
        }
        let wake = state.pass_on();
        drop(state);
        drop(wake);
        Ok(true)
    }

    /// Gives it up altogether.
    ///
    /// # Returns
    /// How often `owner` held it.
    ///
    /// # Errors
    /// `Invalid` if `owner` does not hold it.
    pub fn release_all(&self, owner: u64) -> Result<usize> {
        let mut state = self.0.lock();
        if state.owner != Some(owner) {
            return Err(not_owned());
        }
        let depth = state.depth;
        let wake = state.pass_on();
        drop(state);
        drop(wake);
        Ok(depth)
    }

    /// How often `owner` holds it.
    pub fn depth(&self, owner: u64) -> usize {
        let state = self.0.lock();
        if state.owner == Some(owner) { state.depth } else { 0 }
    }

    /// Whether somebody holds it.
    pub fn locked(&self) -> bool {
        self.0.lock().owner.is_some()
    }

    /// Who holds and how many wait.
    pub fn statistics(&self) -> RLockStatistics {
        let state = self.0.lock();
        RLockStatistics { owner: state.owner, depth: state.depth, waiting: state.line.len() }
    }
}

fn not_owned() -> Error {
    Error::new(Kind::Invalid, "the lock is not held by this owner: release() without acquire()")
}

impl Source for RLock {
    type Grant = ();

    fn give_back(&self, (): ()) {
        // Granted to a waiter that did not take it: nobody else can hold it.
        let wake = self.0.lock().pass_on();
        drop(wake);
    }

    fn left(&self) {
        self.0.lock().line.left();
    }
}

/// Begins [`RLock::acquire`].
#[derive(Debug)]
pub struct Acquire {
    lock: RLock,
    asked: Asked,
}

impl Call for Acquire {
    type Source = RLock;
    type Output = RLockGuard;

    fn enter(&mut self) -> Result<Entered<RLock>> {
        Ok(self.lock.enter(self.asked.owner, self.asked.depth))
    }

    fn finish(&mut self, (): ()) -> RLockGuard {
        RLockGuard { lock: self.lock.clone(), owner: self.asked.owner }
    }
}

/// The lock is held once more until this is dropped.
#[derive(Debug)]
#[must_use = "the lock is given up when this is dropped"]
pub struct RLockGuard {
    pub(crate) lock: RLock,
    pub(crate) owner: u64,
}

impl Drop for RLockGuard {
    fn drop(&mut self) {
        let _ = self.lock.release(self.owner);
    }
}
