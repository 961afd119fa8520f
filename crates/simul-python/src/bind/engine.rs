//! `setup_async`, `shutdown` and the engine's figures.

use super::errors;
use crate::delivery::{blocking, exit, loops};
use pyo3::exceptions::PyRuntimeWarning;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use simul_engine::{Options, Setup};
use simul_wake::{generation, inbox};
use std::ffi::CString;
use std::time::Duration;

/// Start the engine now instead of at the first call; again, it does nothing.
///
/// Args:
///     workers: Threads that drive I/O, 1 to 64; default: 1 on up to 3 cores, else 2.
///
/// Raises:
///     simul.InvalidError: ``workers`` is out of range.
///
/// Threads and loops:
///     Any thread; safe before ``os.fork()``: a child starts its own engine at its first call. A later call with
///     another number of workers warns and changes nothing.
///
/// Example:
///     >>> import simul
///     >>> simul.setup_async()
#[pyfunction]
#[pyo3(signature = (workers=None))]
fn setup_async(py: Python<'_>, workers: Option<i64>) -> PyResult<()> {
    // Below zero is out of range like 0, and gets the same answer.
    let workers = workers.map(|workers| usize::try_from(workers).unwrap_or(0));
    blocking::refuse_at_exit(py)?;
    exit::ensure_hook(py)?;
    let found = py.detach(|| simul_engine::setup(Options { workers })).map_err(|error| errors::to_pyerr(py, &error))?;
    if let Setup::RunningWith(running) = found {
        let message = format!(
            "the engine runs already with {running} workers and goes on so; call simul.shutdown() before another number"
        );
        let message = CString::new(message).unwrap_or_default();
        PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &message, 1)?;
    }
    Ok(())
}

/// End the engine: pending Jobs fail with ClosedError, sockets close, children are killed.
///
/// Args:
///     timeout: Seconds, or a timedelta, to wait at most for work that blocks; default 1 second.
///
/// Threads and loops:
///     Any thread. The exit of the interpreter does this by itself; a later call starts a new engine.
#[pyfunction]
#[pyo3(signature = (timeout=None))]
fn shutdown(py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let patience = blocking::timeout(timeout)?.unwrap_or(Duration::from_secs(1));
    py.detach(|| simul_engine::shutdown(patience));
    Ok(())
}

/// The engine's figures: wake-ups of loops, drains, live Jobs, engine threads, and the generation (forks).
///
/// Example:
///     >>> from simul.testing import statistics
///     >>> statistics()["generation"]
///     1
#[pyfunction]
fn statistics(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let figures = PyDict::new(py);
    figures.set_item("wake_ups", inbox::wake_ups())?;
    figures.set_item("drains", loops::drains())?;
    figures.set_item("live_jobs", simul_engine::drive::live())?;
    figures.set_item("engine_threads", simul_engine::runtime::threads())?;
    figures.set_item("generation", generation::current())?;
    Ok(figures)
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(setup_async, module)?)?;
    module.add_function(wrap_pyfunction!(shutdown, module)?)?;
    module.add_function(wrap_pyfunction!(statistics, module)?)?;
    module.add(
        "_KINDS",
        simul_core::Kind::ALL.iter().map(|kind| (kind.name(), errors::class_name(*kind))).collect::<Vec<_>>(),
    )
}
