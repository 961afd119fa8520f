//! What only this side can see while `simul.debug()` is on: work that was forgotten, told as it goes.
//!
//! # Layout
//! - [`forgotten`]: the hook of `simul.detection`, and how a Job or an operation tells of itself.

pub(crate) mod forgotten;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    forgotten::register(module)
}
