//! A value of which each process has its own, also after a fork.

use std::fmt;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Something made on first use, and made anew in a forked process: what was inherited (a lock that another thread held at
/// that moment, a thread that did not come along) is never touched there.
///
/// # Cost
/// One atomic load and one `getpid`. What was inherited is leaked.
///
/// # Example
/// ```
/// use simul_engine::per_process::PerProcess;
/// static NAME: PerProcess<String> = PerProcess::new();
/// assert_eq!(NAME.get(|_| "first".to_owned()), "first");
/// assert_eq!(NAME.get(|_| "second".to_owned()), "first");
/// ```
pub struct PerProcess<T>(AtomicPtr<Made<T>>);

struct Made<T> {
    process: u32,
    value: T,
}

impl<T: Send + Sync> PerProcess<T> {
    /// Nothing made yet.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The value, made by `make` if this process has none; `make` hears whether the process was forked from one that had.
    pub fn get(&self, make: impl FnOnce(bool) -> T) -> &T {
        match self.try_get(|forked| Ok::<T, std::convert::Infallible>(make(forked))) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// The value, if this process has one.
    pub fn peek(&self) -> Option<&T> {
        // SAFETY: as in `try_get`.
        let made = unsafe { self.0.load(Ordering::Acquire).as_ref() }?;
        (made.process == std::process::id()).then_some(&made.value)
    }

    /// As [`PerProcess::get`], for values that may fail to be made.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn try_get<E>(&self, make: impl FnOnce(bool) -> Result<T, E>) -> Result<&T, E> {
        let seen = self.0.load(Ordering::Acquire);
        // SAFETY: the pointer is null or came from Box::into_raw below and, once stored, is freed by drop alone.
        if let Some(made) = unsafe { seen.as_ref() }
            && made.process == std::process::id()
        {
            return Ok(&made.value);
        }
        let mine = Box::into_raw(Box::new(Made { process: std::process::id(), value: make(!seen.is_null())? }));
        match self.0.compare_exchange(seen, mine, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: just made, and freed by drop alone from here on.
            Ok(_) => Ok(unsafe { &(*mine).value }),
            Err(winner) => {
                // SAFETY: `mine` was never shared.
                drop(unsafe { Box::from_raw(mine) });
                // SAFETY: once stored it is freed by drop alone.
                Ok(unsafe { &(*winner).value })
            }
        }
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let made = *self.0.get_mut();
        // SAFETY: the pointer is null or came from Box::into_raw, and nobody else holds it: `self` is borrowed mutably.
        let is_own = unsafe { made.as_ref() }.is_some_and(|made| made.process == std::process::id());
        if is_own {
            // SAFETY: as above. What was inherited by fork is leaked instead.
            drop(unsafe { Box::from_raw(made) });
        }
    }
}

impl<T: Send + Sync> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerProcess").finish_non_exhaustive()
    }
}
