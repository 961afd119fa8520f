//! `call_soon(function, argument, context=context)`, without a dictionary for the keyword: it is called for each wake-up.

use super::upcall::Upcall;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use std::sync::Arc;

/// Asks a loop to call `function(argument)` in `context`.
pub(crate) fn call_soon(
    call_soon: &Bound<'_, PyAny>,
    function: &Bound<'_, PyAny>,
    argument: &Bound<'_, PyAny>,
    context: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = call_soon.py();
    let Some(context) = context else { return call_soon.call1((function, argument)).map(drop) };
    static KEYWORDS: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let keywords =
        KEYWORDS.get_or_try_init(py, || PyTuple::new(py, [pyo3::intern!(py, "context")]).map(Bound::unbind))?;
    let arguments = [function.as_ptr(), argument.as_ptr(), context.as_ptr()];
    // SAFETY: attached; two positional arguments and one keyword, all alive for the call; a new reference or an error.
    unsafe {
        let result = ffi::PyObject_Vectorcall(call_soon.as_ptr(), arguments.as_ptr(), 2, keywords.as_ptr());
        Bound::from_owned_ptr_or_err(py, result).map(drop)
    }
}

/// An upcall as an object that Python can call.
#[pyclass(frozen, module = "simul._simul", name = "_Thunk")]
pub(crate) struct Thunk(pub(crate) Arc<Upcall>);

#[pymethods]
impl Thunk {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.0.run(py)
    }
}
