//! Event loops of this thread that stand still, because code that they run has called the bridge, which turns another
//! loop on the same thread meanwhile.
//!
//! Whoever is about to wait asks here: what only such a loop can finish would never come.

use crate::bind::errors;
use crate::detection::forgotten;
use pyo3::prelude::*;
use std::cell::RefCell;

thread_local! {
    /// Addresses only, compared and never followed: who blocks a loop holds it until it unblocks it.
    static BLOCKED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Says that a loop of this thread stands still from now on.
#[pyfunction]
#[pyo3(name = "_block_loop")]
pub(crate) fn block(event_loop: &Bound<'_, PyAny>) {
    forgotten::meet(event_loop);
    BLOCKED.with_borrow_mut(|blocked| blocked.push(event_loop.as_ptr().addr()));
}

/// Takes back the last `_block_loop` of this loop on this thread.
#[pyfunction]
#[pyo3(name = "_unblock_loop")]
pub(crate) fn unblock(event_loop: &Bound<'_, PyAny>) {
    BLOCKED.with_borrow_mut(|blocked| {
        if let Some(place) = blocked.iter().rposition(|&held| held == event_loop.as_ptr().addr()) {
            blocked.remove(place);
        }
    });
}

/// Whether a loop of this thread stands still below the code that runs now.
pub(crate) fn is_blocked(event_loop: &Bound<'_, PyAny>) -> bool {
    BLOCKED.with_borrow(|blocked| blocked.contains(&event_loop.as_ptr().addr()))
}

/// Whether any loop of this thread stands still below the code that runs now.
pub(crate) fn any_blocked() -> bool {
    BLOCKED.with_borrow(|blocked| !blocked.is_empty())
}

/// Whether this loop cannot turn while this thread waits; `running` is the loop that this thread runs, where the wait is
/// one that blocks it.
pub(crate) fn stands_still(event_loop: &Bound<'_, PyAny>, running: Option<&Bound<'_, PyAny>>) -> bool {
    running.is_some_and(|running| running.is(event_loop)) || is_blocked(event_loop)
}

/// Refuses to wait for `what`, which needs a loop that stands still.
pub(crate) fn refuse(
    py: Python<'_>,
    what: &str,
    needs: &Bound<'_, PyAny>,
    running: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    if !stands_still(needs, running) {
        return Ok(());
    }
    let message = format!(
        "{what} cannot end before this call returns: it needs the event loop that this call holds up. Await it in the \
         coroutine that runs on that loop, or make this call from another thread (simul.to_thread)"
    );
    Err(errors::raise(py, "NestedLoopError", &message)?)
}
