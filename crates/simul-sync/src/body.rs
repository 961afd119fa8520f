//! The state of a primitive behind its lock, made anew in a forked child.
//!
//! In the child nobody holds anything: the threads and loops that did are not in that process, and the lock itself may
//! have been taken at the moment of the fork. So a body carries the generation it was made in, and the first to touch it
//! in a child replaces it.

use crate::sync::{AtomicPtr, AtomicU32, Mutex, MutexGuard, Ordering, lock, yield_now};
use simul_wake::generation;
use std::fmt;

/// What stands behind a primitive's lock.
pub trait State: Send + Sized {
    /// What the primitive was made with, and keeps.
    type Config: Send + Sync;

    /// Nobody holds, nobody waits.
    fn new(config: &Self::Config) -> Self;

    /// The state of a forked child, from the parent's at the moment of the fork. Waiters and holders stay behind: they
    /// must be forgotten, not dropped.
    fn inherited(self, config: &Self::Config) -> Self {
        std::mem::forget(self);
        Self::new(config)
    }
}

struct Made<S> {
    generation: u32,
    state: Mutex<S>,
}

/// A state that each process has for itself.
pub struct Body<S: State> {
    config: S::Config,
    /// Never null. What is replaced is leaked, since the parent's threads may be inside.
    made: AtomicPtr<Made<S>>,
    /// The generation in which a thread has taken it upon itself to replace the state.
    renewed: AtomicU32,
}

impl<S: State> Body<S> {
    /// The first state.
    pub fn new(config: S::Config) -> Self {
        generation::watch_forks();
        let made = Box::into_raw(Self::make(S::new(&config)));
        Self { config, made: AtomicPtr::new(made), renewed: AtomicU32::new(generation::current()) }
    }

    fn make(state: S) -> Box<Made<S>> {
        Box::new(Made { generation: generation::current(), state: Mutex::new(state) })
    }

    /// What the primitive was made with.
    pub fn config(&self) -> &S::Config {
        &self.config
    }

    /// The state of this process, locked.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, S> {
        // SAFETY: never null, and never freed before `drop`.
        let made = unsafe { &*self.made.load(Ordering::Acquire) };
        match generation::is_inherited(made.generation) {
            false => lock(&made.state),
            true => self.renew(made),
        }
    }

    /// As [`lock`](Self::lock), for one who must neither wait nor make anything: a garbage collector that looks.
    ///
    /// # Returns
    /// None while it is locked, and in a forked child that has not touched it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, S>> {
        // SAFETY: as in `lock`.
        let made = unsafe { &*self.made.load(Ordering::Acquire) };
        match generation::is_inherited(made.generation) {
            false => made.state.try_lock().ok(),
            true => None,
        }
    }

    #[cold]
    fn renew(&self, inherited: &Made<S>) -> MutexGuard<'_, S> {
        if self.renewed.swap(generation::current(), Ordering::AcqRel) == generation::current() {
            // Another thread of this child does it just now.
            while std::ptr::eq(self.made.load(Ordering::Acquire), inherited) {
                yield_now();
            }
            return self.lock();
        }
        let state = match inherited.state.try_lock() {
            Ok(guard) => {
                // SAFETY: the parent's threads are not in this process, and the lock is never released, so that nobody
                // else of this one reads the value again, nor drops it.
                let state = unsafe { std::ptr::read(&raw const *guard) };
                std::mem::forget(guard);
                state.inherited(&self.config)
            }
            // Held at the moment of the fork: what is behind it may be half-written.
            Err(_) => S::new(&self.config),
        };
        self.made.store(Box::into_raw(Self::make(state)), Ordering::Release);
        self.lock()
    }
}

impl<S: State> Drop for Body<S> {
    fn drop(&mut self) {
        let made = self.made.load(Ordering::Relaxed);
        // SAFETY: the last owner is here; the pointer came from Box::into_raw.
        unsafe {
            if !generation::is_inherited((*made).generation) {
                drop(Box::from_raw(made));
            }
        }
    }
}

impl<S: State> fmt::Debug for Body<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

// SAFETY: the state is reached through its mutex alone.
unsafe impl<S: State> Send for Body<S> {}
// SAFETY: as above; the configuration is Sync.
unsafe impl<S: State> Sync for Body<S> {}
