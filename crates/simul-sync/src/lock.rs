//! [`Lock`]: one holder at a time, first come, first served.

use crate::body::{Body, State};
use crate::lazy::{Call, Lazy};
use crate::line::Line;
use crate::sync::Arc;
use crate::wait::{Entered, Source, Wait};
use simul_core::{Error, Kind, Result};

/// What the state of a lock is, for those who look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockStatistics {
    /// Whether somebody holds it.
    pub locked: bool,
    /// How many wait.
    pub waiting: usize,
}

#[derive(Debug, Default)]
struct Held {
    held: bool,
    /// In a forked child: it was held at the fork, perhaps by the thread that went on here, whose release says nothing.
    pardoned: bool,
    line: Line<()>,
}

impl State for Held {
    type Config = ();

    fn new(_config: &()) -> Self {
        Self::default()
    }

    fn inherited(self, _config: &()) -> Self {
        let pardoned = self.held || self.pardoned;
        std::mem::forget(self);
        Self { pardoned, ..Self::default() }
    }
}

/// One holder at a time. A handle: its clones are the same lock.
///
/// # Cancellation
/// A waiter that is dropped leaves the line; one that had been granted the lock passes it on.
///
/// # Threads and loops
/// Any thread and any async runtime at once. In a forked child it is not held, and the release of a hold from before
/// the fork does nothing.
///
/// # Example
/// ```
/// use simul_sync::Lock;
/// let lock = Lock::new();
/// let held = lock.acquire().wait()?;
/// assert!(lock.locked());
/// drop(held);
/// assert!(!lock.locked());
/// # Ok::<(), simul_core::Error>(())
/// ```
///
/// In a task; one that is cancelled while it waits leaves the line:
/// ```
/// use simul_sync::Lock;
/// use std::time::Duration;
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> simul_core::Result<()> {
///     let lock = Lock::new();
///     let held = lock.acquire().await?;
///     let late = tokio::time::timeout(Duration::from_millis(1), lock.acquire()).await;
///     assert!(late.is_err(), "it is held");
///     drop(held);
///     assert!(lock.acquire_nowait(), "who gave up is in no line");
///     lock.release()
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Lock(Arc<Body<Held>>);

impl Default for Lock {
    fn default() -> Self {
        Self::new()
    }
}

impl Lock {
    /// A lock that nobody holds.
    pub fn new() -> Self {
        Self(Arc::new(Body::new(())))
    }

    /// A call that waits until the lock is held.
    pub fn acquire(&self) -> Lazy<Acquire> {
        Lazy::new(Acquire(self.clone()))
    }

    /// Takes the lock if it is free.
    pub fn acquire_nowait(&self) -> bool {
        !std::mem::replace(&mut self.0.lock().held, true)
    }

    /// Takes the lock or a place in the line, for bindings; whoever gets it must [`release`](Self::release).
    pub fn enter(&self) -> Entered<Self> {
        let mut state = self.0.lock();
        if !std::mem::replace(&mut state.held, true) {
            return Entered::Now(());
        }
        let core = state.line.join();
        drop(state);
        Entered::Later(Wait::new(core, self.clone()))
    }

    /// Gives the lock up: to the first who waits, else it is free.
    ///
    /// # Errors
    /// `Invalid` if nobody holds it.
    pub fn release(&self) -> Result<()> {
        let mut state = self.0.lock();
        if !state.held {
            if std::mem::take(&mut state.pardoned) {
                return Ok(());
            }
            return Err(Error::new(Kind::Invalid, "the lock is not held: release() without acquire()"));
        }
        let wake = state.line.grant(());
        state.held = wake.is_ok();
        drop(state);
        drop(wake);
        Ok(())
    }

    /// Whether somebody holds it.
    pub fn locked(&self) -> bool {
        self.0.lock().held
    }

    /// Who holds and who waits.
    pub fn statistics(&self) -> LockStatistics {
        let state = self.0.lock();
        LockStatistics { locked: state.held, waiting: state.line.len() }
    }
}

impl Source for Lock {
    type Grant = ();

    fn give_back(&self, (): ()) {
        // It was granted, so it is held; a forked child holds nothing.
        let _ = self.release();
    }

    fn left(&self) {
        self.0.lock().line.left();
    }
}

/// Begins [`Lock::acquire`].
#[derive(Debug)]
pub struct Acquire(Lock);

impl Call for Acquire {
    type Source = Lock;
    type Output = LockGuard;

    fn enter(&mut self) -> Result<Entered<Lock>> {
        Ok(self.0.enter())
    }

    fn finish(&mut self, (): ()) -> LockGuard {
        LockGuard(self.0.clone())
    }
}

/// The lock is held until this is dropped.
#[derive(Debug)]
#[must_use = "the lock is released when this is dropped"]
pub struct LockGuard(pub(crate) Lock);

impl Drop for LockGuard {
    fn drop(&mut self) {
        // Released by hand before: then there is nothing to do.
        let _ = self.0.release();
    }
}
