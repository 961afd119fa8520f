//! Waking tasks of the loop that runs on this very thread: by `call_soon`, at once, with no bell.
//!
//! A task that releases a lock for another task of its loop then costs no system call, and the other task runs in the
//! next turn, where asyncio's own lock would have it run.

use super::bell::WakeFd;
use super::loops::LoopInbox;
use super::running;
use pyo3::prelude::*;
use simul_wake::{Bell, gate};
use std::cell::{Cell, RefCell};
use std::sync::Arc;

thread_local! {
    /// Whether bells that would be rung here are kept for the end of the scope.
    static KEEPING: Cell<bool> = const { Cell::new(false) };
    static KEPT: RefCell<Vec<Arc<WakeFd>>> = const { RefCell::new(Vec::new()) };
}

/// Asked by a bell before it rings.
///
/// # Returns
/// Whether it need not: the end of the scope sees to it.
pub(super) fn keeps(bell: &Arc<WakeFd>) -> bool {
    let keeping = KEEPING.get();
    if keeping {
        KEPT.with_borrow_mut(|kept| kept.push(bell.clone()));
    }
    keeping
}

/// Runs what may grant something to tasks, and wakes those of this thread's running loop itself.
///
/// # Args
/// `grants`: must neither block nor run Python code: bells of other loops are quiet until it returns.
///
/// # Errors
/// What `call_soon` raises: KeyboardInterrupt. What was granted stays granted.
pub(crate) fn within<T>(py: Python<'_>, grants: impl FnOnce() -> T) -> PyResult<T> {
    let scope = Scope { outer: KEEPING.replace(true) };
    let outcome = grants();
    drop(scope);
    if KEPT.with_borrow(Vec::is_empty) || KEEPING.get() {
        return Ok(outcome);
    }
    wake(py).map(|()| outcome)
}

struct Scope {
    outer: bool,
}

impl Drop for Scope {
    fn drop(&mut self) {
        KEEPING.set(self.outer);
        if std::thread::panicking() {
            KEPT.take().iter().for_each(|bell| bell.ring());
        }
    }
}

#[cold]
fn wake(py: Python<'_>) -> PyResult<()> {
    let kept = KEPT.take();
    // While the interpreter exits, a daemon thread must not be ended in the middle of Python code called from here.
    let inside = gate::enter();
    let here = match inside {
        Some(_) => running::event_loop(py).and_then(|found| found.map_or(Ok(None), |found| LoopInbox::find(&found))),
        None => Ok(None),
    };
    let (here, mut outcome) = match here {
        Ok(here) => (here, Ok(())),
        Err(error) => (None, Err(error)),
    };
    for bell in kept {
        match &here {
            Some(inbox) if outcome.is_ok() && inbox.get().is_woken_by(&bell) => {
                outcome = LoopInbox::deliver_here(inbox);
            }
            _ => bell.ring(),
        }
    }
    outcome
}
