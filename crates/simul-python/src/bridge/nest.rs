//! A call where a loop is running: on a side loop of this thread.
//!
//! The current task is left, no loop is marked as running, the coroutine runs on a loop of its own, and all that is put
//! back. The outer loop stands still meanwhile; what waits for it is told at once (see [`super::guard`]).

use super::first_step::{ThreadLoop, block_on};
use super::guard::Guard;
use super::switches::Switches;
use crate::delivery::nesting;
use pyo3::prelude::*;

/// Runs `inside` with the running loop left; `outer` is that loop.
pub(crate) fn leave<T>(outer: &Bound<'_, PyAny>, inside: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    let py = outer.py();
    let switches = Switches::of(py)?;
    let task = switches.current_task.bind(py).call1((outer,))?;
    // In this order: Python 3.14 asks that the loop of a task that is left or entered be the running one.
    if !task.is_none() {
        switches.leave_task.bind(py).call1((outer, &task))?;
    }
    let left = switches.set_running(py, None);
    nesting::block(outer);
    let outcome = match left {
        Ok(()) => inside(),
        Err(error) => Err(error),
    };
    nesting::unblock(outer);
    switches.set_running(py, Some(&outer.clone().unbind()))?;
    if !task.is_none() {
        switches.enter_task.bind(py).call1((outer, &task))?;
    }
    outcome
}

/// Runs the coroutine to its end, nested in `outer`.
#[inline(never)]
pub(crate) fn run<'py>(outer: &Bound<'py, PyAny>, coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    leave(outer, || on_a_side_loop(coroutine))
}

/// Runs the coroutine to its end, where `own`, the loop of this thread, is turned by the code beneath but not marked as
/// running just now.
#[cold]
pub(crate) fn beside<'py>(own: &Bound<'py, PyAny>, coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    nesting::block(own);
    let outcome = on_a_side_loop(coroutine);
    nesting::unblock(own);
    outcome
}

fn on_a_side_loop<'py>(coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = coroutine.py();
    let python = Switches::of(py)?.thread_loop.bind(py);
    let side = match python.call_method0(pyo3::intern!(py, "take_side_loop")) {
        Ok(side) => side,
        Err(error) => {
            // Nobody will ever await it, and that is no mistake of whoever made it.
            coroutine.call_method0(pyo3::intern!(py, "close"))?;
            return Err(error);
        }
    };
    let outcome = match Guard::around(coroutine) {
        Ok(guarded) => side.cast::<ThreadLoop>()?.get().run(guarded.as_any()),
        Err(error) => Err(error),
    };
    python.call_method1(pyo3::intern!(py, "give_side_loop_back"), (side,))?;
    outcome
}

/// Run a coroutine from plain code and return its result: on this thread's loop, or nested in the running one.
#[pyfunction]
#[pyo3(name = "block_on")]
fn block_on_in_python<'py>(coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    block_on(coroutine, Switches::of(coroutine.py())?.running(coroutine.py())?)
}

/// Call a function as if no loop were running on this thread.
#[pyfunction]
#[pyo3(name = "outside_of_loops")]
fn outside<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match Switches::of(function.py())?.running(function.py())? {
        Some(outer) => leave(&outer, || function.call0()),
        None => function.call0(),
    }
}

/// A coroutine as one that is told at once when it waits for a loop that stands still on this thread.
#[pyfunction]
#[pyo3(name = "guarded")]
fn guard<'py>(coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Guard>> {
    Guard::around(coroutine)
}

/// Whether a loop is running on this thread.
#[pyfunction]
#[pyo3(name = "is_running")]
fn is_running(py: Python<'_>) -> PyResult<bool> {
    Ok(Switches::of(py)?.running(py)?.is_some())
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Guard>()?;
    module.add_function(wrap_pyfunction!(block_on_in_python, module)?)?;
    module.add_function(wrap_pyfunction!(outside, module)?)?;
    module.add_function(wrap_pyfunction!(guard, module)?)?;
    module.add_function(wrap_pyfunction!(is_running, module)?)
}
