//! A ready value and a timer as awaitables of pyo3-async-runtimes, for `benches/engine.py`.

use pyo3::prelude::*;
use pyo3_async_runtimes::tokio::future_into_py;
use std::time::Duration;

/// A value that goes once through Tokio.
#[pyfunction]
fn ready(py: Python<'_>, value: i64) -> PyResult<Bound<'_, PyAny>> {
    future_into_py(py, async move { Ok(value) })
}

/// A value after a timer.
#[pyfunction]
fn sleep(py: Python<'_>, seconds: f64, value: i64) -> PyResult<Bound<'_, PyAny>> {
    future_into_py(py, async move {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        Ok(value)
    })
}

/// How many threads Tokio may use, as simul's engine has them; call it before the first awaitable.
#[pyfunction]
fn set_workers(workers: usize) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all();
    pyo3_async_runtimes::tokio::init(builder);
}

#[pymodule]
#[pyo3(name = "future_into_py")]
fn future_into_py_module(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ready, module)?)?;
    module.add_function(wrap_pyfunction!(sleep, module)?)?;
    module.add_function(wrap_pyfunction!(set_workers, module)?)
}
