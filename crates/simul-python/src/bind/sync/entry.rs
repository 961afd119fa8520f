//! What `async with` awaits to enter: one small object for each primitive, used again each time.
//!
//! It keeps no state, so that an `async with` which need not wait makes nothing. It acts when it is awaited, as a
//! coroutine does, and hands over to a call of its own where there is something to wait for.

use super::operation::Operation;
use super::ready::ready;
use pyo3::prelude::*;

/// A primitive that can be entered.
pub(crate) trait Enter: Send + Sync {
    /// Takes it if it is free.
    fn enter_now(&self, py: Python<'_>) -> PyResult<bool>;

    /// The call that waits for it.
    fn enter_later(&self) -> Operation;
}

/// Awaits to None, any number of times; each await enters once.
#[pyclass(frozen, module = "simul._simul", name = "_Entry")]
pub(crate) struct Entry(Box<dyn Enter>);

impl Entry {
    pub(crate) fn new(py: Python<'_>, of: impl Enter + 'static) -> PyResult<Py<Self>> {
        Py::new(py, Self(Box::new(of)))
    }
}

#[pymethods]
impl Entry {
    fn __await__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if self.0.enter_now(py)? {
            return Ok(ready(py)?.into_any());
        }
        Ok(Py::new(py, self.0.enter_later())?.into_any())
    }
}
