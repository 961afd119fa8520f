//! Which interpreter may load simul: the main one. Loops, threads and classes are kept once a process.

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Refuses to be loaded into a subinterpreter, which would share objects with the main interpreter.
pub(crate) fn refuse_subinterpreter(_py: Python<'_>) -> PyResult<()> {
    // SAFETY: attached, as `_py` shows; both calls only return pointers, which are compared and never read.
    let is_main = unsafe { ffi::PyInterpreterState_Get() == ffi::PyInterpreterState_Main() };
    match is_main {
        true => Ok(()),
        false => Err(PyImportError::new_err(
            "simul cannot be loaded into a subinterpreter: use it in the main interpreter, or in another process",
        )),
    }
}
