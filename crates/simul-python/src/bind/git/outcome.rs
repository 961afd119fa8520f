//! Results to Python.

use crate::bind::errors;
use crate::bind::table::Table;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use simul_git::RepoError;
use simul_git::events::Event;
use simul_git::manager::{CloneTask, Synced};

/// A class of `simul.git`.
fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(pyo3::intern!(py, "simul.git"))?.getattr(name)
}

pub(super) fn none(py: Python<'_>, (): ()) -> PyResult<Py<PyAny>> {
    Ok(py.None())
}

pub(super) fn table(py: Python<'_>, table: simul_git::table::Table) -> PyResult<Py<PyAny>> {
    Ok(Bound::new(py, Table::from(table))?.into_any().unbind())
}

/// Under each key the value, or the exception that says why there is none.
pub(super) fn by_key<T>(
    py: Python<'_>,
    results: impl IntoIterator<Item = (String, Result<T, RepoError>)>,
    value: impl Fn(Python<'_>, T) -> PyResult<Py<PyAny>>,
) -> PyResult<Py<PyAny>> {
    let dict = PyDict::new(py);
    for (key, result) in results {
        let result = match result {
            Ok(found) => value(py, found)?,
            Err(error) => errors::repo_error(py, &error)?.into_value(py).into_any(),
        };
        dict.set_item(key, result)?;
    }
    Ok(dict.into_any().unbind())
}

pub(super) fn synced(py: Python<'_>, synced: Synced) -> PyResult<Py<PyAny>> {
    let Synced { path, in_place, cloned, fetched, shallow, head, fsck_relaxed, bytes } = synced;
    let path = path.as_os_str().into_pyobject(py)?;
    let fields = (path, in_place, cloned, fetched, shallow, head, fsck_relaxed, bytes);
    Ok(class(py, "Synced")?.call1(fields)?.unbind())
}

pub(super) fn clone_tasks(py: Python<'_>, tasks: impl IntoIterator<Item = (String, CloneTask)>) -> PyResult<Py<PyAny>> {
    let (task_class, status_class) = (class(py, "CloneTask")?, class(py, "CloneStatus")?);
    let dict = PyDict::new(py);
    for (key, task) in tasks {
        let status = task.status;
        let status = status_class.call1((status.status_type.name(), status.progress, status.error))?;
        let folder: Option<Bound<'_, PyString>> =
            task.temp_dir.as_ref().map(|folder| folder.as_os_str().into_pyobject(py)).transpose()?;
        dict.set_item(key, task_class.call1((task.url, status, folder))?)?;
    }
    Ok(dict.into_any().unbind())
}

pub(super) fn event<'py>(py: Python<'py>, event: Event) -> PyResult<Bound<'py, PyAny>> {
    class(py, "Event")?.call1((
        event.repo,
        event.phase.name(),
        event.done,
        event.total,
        event.bytes,
        event.rate_bytes_per_second,
        event.message,
        event.at,
    ))
}
