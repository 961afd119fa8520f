//! What is returned where a coroutine is expected and there is nothing to wait for: the end of an `async with`.

use crate::delivery::thrown::thrown;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Awaits to None, any number of times.
#[pyclass(frozen, module = "simul._simul", name = "_Ready")]
pub(crate) struct Ready;

/// The only one.
pub(crate) fn ready(py: Python<'_>) -> PyResult<Py<Ready>> {
    static READY: PyOnceLock<Py<Ready>> = PyOnceLock::new();
    READY.get_or_try_init(py, || Py::new(py, Ready)).map(|ready| ready.clone_ref(py))
}

#[pymethods]
impl Ready {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self) -> Option<Py<PyAny>> {
        None
    }

    fn send(&self, _value: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(pyo3::exceptions::PyStopIteration::new_err(()))
    }

    /// With this it is a coroutine object to those who ask, so that a task can be made of it.
    #[pyo3(signature = (exception, value=None, traceback=None))]
    fn throw(
        &self,
        exception: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Err(thrown(exception, value, traceback)?)
    }

    fn close(&self) {}
}
