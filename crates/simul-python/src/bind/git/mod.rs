//! `simul.git`: the manager of many repositories.
//!
//! - `manager`: the class and its Jobs.
//! - `options`: arguments from Python.
//! - `outcome`: results to Python.
//! - `events`: progress, read or told.

mod events;
mod manager;
mod options;
mod outcome;

use pyo3::prelude::*;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<manager::RepoManager>()?;
    module.add_class::<events::Events>()
}
