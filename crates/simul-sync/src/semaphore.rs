//! [`Semaphore`]: so many holders at a time, first come, first served.

use crate::body::{Body, State};
use crate::lazy::{Call, Lazy};
use crate::line::Line;
use crate::sync::Arc;
use crate::wait::{Entered, Source, Wait};
use simul_core::{Error, Kind, Result};

/// How a semaphore stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SemaphoreStatistics {
    /// How many permits are free.
    pub free: usize,
    /// How many wait.
    pub waiting: usize,
}

/// What a semaphore was made with.
#[derive(Debug, Clone, Copy)]
pub struct Permits {
    count: usize,
    bounded: bool,
}

/// More than none are free only while nobody waits.
#[derive(Debug)]
struct Free {
    free: usize,
    /// In a forked child: how many were out at the fork, whose releases say nothing.
    pardoned: usize,
    line: Line<()>,
}

impl State for Free {
    type Config = Permits;

    fn new(config: &Permits) -> Self {
        Self { free: config.count, pardoned: 0, line: Line::default() }
    }

    fn inherited(self, config: &Permits) -> Self {
        let pardoned = self.pardoned + config.count.saturating_sub(self.free);
        std::mem::forget(self);
        Self { pardoned, ..Self::new(config) }
    }
}

/// So many holders at a time. A handle: its clones are the same semaphore.
///
/// # Cancellation
/// A waiter that is dropped leaves the line; a permit that had been granted to it goes to the next.
///
/// # Threads and loops
/// Any thread and any async runtime at once. In a forked child all permits are free, and the release of one that was
/// taken before the fork does nothing.
///
/// # Example
/// ```
/// use simul_sync::Semaphore;
/// let semaphore = Semaphore::new(2);
/// let one = semaphore.acquire().wait()?;
/// let two = semaphore.acquire().wait()?;
/// assert!(!semaphore.acquire_nowait());
/// drop(one);
/// assert!(semaphore.acquire_nowait());
/// # drop(two);
/// # Ok::<(), simul_core::Error>(())
/// ```
///
/// In tasks, at most so many at a time:
/// ```
/// use simul_sync::Semaphore;
///
/// async fn fetch(semaphore: &Semaphore) -> simul_core::Result<usize> {
///     let _permit = semaphore.acquire().await?;
///     tokio::task::yield_now().await;
///     Ok(semaphore.statistics().free)
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> simul_core::Result<()> {
///     let semaphore = Semaphore::new(2);
///     let (a, b, c) = tokio::join!(fetch(&semaphore), fetch(&semaphore), fetch(&semaphore));
///     assert!([a?, b?, c?].iter().all(|free| *free < 2));
///     assert_eq!(semaphore.statistics().free, 2);
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Semaphore(Arc<Body<Free>>);

impl Semaphore {
    /// A semaphore with `permits` free ones; a release more than there were acquires adds one.
    pub fn new(permits: usize) -> Self {
        Self(Arc::new(Body::new(Permits { count: permits, bounded: false })))
    }

    /// A semaphore that refuses to have more than `permits` free ones.
    pub fn bounded(permits: usize) -> Self {
        Self(Arc::new(Body::new(Permits { count: permits, bounded: true })))
    }

    /// A call that waits until it has a permit.
    pub fn acquire(&self) -> Lazy<Acquire> {
        Lazy::new(Acquire(self.clone()))
    }

    /// Takes a permit if one is free.
    pub fn acquire_nowait(&self) -> bool {
        let mut state = self.0.lock();
        match state.free {
            0 => false,
            _ => {
                state.free -= 1;
                true
            }
        }
    }

    /// Takes a permit or a place in the line, for bindings; whoever gets it must [`release`](Self::release).
    pub fn enter(&self) -> Entered<Self> {
        let mut state = self.0.lock();
        if state.free > 0 {
            state.free -= 1;
            return Entered::Now(());
        }
        let core = state.line.join();
        drop(state);
        Entered::Later(Wait::new(core, self.clone()))
    }

    /// Gives a permit back: to the first who waits, else it is free.
    ///
    /// # Errors
    /// `Invalid` if the semaphore is bounded and all its permits are free.
    pub fn release(&self) -> Result<()> {
        let Permits { count, bounded } = *self.0.config();
        let mut state = self.0.lock();
        if state.pardoned > 0 && state.free >= count {
            // Nothing is out in this process: it was taken before the fork.
            state.pardoned -= 1;
            return Ok(());
        }
        if bounded && state.free >= count {
            return Err(Error::new(Kind::Invalid, "BoundedSemaphore released too many times"));
        }
        let wake = state.line.grant(());
        if wake.is_err() {
            state.free = state.free.saturating_add(1);
        }
        drop(state);
        drop(wake);
        Ok(())
    }

    /// Whether no permit is free.
    pub fn locked(&self) -> bool {
        self.0.lock().free == 0
    }

    /// How many are free and how many wait.
    pub fn statistics(&self) -> SemaphoreStatistics {
        let state = self.0.lock();
        SemaphoreStatistics { free: state.free, waiting: state.line.len() }
    }
}

impl Source for Semaphore {
    type Grant = ();

    fn give_back(&self, (): ()) {
        // It was granted, so it is not one too many.
        let _ = self.release();
    }

    fn left(&self) {
        self.0.lock().line.left();
    }
}

/// Begins [`Semaphore::acquire`].
#[derive(Debug)]
pub struct Acquire(Semaphore);

impl Call for Acquire {
    type Source = Semaphore;
    type Output = SemaphoreGuard;

    fn enter(&mut self) -> Result<Entered<Semaphore>> {
        Ok(self.0.enter())
    }

    fn finish(&mut self, (): ()) -> SemaphoreGuard {
        SemaphoreGuard(self.0.clone())
    }
}

/// A permit, given back when this is dropped.
#[derive(Debug)]
#[must_use = "the permit is given back when this is dropped"]
pub struct SemaphoreGuard(Semaphore);

impl Drop for SemaphoreGuard {
    fn drop(&mut self) {
        let _ = self.0.release();
    }
}
