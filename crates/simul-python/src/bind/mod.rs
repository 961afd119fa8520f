//! Signatures and conversion, one file a Python module; no decisions.

pub(crate) mod cli;
pub(crate) mod engine;
pub(crate) mod errors;
pub(crate) mod git;
pub(crate) mod job;
pub(crate) mod outcome;
pub(crate) mod sync;
pub(crate) mod table;
pub(crate) mod testing;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<job::Job>()?;
    module.add_function(wrap_pyfunction!(crate::delivery::nesting::block, module)?)?;
    module.add_function(wrap_pyfunction!(crate::delivery::nesting::unblock, module)?)?;
    module.add_function(wrap_pyfunction!(crate::delivery::dispatcher::next_errand, module)?)?;
    engine::register(module)?;
    cli::register(module)?;
    table::register(module)?;
    sync::register(module)?;
    git::register(module)?;
    testing::register(module)
}
