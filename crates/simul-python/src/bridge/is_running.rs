//! `is_running` of a loop that the bridge owns: it says yes in the first step of a call too, before the loop is turned.

use super::switches::Switches;
use crate::delivery::nesting;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Set as an attribute of that one loop.
#[pyclass(frozen, module = "simul._simul", name = "_IsRunning")]
pub(crate) struct IsRunning {
    /// The loop's own; None once the bridge has closed it.
    original: Mutex<Option<Py<PyAny>>>,
}

impl IsRunning {
    pub(crate) fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { original: Mutex::new(Some(event_loop.getattr("is_running")?.unbind())) })
    }

    pub(crate) fn release(&self) {
        let held = self.original.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(held);
    }
}

#[pymethods]
impl IsRunning {
    fn __call__(&self, py: Python<'_>) -> PyResult<bool> {
        let held = self.original.lock().unwrap_or_else(PoisonError::into_inner);
        // `Bound`: an owner that is not would have to know that it is dropped attached.
        let original = held.as_ref().map(|original| original.bind(py).clone());
        drop(held);
        let Some(original) = original else { return Ok(false) };
        if original.call0()?.is_truthy()? {
            return Ok(true);
        }
        let event_loop = original.getattr(pyo3::intern!(py, "__self__"))?;
        Ok(nesting::stands_still(&event_loop, Switches::of(py)?.running(py)?.as_ref()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.original.try_lock() {
            Ok(held) => visit.call(&*held),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        self.release();
    }
}
