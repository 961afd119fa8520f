//! `simul.testing.jobs`: ready values, timers, TCP reads and child processes as Jobs.

use super::job::Job;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyFloat, PyInt, PyString};
use simul_engine::testing;
use std::time::Duration;

/// What a testing Job may carry.
#[derive(IntoPyObject)]
enum Value {
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// By the object's own type: an int that is too large must not arrive as a float, nor a list as bytes.
impl<'py> FromPyObject<'_, 'py> for Value {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyInt>() {
            object.extract().map(Value::Int)
        } else if object.is_instance_of::<PyFloat>() {
            object.extract().map(Value::Float)
        } else if object.is_instance_of::<PyString>() {
            object.extract().map(Value::Text)
        } else if let Ok(bytes) = object.cast::<PyBytes>() {
            Ok(Value::Bytes(bytes.as_bytes().to_vec()))
        } else {
            Err(PyTypeError::new_err("value must be an int, a float, text, bytes or None"))
        }
    }
}

fn value_to_py(py: Python<'_>, value: Option<Value>) -> PyResult<Py<PyAny>> {
    Ok(match value {
        Some(Value::Bytes(bytes)) => PyBytes::new(py, &bytes).into_any().unbind(),
        Some(value) => value.into_pyobject(py)?.unbind(),
        None => py.None(),
    })
}

#[pyfunction]
#[pyo3(signature = (value=None))]
fn testing_ready(py: Python<'_>, value: Option<Value>) -> PyResult<Job> {
    Job::start(py, || testing::ready(value), value_to_py)
}

#[pyfunction]
#[pyo3(signature = (seconds, value=None))]
fn testing_sleep(py: Python<'_>, seconds: f64, value: Option<Value>) -> PyResult<Job> {
    let duration = Duration::try_from_secs_f64(seconds)
        .map_err(|_| pyo3::exceptions::PyValueError::new_err("seconds must be a number, 0 or above"))?;
    Job::start(py, || testing::sleep(duration, value), value_to_py)
}

#[pyfunction]
fn testing_fail(py: Python<'_>, kind: &str, message: &str) -> PyResult<Job> {
    Job::start(py, || testing::fail(kind, message), |py, ()| Ok(py.None()))
}

#[pyfunction]
fn testing_panic(py: Python<'_>, message: &str) -> PyResult<Job> {
    Job::start(py, || testing::panic(message), |py, ()| Ok(py.None()))
}

#[pyfunction]
#[pyo3(signature = (host, port, max_bytes=65536))]
fn testing_tcp_read(py: Python<'_>, host: &str, port: u16, max_bytes: usize) -> PyResult<Job> {
    Job::start(
        py,
        || testing::tcp_read(host, port, max_bytes),
        |py, bytes| Ok(PyBytes::new(py, &bytes).into_any().unbind()),
    )
}

#[pyfunction]
fn testing_child(py: Python<'_>, arguments: Vec<String>) -> PyResult<Job> {
    Job::start(py, || testing::child(arguments), |py, code| Ok(code.into_pyobject(py)?.into_any().unbind()))
}

#[pyfunction]
fn testing_storm(py: Python<'_>, count: usize, seconds: f64) -> PyResult<Vec<Job>> {
    let duration = Duration::try_from_secs_f64(seconds)
        .map_err(|_| pyo3::exceptions::PyValueError::new_err("seconds must be a number, 0 or above"))?;
    testing::storm(count, duration)
        .into_iter()
        .map(|job| Job::start(py, || job, |py, n| Ok(n.into_pyobject(py)?.into_any().unbind())))
        .collect()
}

#[pyfunction]
fn testing_gated(py: Python<'_>, count: usize) -> PyResult<(Job, Vec<Job>)> {
    let (gate, made) = testing::gated(count);
    let gate = Job::start(py, || gate, |py, ()| Ok(py.None()))?;
    let made = made
        .into_iter()
        .map(|job| Job::start(py, || job, |py, n| Ok(n.into_pyobject(py)?.into_any().unbind())))
        .collect::<PyResult<_>>()?;
    Ok((gate, made))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(testing_ready, module)?)?;
    module.add_function(wrap_pyfunction!(testing_sleep, module)?)?;
    module.add_function(wrap_pyfunction!(testing_fail, module)?)?;
    module.add_function(wrap_pyfunction!(testing_panic, module)?)?;
    module.add_function(wrap_pyfunction!(testing_tcp_read, module)?)?;
    module.add_function(wrap_pyfunction!(testing_child, module)?)?;
    module.add_function(wrap_pyfunction!(testing_gated, module)?)?;
    module.add_function(wrap_pyfunction!(testing_storm, module)?)
}
