//! The call for which a loop is turned on this thread, and the end of that.
//!
//! asyncio stops a loop from a callback of the task that it waits for, which comes a turn after the task's last step.
//! Here each step of such a task comes by (see [`super::own_context`]): the loop is stopped in the very turn in which
//! the task ends, where nothing else has been scheduled that was to have its turn.

use super::call_soon::CallSoon;
use pyo3::intern;
use pyo3::prelude::*;
use std::cell::RefCell;

thread_local! {
    /// Of the innermost call: those further out stand still.
    static TURNED: RefCell<Option<Turned>> = const { RefCell::new(None) };
}

struct Turned {
    task: Py<PyAny>,
    event_loop: Py<PyAny>,
    call_soon: Py<CallSoon>,
    stopped: bool,
}

/// Until it is dropped, the loop is turned for this task.
pub(super) struct Scope<'py> {
    _py: Python<'py>,
    outer: Option<Turned>,
}

impl<'py> Scope<'py> {
    pub(super) fn begin(event_loop: &Py<PyAny>, call_soon: &Py<CallSoon>, task: &Bound<'py, PyAny>) -> Self {
        let py = task.py();
        let turned = Turned {
            task: task.clone().unbind(),
            event_loop: event_loop.clone_ref(py),
            call_soon: call_soon.clone_ref(py),
            stopped: false,
        };
        Self { _py: py, outer: TURNED.replace(Some(turned)) }
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let ended = TURNED.replace(self.outer.take());
        drop(ended);
    }
}

/// A step in the caller's own context has ended: stops the loop if the call has.
#[inline]
pub(super) fn step_ended(py: Python<'_>) -> PyResult<()> {
    let task = TURNED.with_borrow(|turned| {
        let turned = turned.as_ref().filter(|turned| !turned.stopped)?;
        turned.call_soon.get().own_ran();
        Some(turned.task.bind(py).clone())
    });
    match task {
        Some(task) if task.call_method0(intern!(py, "done"))?.is_truthy()? => stop(py),
        _ => Ok(()),
    }
}

fn stop(py: Python<'_>) -> PyResult<()> {
    let found = TURNED.with_borrow_mut(|turned| {
        turned.as_mut().map(|turned| {
            turned.stopped = true;
            (turned.event_loop.bind(py).clone(), turned.call_soon.bind(py).clone())
        })
    });
    let Some((event_loop, call_soon)) = found else { return Ok(()) };
    match call_soon.get().is_quiet() {
        true => event_loop.call_method0(intern!(py, "stop")).map(drop),
        false => call_soon.get().schedule_unnoted(&event_loop.getattr(intern!(py, "stop"))?),
    }
}
