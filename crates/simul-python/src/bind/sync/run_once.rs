//! What `SmartLock.run_once` returns: a coroutine object that hands each step on to the one that flies.
//!
//! A coroutine cannot be given a `wait()`, and a class written in Python would cost as much for each step as the step.

use crate::bridge::guard::Step;
use pyo3::exceptions::PyStopIteration;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The steps of one call of `run_once`; `simul.sync.smart_lock.RunOnce` has the rest.
#[pyclass(frozen, subclass, weakref, module = "simul._simul", name = "_Flown")]
pub(crate) struct Flown {
    #[pyo3(get, name = "_coroutine")]
    coroutine: Py<PyAny>,
    #[pyo3(get, name = "_lock")]
    lock: Py<PyAny>,
    #[pyo3(get, name = "_call")]
    call: Py<PyAny>,
}

#[pymethods]
impl Flown {
    #[new]
    fn new(coroutine: Py<PyAny>, lock: Py<PyAny>, call: Py<PyAny>) -> Self {
        Self { coroutine, lock, call }
    }

    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match Step::send(self.coroutine.bind(py), py.None().bind(py))? {
            Step::Waits(waits) => Ok(Some(waits)),
            // An end without a value needs no exception object.
            Step::Returned(value) if value.is_none() => Ok(None),
            Step::Returned(value) => Err(PyStopIteration::new_err((value.unbind(),))),
        }
    }

    /// Make one step, as tasks do.
    #[pyo3(signature = (value, /))]
    fn send<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match Step::send(self.coroutine.bind(value.py()), value)? {
            Step::Waits(waits) => Ok(waits),
            Step::Returned(value) => Err(PyStopIteration::new_err((value.unbind(),))),
        }
    }

    /// Raise an exception here, as tasks do when they are cancelled.
    #[pyo3(signature = (*raised))]
    fn throw<'py>(&self, raised: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        self.coroutine.bind(raised.py()).call_method1(intern!(raised.py(), "throw"), raised)
    }

    /// Leave; the work goes on for the others.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.coroutine.bind(py).call_method0(intern!(py, "close")).map(drop)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.coroutine)?;
        visit.call(&self.lock)?;
        visit.call(&self.call)
    }
}
