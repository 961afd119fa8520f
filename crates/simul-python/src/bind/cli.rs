//! The `simul` command, called from the wheel's entry point.

use pyo3::prelude::*;
use std::ffi::OsString;

/// Runs the command with these arguments (without the program's name) and returns its exit code.
#[pyfunction]
fn run_cli(py: Python<'_>, arguments: Vec<OsString>) -> i32 {
    py.detach(|| simul_cli::run(std::iter::once(OsString::from("simul")).chain(arguments)))
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(run_cli, module)?)
}
