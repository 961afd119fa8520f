//! The hook that closes the gate before the interpreter goes.
//!
//! Plain `atexit`: it runs after the last non-daemon thread has ended and while the interpreter is still whole.

use crate::bind::errors;
use crate::detection::forgotten;
use pyo3::prelude::*;
use simul_wake::{gate, generation};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long the exit waits for sections that are attached, and again for work that blocks.
const PATIENCE: Duration = Duration::from_millis(500);

/// Registers the hook, once a generation; called before work is started.
#[inline]
pub(crate) fn ensure_hook(py: Python<'_>) -> PyResult<()> {
    static REGISTERED: AtomicU32 = AtomicU32::new(0);
    let generation = generation::current();
    if REGISTERED.load(Ordering::Relaxed) != generation {
        // Imported while imports work: an error may have to be made while the interpreter exits.
        errors::class(py, "SimulError")?;
        let hook = wrap_pyfunction!(at_exit, py)?;
        py.import("atexit")?.call_method1("register", (hook,))?;
        REGISTERED.store(generation, Ordering::Relaxed);
    }
    Ok(())
}

/// Ends the engine: nothing is delivered any more, sockets close, children die.
#[pyfunction]
#[pyo3(name = "_at_exit")]
fn at_exit(py: Python<'_>) {
    if forgotten::is_on() {
        // While what still runs can be named.
        forgotten::tell(py, "exit", "", None, "");
    }
    py.detach(|| {
        gate::close(PATIENCE);
        simul_engine::shutdown(PATIENCE);
    });
}
