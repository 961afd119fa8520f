//! A call on a primitive that needs to know nobody: whoever asks is treated alike.

use super::operation::{Asker, Begun, Call, Operation};
use crate::bind::errors;
use crate::delivery::own_turn;
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use simul_core::Error;
use simul_sync::wait::Source;
use simul_sync::{Entered, Wait};

/// What a primitive says of one of its calls.
pub(crate) struct Kind<S: Source> {
    /// As users know it: `Event.wait`.
    pub(crate) name: &'static str,
    pub(crate) enter: fn(&S) -> Result<Entered<S>, Error>,
    /// What the call returns for a grant.
    pub(crate) value: fn(Python<'_>, S::Grant) -> PyResult<Py<PyAny>>,
    pub(crate) refusal: fn(Python<'_>, &Error) -> PyErr,
}

/// One such call.
pub(crate) struct Plain<S: Source + 'static> {
    source: S,
    kind: &'static Kind<S>,
    wait: Option<Wait<S>>,
}

impl<S: Source + 'static> Plain<S> {
    pub(crate) fn call(source: S, kind: &'static Kind<S>) -> Operation {
        Operation::new(Box::new(Self { source, kind, wait: None }))
    }
}

impl<S: Source + 'static> Call for Plain<S> {
    fn name(&self) -> &'static str {
        self.kind.name
    }

    fn begin(&mut self, py: Python<'_>, _asker: Asker) -> PyResult<Begun> {
        // The last one to come may let others go.
        match own_turn::within(py, || (self.kind.enter)(&self.source))? {
            Ok(Entered::Now(grant)) => (self.kind.value)(py, grant).map(Begun::Now),
            Ok(Entered::Later(wait)) => {
                let header = wait.as_header();
                self.wait = Some(wait);
                Ok(Begun::Later(header))
            }
            Err(error) => Err((self.kind.refusal)(py, &error)),
        }
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some(mut wait) = self.wait.take() else { return Err(PyRuntimeError::new_err("this call has ended")) };
        let grant = wait.take().map_err(|error| (self.kind.refusal)(py, &error))?;
        (self.kind.value)(py, grant)
    }

    fn traverse(&self, _visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }
}

/// `True`, as asyncio's `acquire()` and `wait()` return.
pub(crate) fn truth(py: Python<'_>, (): ()) -> PyResult<Py<PyAny>> {
    Ok(true.into_pyobject(py)?.to_owned().into_any().unbind())
}

/// None, for a `with` that binds nothing.
pub(crate) fn nothing(py: Python<'_>, (): ()) -> PyResult<Py<PyAny>> {
    Ok(py.None())
}

/// The exception of the error's kind.
pub(crate) fn by_kind(py: Python<'_>, error: &Error) -> PyErr {
    errors::to_pyerr(py, error)
}
