//! The running loop and its current task, asked of asyncio itself.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

fn get_running_loop(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION
        .get_or_try_init(py, || Ok(py.import("asyncio")?.getattr("_get_running_loop")?.unbind()))
        .map(|function| function.bind(py))
}

/// The loop that runs on this thread, if any.
pub(crate) fn event_loop(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let found = get_running_loop(py)?.call0()?;
    Ok((!found.is_none()).then_some(found))
}

/// The task that runs on this loop right now, if any.
pub(crate) fn task<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = event_loop.py();
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let current_task =
        FUNCTION.get_or_try_init(py, || PyResult::Ok(py.import("asyncio")?.getattr("current_task")?.unbind()))?;
    let found = current_task.bind(py).call1((event_loop,))?;
    Ok((!found.is_none()).then_some(found))
}

/// Where a task keeps how many of its cancels a blocking wait has raised already.
const RAISED: &str = "_simul_raised_cancels";

/// Whether a cancel of this task was asked for, has not been delivered, and was not raised by an earlier wait.
pub(crate) fn cancel_is_due(task: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = task.py();
    let Some(undelivered) = task.getattr_opt(intern!(py, "_must_cancel"))? else { return Ok(false) };
    if !undelivered.is_truthy()? {
        return Ok(false);
    }
    let raised = match task.getattr_opt(intern!(py, RAISED))? {
        Some(raised) => raised.extract()?,
        None => 0,
    };
    Ok(cancelling(task)? > raised)
}

fn cancelling(task: &Bound<'_, PyAny>) -> PyResult<usize> {
    task.call_method0(intern!(task.py(), "cancelling"))?.extract()
}

/// A cancel is about to be raised here: it must not be raised by the next wait too, nor (from Python 3.13, whose
/// `uncancel()` takes the mark back) by the next `await`.
pub(crate) fn take_over_cancel(task: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = task.py();
    if py.version_info() >= (3, 13) {
        task.call_method0(intern!(py, "uncancel"))?;
    }
    task.setattr(intern!(py, RAISED), cancelling(task)?)
}

/// asyncio's own CancelledError, as a task expects it.
pub(crate) fn cancelled_error(py: Python<'_>, message: Option<Bound<'_, PyAny>>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = CLASS
        .get_or_try_init(py, || PyResult::Ok(py.import("asyncio")?.getattr("CancelledError")?.unbind()))
        .and_then(|class| match message {
            Some(message) => class.bind(py).call1((message,)),
            None => class.bind(py).call0(),
        });
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(failed) => failed,
    }
}

/// This thread, as `threading.get_ident()` names it.
pub(crate) fn thread_ident() -> u64 {
    // SAFETY: asks for nothing but the calling thread's number.
    unsafe { pyo3::ffi::PyThread_get_thread_ident() }
}
