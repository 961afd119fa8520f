//! Context variables across threads: one Context object is entered by one thread at a time, and crosses with the call.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Whether this is a Context of the interpreter, and not something that only has its `run`.
pub(super) fn is_context(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached; the check reads the object's type.
    unsafe { ffi::PyContext_CheckExact(object.as_ptr()) != 0 }
}

/// Makes `context` the current one of this thread, until [`exit`].
///
/// # Errors
/// RuntimeError while another thread, or code further out on this one, is in it.
pub(super) fn enter(context: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: attached; a Context, by `is_context` or by its making here; the error, if any, is fetched at once.
    match unsafe { ffi::PyContext_Enter(context.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(context.py())),
    }
}

/// Leaves `context`.
///
/// # Errors
/// RuntimeError where it is not the innermost one of this thread.
pub(super) fn exit(context: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: as in `enter`.
    match unsafe { ffi::PyContext_Exit(context.as_ptr()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(context.py())),
    }
}

/// A copy of this thread's current context.
pub(super) fn copy_current(py: Python<'_>) -> PyResult<Py<PyAny>> {
    // SAFETY: attached; a new reference or an error.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()).map(Bound::unbind) }
}

/// A copy of a context that may be in use elsewhere.
pub(super) fn copy(context: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    // SAFETY: attached; a Context, as in `enter`; a new reference or an error.
    unsafe { Bound::from_owned_ptr_or_err(context.py(), ffi::PyContext_Copy(context.as_ptr())).map(Bound::unbind) }
}

/// Sets here what differs between two contexts. A variable that lost its value keeps the one that it has here: only
/// its own token could take it away.
pub(super) fn write_back(before: &Bound<'_, PyAny>, after: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = after.py();
    // No variable's value: made here.
    let missing = PyTuple::new(py, [py.None()])?;
    for item in after.call_method0("items")?.try_iter()? {
        let (variable, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
        if !before.call_method1("get", (&variable, &missing))?.is(&value) {
            variable.call_method1("set", (value,))?;
        }
    }
    Ok(())
}
