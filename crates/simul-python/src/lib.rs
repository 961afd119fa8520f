//! The Python module `simul._simul`: signatures and conversion ([`bind`]), and how results reach event loops and
//! threads ([`delivery`]). The only crate that names pyo3; it decides nothing about I/O.

mod bind;
mod bridge;
mod delivery;
mod detection;

use pyo3::prelude::*;

/// The compiled half of `simul`; import `simul` instead.
// Without the GIL it is designed for and has never run: until it has, a free-threaded interpreter keeps the GIL for it.
#[pymodule(gil_used = true)]
fn _simul(module: &Bound<'_, PyModule>) -> PyResult<()> {
    delivery::interpreter::refuse_subinterpreter(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    detection::register(module)?;
    bind::register(module)?;
    bridge::register(module)
}
