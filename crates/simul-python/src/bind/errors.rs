//! From `simul_core::Error` to an exception: one exhaustive match from kind to class.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};
use simul_core::{Error, Kind};
use simul_git::RepoError;

/// The name of the class in `simul.errors` for each kind.
pub(crate) const fn class_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Timeout => "TimeoutError",
        Kind::Cancelled => "CancelledError",
        Kind::Forked => "ForkedError",
        Kind::Closed => "ClosedError",
        Kind::Deadlock => "DeadlockError",
        Kind::NestedLoop => "NestedLoopError",
        Kind::Connect => "ConnectError",
        Kind::Tls => "TlsError",
        Kind::Protocol => "ProtocolError",
        Kind::Decode => "DecodeError",
        Kind::TooLarge => "TooLargeError",
        Kind::Status => "StatusError",
        Kind::Auth => "AuthError",
        Kind::NotFound => "NotFoundError",
        Kind::RateLimited => "RateLimitedError",
        Kind::Repo => "RepoError",
        Kind::Query => "QueryError",
        Kind::Store => "StoreError",
        Kind::Invalid => "InvalidError",
        Kind::Internal => "InternalError",
    }
}

/// A class of `simul.errors` by name.
pub(crate) fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyType>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("simul.errors").map(Bound::unbind))?;
    Ok(module.bind(py).getattr(name)?.cast_into::<PyType>()?)
}

/// A fresh exception for `error`: each awaiter gets its own, so that tracebacks do not grow into each other.
pub(crate) fn to_pyerr(py: Python<'_>, error: &Error) -> PyErr {
    let made = match error.source_as::<RepoError>() {
        Some(repo) => repo_error(py, repo),
        None => raise(py, class_name(error.kind()), &error.to_string()),
    };
    made.unwrap_or_else(|failed| failed)
}

/// An exception of a named class of `simul.errors`.
pub(crate) fn raise(py: Python<'_>, name: &str, message: &str) -> PyResult<PyErr> {
    Ok(PyErr::from_value(class(py, name)?.call1((message,))?))
}

/// The exception of one repository's failure.
pub(crate) fn repo_error(py: Python<'_>, error: &RepoError) -> PyResult<PyErr> {
    let fields = PyDict::new(py);
    fields.set_item("kind", error.kind.name())?;
    fields.set_item("repo", &error.source)?;
    fields.set_item("phase", error.phase)?;
    fields.set_item("detail", &error.detail)?;
    fields.set_item("hint", error.hint.as_deref())?;
    Ok(PyErr::from_value(class(py, "RepoError")?.call((error.to_string(),), Some(&fields))?))
}

/// `error` as the `PyErr` of a binding that returns at once.
pub(crate) fn now(error: Error) -> PyErr {
    Python::try_attach(|py| to_pyerr(py, &error)).unwrap_or_else(|| PyRuntimeError::new_err(error.to_string()))
}
