//! The context object that means "the caller's".
//!
//! A bridged coroutine runs in the very context of its caller, so that what it sets is there afterwards and a token can
//! be reset in a later call. The caller's context is entered already, and a context cannot be entered twice: so the task
//! gets this object, which enters nothing. Tasks, futures and handles ask a context for nothing but `run`.

use super::turned;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

#[pyclass(frozen, weakref, module = "simul._simul", name = "_OwnContext")]
pub(crate) struct OwnContext;

fn current(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("contextvars")?.call_method0("copy_context")
}

#[pymethods]
impl OwnContext {
    /// Call where we are: this context is entered already.
    #[pyo3(signature = (function, *args, **kwargs))]
    fn run<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let outcome = function.call(args, kwargs)?;
        turned::step_ended(function.py())?;
        Ok(outcome)
    }

    /// A real context with the variables as they are now.
    fn copy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        current(py)
    }

    fn __getitem__<'py>(&self, variable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        current(variable.py())?.get_item(variable)
    }

    #[pyo3(signature = (variable, default=None))]
    fn get<'py>(
        &self,
        variable: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        current(variable.py())?.call_method1("get", (variable, default))
    }

    fn __contains__(&self, variable: &Bound<'_, PyAny>) -> PyResult<bool> {
        current(variable.py())?.contains(variable)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        current(py)?.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(current(py)?.try_iter()?.into_any())
    }

    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        current(py)?.call_method0("keys")
    }

    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        current(py)?.call_method0("values")
    }

    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        current(py)?.call_method0("items")
    }
}

/// The context object that means "the caller's"; for tasks of loops that the bridge owns.
#[pyfunction]
#[pyo3(name = "own_context")]
fn own_context(py: Python<'_>) -> PyResult<Py<OwnContext>> {
    Ok(super::switches::Switches::of(py)?.own_context.clone_ref(py))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(own_context, module)?)
}
