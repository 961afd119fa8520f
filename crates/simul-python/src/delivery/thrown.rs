//! What `throw` was given, as CPython's own coroutines understand it.

use pyo3::exceptions::{PyBaseException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyTraceback, PyTuple, PyType};

/// The exception of a `throw`, in either of its forms: `throw(exception)` and `throw(type, value, traceback)`. That the
/// latter is deprecated, the coroutine around says, which hands it on.
///
/// # Errors
/// What was given is no exception: then nothing has been thrown, and whoever was to get it stays as it is. A type that
/// cannot be called with its value is no such error: what it raised is thrown in its place.
pub(crate) fn thrown<'py>(
    exception: &Bound<'py, PyAny>,
    value: Option<&Bound<'py, PyAny>>,
    traceback: Option<&Bound<'py, PyAny>>,
) -> PyResult<PyErr> {
    let py = exception.py();
    let traceback = match traceback.filter(|given| !given.is_none()) {
        None => None,
        Some(given) => Some(
            given
                .cast::<PyTraceback>()
                .map_err(|_| PyTypeError::new_err("throw() third argument must be a traceback object"))?,
        ),
    };
    let value = value.filter(|given| !given.is_none());
    let raised = match exception.cast::<PyType>() {
        Ok(class) if class.is_subclass_of::<PyBaseException>()? => match made(class, value) {
            Ok(raised) => {
                // As if it was raised for the first time; Python 3.14 keeps what it had.
                if traceback.is_some() || py.version_info() < (3, 14) {
                    raised.setattr(pyo3::intern!(py, "__traceback__"), traceback)?;
                }
                return Ok(PyErr::from_value(raised));
            }
            Err(error) => error.into_value(py).into_bound(py).into_any(),
        },
        _ if !exception.is_instance_of::<PyBaseException>() => {
            let message = "exceptions must be classes or instances deriving from BaseException, not ";
            return Err(PyTypeError::new_err(format!("{message}{}", exception.get_type().name()?)));
        }
        _ if value.is_some() => {
            return Err(PyTypeError::new_err("instance exception may not have a separate value"));
        }
        _ => exception.clone(),
    };
    if let Some(traceback) = traceback {
        raised.setattr(pyo3::intern!(py, "__traceback__"), traceback)?;
    }
    Ok(PyErr::from_value(raised))
}

/// An instance of `class`: the value itself, or one that is made of it; a tuple is all of its arguments.
fn made<'py>(class: &Bound<'py, PyType>, value: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    let raised = match value {
        Some(value) if value.is_instance_of::<PyBaseException>() && value.is_instance(class)? => {
            return Ok(value.clone());
        }
        Some(value) => match value.cast::<PyTuple>() {
            Ok(arguments) => class.call1(arguments)?,
            Err(_) => class.call1((value,))?,
        },
        None => class.call0()?,
    };
    match raised.is_instance_of::<PyBaseException>() {
        true => Ok(raised),
        false => Err(PyTypeError::new_err(format!(
            "calling {} should have returned an instance of BaseException, not {}",
            class.repr()?,
            raised.get_type().name()?
        ))),
    }
}
