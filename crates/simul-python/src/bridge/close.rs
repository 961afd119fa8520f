//! `close` of a loop that the bridge owns: when somebody else calls it, no call may begin there any more.

use super::switches::Switches;
use crate::delivery::nesting;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Set as an attribute of that one loop.
#[pyclass(frozen, module = "simul._simul", name = "_Close")]
pub(crate) struct Close {
    /// The loop's own; None once the bridge itself closes it.
    original: Mutex<Option<Py<PyAny>>>,
    closed: AtomicBool,
}

impl Close {
    pub(crate) fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let original = event_loop.getattr("close")?.unbind();
        Ok(Self { original: Mutex::new(Some(original)), closed: AtomicBool::new(false) })
    }

    #[inline]
    pub(crate) fn was_called(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn release(&self) {
        let held = self.original.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(held);
    }
}

#[pymethods]
impl Close {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let held = self.original.lock().unwrap_or_else(PoisonError::into_inner);
        // `Bound`: an owner that is not would have to know that it is dropped attached.
        let original = held.as_ref().map(|original| original.bind(py).clone());
        drop(held);
        let Some(original) = original else { return Ok(()) };
        let event_loop = original.getattr(pyo3::intern!(py, "__self__"))?;
        // In the first step of a call the loop is not turned yet, and would let itself be closed under that call.
        if nesting::stands_still(&event_loop, Switches::of(py)?.running(py)?.as_ref()) {
            return Err(PyRuntimeError::new_err("Cannot close a running event loop"));
        }
        original.call0()?;
        self.closed.store(true, Ordering::Relaxed);
        Ok(())
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
