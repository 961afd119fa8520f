//! What `set_sync` and `set_async` have said.
//!
//! It stands in a context variable, so that tasks do not disturb each other, and names the thread and the loop that it
//! was said for: elsewhere it says nothing, however the variable got there.

use super::switches::Switches;
use crate::bind::job::this_thread;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether anybody has ever said anything; spares others the look.
static EVER: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Set by a coroutine of the call that runs on this thread: its end forgets what was said for its loop.
    static SET: Cell<bool> = const { Cell::new(false) };
}

#[pyclass(frozen, module = "simul._simul", name = "_Mode")]
struct Mode {
    asynchronous: bool,
    thread: u64,
    /// None: said where no loop was running.
    event_loop: Option<Py<PyWeakrefReference>>,
    /// What was said elsewhere and holds there again once this is taken back: a bridged coroutine shares the context
    /// of its caller.
    before: Option<Py<PyAny>>,
}

impl Mode {
    fn holds_for(&self, running: Option<&Bound<'_, PyAny>>) -> bool {
        if self.thread != this_thread() {
            return false;
        }
        match (&self.event_loop, running) {
            (None, None) => true,
            (Some(held), Some(running)) => held.bind(running.py()).upgrade().is_some_and(|held| held.is(running)),
            _ => false,
        }
    }
}

fn variable(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static VARIABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    VARIABLE
        .get_or_try_init(py, || Ok(py.import("contextvars")?.getattr("ContextVar")?.call1(("simul_mode",))?.unbind()))
        .map(|variable| variable.bind(py))
}

fn said(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let variable = variable(py)?;
    let mut value = std::ptr::null_mut();
    // SAFETY: attached; `variable` is a ContextVar. 0 means that `value` is a new reference, or null for "not set".
    let found = unsafe { ffi::PyContextVar_Get(variable.as_ptr(), std::ptr::null_mut(), &raw mut value) };
    if found != 0 {
        return Err(PyErr::fetch(py));
    }
    // SAFETY: as said.
    Ok(unsafe { Bound::from_owned_ptr_or_opt(py, value) })
}

/// Whether a call here is one of async code: by what was said, else by whether a loop is running.
#[inline]
pub(crate) fn is_async(py: Python<'_>, running: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
    if EVER.load(Ordering::Relaxed)
        && let Some(said) = said(py)?
        && let Ok(mode) = said.cast::<Mode>()
        && mode.get().holds_for(running)
    {
        return Ok(mode.get().asynchronous);
    }
    Ok(running.is_some())
}

#[inline]
pub(crate) fn was_set() -> bool {
    SET.get()
}

/// A call on this loop has ended: what its coroutine said does not hold for the next one.
pub(crate) fn forget(py: Python<'_>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(said) = said(py)?
        && let Ok(mode) = said.cast::<Mode>()
        && mode.get().holds_for(Some(event_loop))
    {
        SET.set(false);
        variable(py)?.call_method1("set", (&mode.get().before,))?;
    }
    Ok(())
}

/// True: async; False: sync; None: look whether a loop is running.
#[pyfunction]
#[pyo3(name = "set_mode", signature = (asynchronous))]
fn set_mode(py: Python<'_>, asynchronous: Option<bool>) -> PyResult<()> {
    let running = Switches::of(py)?.running(py)?;
    let said = said(py)?.filter(|said| !said.is_none());
    let here = said
        .as_ref()
        .and_then(|said| said.cast::<Mode>().ok().map(Bound::get))
        .filter(|mode| mode.holds_for(running.as_ref()));
    let before = match here {
        Some(mode) => mode.before.as_ref().map(|before| before.clone_ref(py)),
        None => said.as_ref().map(|said| said.clone().unbind()),
    };
    let value = match asynchronous {
        None => before,
        Some(asynchronous) => {
            EVER.store(true, Ordering::Relaxed);
            SET.set(running.is_some());
            let event_loop = running.as_ref().map(PyWeakrefReference::new).transpose()?.map(Bound::unbind);
            Some(Py::new(py, Mode { asynchronous, thread: this_thread(), event_loop, before })?.into_any())
        }
    };
    variable(py)?.call_method1("set", (value,))?;
    Ok(())
}

/// Whether calls here count as made by async code.
#[pyfunction]
#[pyo3(name = "is_async_context")]
fn is_async_context(py: Python<'_>) -> PyResult<bool> {
    is_async(py, Switches::of(py)?.running(py)?.as_ref())
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(set_mode, module)?)?;
    module.add_function(wrap_pyfunction!(is_async_context, module)?)
}
