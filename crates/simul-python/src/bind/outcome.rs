//! The outcome of a Job, on its way from Rust into Python.

use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::types::PyTraceback;
use simul_core::Error;
use simul_engine::job::cancelled;
use simul_engine::panics;
use simul_wake::{Core, Header};
use std::sync::{Arc, Mutex, PoisonError};

/// Work of one type of outcome, with its way into Python.
pub(super) trait Work: Send + Sync {
    fn header(&self) -> &Header;
    /// Called once, attached, after the end.
    fn settle(&self, py: Python<'_>, name: &str) -> Settled;
}

pub(super) type Convert<T> = Box<dyn FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send>;

pub(super) struct Typed<T> {
    core: Arc<Core<T>>,
    convert: Mutex<Option<Convert<T>>>,
}

impl<T> Typed<T> {
    pub(super) fn new(
        core: Arc<Core<T>>,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self {
        Self { core, convert: Mutex::new(Some(Box::new(convert))) }
    }
}

impl<T: Send> Work for Typed<T> {
    fn header(&self) -> &Header {
        self.core.header()
    }

    fn settle(&self, py: Python<'_>, name: &str) -> Settled {
        let convert = self.convert.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (self.core.take(), convert) {
            (Some(Ok(value)), Some(convert)) => match panics::caught(|| convert(py, value)) {
                Ok(Ok(value)) => Settled::Value(value),
                Ok(Err(raised)) => Settled::raised(py, raised),
                Err(panic) => Settled::Failed(panic),
            },
            (Some(Err(error)), _) => Settled::Failed(error),
            _ => Settled::Failed(cancelled(name)),
        }
    }
}

/// An outcome as Python sees it.
pub(super) enum Settled {
    Value(Py<PyAny>),
    /// Each awaiter gets a fresh exception.
    Failed(Error),
    /// Born in Python: each awaiter gets this very one, with the traceback it was born with.
    Raised(Py<PyBaseException>, Option<Py<PyTraceback>>),
}

impl Settled {
    fn raised(py: Python<'_>, error: PyErr) -> Self {
        let error = match error.is_instance_of::<PyStopIteration>(py) {
            // It would look like the result of the await.
            true => {
                let wrapped = PyRuntimeError::new_err("the conversion of a Job's result raised StopIteration");
                wrapped.set_cause(py, Some(error));
                wrapped
            }
            false => error,
        };
        let traceback = error.traceback(py).map(Bound::unbind);
        Self::Raised(error.into_value(py), traceback)
    }
}
