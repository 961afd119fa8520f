//! The hook that hears of forgotten work: Jobs and operations that nobody waited for, errors that nobody read.
//!
//! Off, it costs one relaxed load where an operation is made, where a Job is dropped after its end, and where a loop is
//! met for the first time or stands still.

use crate::delivery::site::Site;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

static ON: AtomicBool = AtomicBool::new(false);

/// Touched by attached threads only, never across a call into Python.
static HOOK: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// Whether somebody listens.
#[inline]
pub(crate) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Where the caller stands, if somebody listens: for objects whose line nobody else asks for.
#[inline]
pub(crate) fn site() -> Option<Site> {
    if is_on() { Python::try_attach(Site::of_caller).flatten() } else { None }
}

/// Calls the hook with `(kind, name, file, line, detail)`. May be called from a destructor: an exception on its way
/// stays on its way.
pub(crate) fn tell(py: Python<'_>, kind: &str, name: &str, site: Option<&Site>, detail: &str) {
    let hook = HOOK.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|hook| hook.clone_ref(py));
    let Some(hook) = hook else { return };
    let raised = PyErr::take(py);
    let told = (|| {
        let file = site.map(|site| site.file(py)).transpose()?;
        let line = site.map_or(0, |site| site.line(py));
        hook.call1(py, (kind, name, file, line, detail))
    })();
    if let Err(error) = told {
        error.write_unraisable(py, None);
    }
    if let Some(raised) = raised {
        raised.restore(py);
    }
}

/// Lets detection know of a loop that simul meets, which it may not find by itself. May be called from anywhere.
#[inline]
pub(crate) fn meet(event_loop: &Bound<'_, PyAny>) {
    if is_on() {
        tell_of_loop(event_loop);
    }
}

#[cold]
fn tell_of_loop(event_loop: &Bound<'_, PyAny>) {
    let py = event_loop.py();
    let hook = HOOK.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|hook| hook.clone_ref(py));
    if let Some(hook) = hook
        && let Err(error) = hook.call1(py, ("loop", event_loop, py.None(), 0, ""))
    {
        error.write_unraisable(py, None);
    }
}

/// Sets the hook that hears of forgotten work, and of loops (kind `loop`, the loop in place of a name); None takes it
/// away.
#[pyfunction]
#[pyo3(name = "_watch_forgotten")]
fn watch_forgotten(hook: Option<Py<PyAny>>) {
    ON.store(hook.is_some(), Ordering::Relaxed);
    let before = std::mem::replace(&mut *HOOK.lock().unwrap_or_else(PoisonError::into_inner), hook);
    drop(before);
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(watch_forgotten, module)?)
}
