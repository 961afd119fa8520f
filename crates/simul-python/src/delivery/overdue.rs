//! An exception of a signal handler that came where none may be raised.
//!
//! Python runs signal handlers wherever its code runs, in a `call_soon` that we call too. Where the call that is under
//! way has done its work and has something to return, raising would lose that: so it is raised at the next step of the
//! main thread, as if the signal had come then.

use super::blocking::is_main_thread;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::sync::{Mutex, PoisonError};

/// The oldest first. Touched by the main thread only, which is attached.
static OVERDUE: Mutex<Vec<PyErr>> = Mutex::new(Vec::new());

/// Raises `error` soon. On another thread, where no handler runs, it is written to stderr as nobody's.
pub(crate) fn raise_soon(py: Python<'_>, error: PyErr) {
    if !matches!(is_main_thread(py), Ok(true)) {
        return error.write_unraisable(py, None);
    }
    OVERDUE.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    // SAFETY: the function lives as long as the process, and takes no argument.
    if unsafe { ffi::Py_AddPendingCall(Some(raise), std::ptr::null_mut()) } != 0
        && let Some(error) = take()
    {
        error.write_unraisable(py, None);
    }
}

fn take() -> Option<PyErr> {
    let mut overdue = OVERDUE.lock().unwrap_or_else(PoisonError::into_inner);
    if overdue.is_empty() { None } else { Some(overdue.remove(0)) }
}

/// Called by the interpreter on its main thread, attached.
extern "C" fn raise(_: *mut c_void) -> c_int {
    let Some(error) = take() else { return 0 };
    Python::attach(|py| error.restore(py));
    -1
}
