//! What `simul.Condition` waits for: its lock and the order of its steps are `python/simul/sync/condition.py`'s.

use super::operation::{Asker, Begun, Call, Operation};
use crate::bind::errors;
use crate::delivery::own_turn;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use simul_sync::Wait;

/// Those who wait to be told.
#[pyclass(frozen, module = "simul._simul", name = "_Condition")]
pub(crate) struct Condition(simul_sync::Condition);

#[pymethods]
impl Condition {
    #[new]
    fn new() -> Self {
        Self(simul_sync::Condition::new())
    }

    /// A place among those who wait, taken now; whoever gets it awaits it, or leaves it by dropping it.
    fn join(&self) -> Operation {
        let wait = self.0.join();
        let header = wait.as_header();
        Operation::begun(Box::new(Told(Some(wait))), header)
    }

    /// Tells up to `count` of them; how many it told.
    fn notify(&self, py: Python<'_>, count: usize) -> PyResult<usize> {
        own_turn::within(py, || self.0.notify(count))
    }

    fn waiting(&self) -> usize {
        self.0.waiting()
    }
}

struct Told(Option<Wait<simul_sync::Condition>>);

impl Call for Told {
    fn name(&self) -> &'static str {
        "Condition.wait"
    }

    fn begin(&mut self, _py: Python<'_>, _asker: Asker) -> PyResult<Begun> {
        Err(PyRuntimeError::new_err("this wait has begun already"))
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some(mut wait) = self.0.take() else { return Err(PyRuntimeError::new_err("this call has ended")) };
        wait.take().map_err(|error| errors::to_pyerr(py, &error))?;
        Ok(py.None())
    }

    fn traverse(&self, _visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }
}
