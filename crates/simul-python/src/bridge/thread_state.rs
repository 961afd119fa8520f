//! What a thread keeps for the bridge: in the interpreter's record of the thread, whose end drops it there.
//!
//! Not in a `thread_local!`: its destructor runs without the interpreter. Not under a thread's number: that is used again.

use super::first_step::ThreadLoop;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use simul_wake::{gate, generation};
use std::cell::Cell;
use std::mem::forget;

/// This thread's loop; read on each call.
const LOOP: &str = "simul.bridge.loop";
/// Everything that ends with this thread.
const LOOPS: &str = "simul.bridge.loops";
/// Who awaits what this thread does, and the generation in which he said so.
const PARENT: &str = "simul.bridge.parent";

thread_local! {
    /// Whether this thread has ever had somebody who awaits what it does: spares others the look.
    static HAS_HAD_PARENT: Cell<bool> = const { Cell::new(false) };
}

/// The dictionary that lives and dies with this thread.
#[inline]
fn dictionary(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    // SAFETY: attached; a borrowed reference to a dictionary, or null when there is no memory for it.
    let found = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyThreadState_GetDict()) };
    let found = found.ok_or_else(|| pyo3::exceptions::PyMemoryError::new_err("no dictionary of this thread"))?;
    // SAFETY: it is a dict, says its documentation; asked on each call, so not checked.
    Ok(unsafe { found.cast_into_unchecked::<PyDict>() })
}

#[inline]
fn find<'py>(py: Python<'py>, key: &Bound<'py, pyo3::types::PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
    dictionary(py)?.get_item(key)
}

/// This thread's loop, if it has one that can be used.
#[inline]
pub(crate) fn thread_loop(py: Python<'_>) -> PyResult<Option<Bound<'_, ThreadLoop>>> {
    // None stands there after a reset.
    let found = find(py, pyo3::intern!(py, LOOP))?.and_then(|found| found.cast_into::<ThreadLoop>().ok());
    Ok(found.filter(|found| found.get().is_current()))
}

/// Who awaits what this thread does. Nobody in a forked child, whose only thread may be the copy of a worker: the loop
/// that awaits that one is in the parent process.
#[inline]
pub(crate) fn parent(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    if !HAS_HAD_PARENT.get() {
        return Ok(None);
    }
    let Some(known) = find(py, pyo3::intern!(py, PARENT))? else { return Ok(None) };
    let (parent, since): (Bound<'_, PyAny>, u32) = known.extract()?;
    Ok((!generation::is_inherited(since)).then_some(parent))
}

#[pyfunction]
#[pyo3(name = "thread_loops")]
fn thread_loops(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    Ok(find(py, pyo3::intern!(py, LOOPS))?.filter(|loops| !loops.is_none()))
}

/// Keep `loops` until this thread ends; `main` is the loop that calls use. None: keep nothing.
#[pyfunction]
#[pyo3(name = "keep_thread_loops", signature = (loops, main))]
fn keep_thread_loops(
    py: Python<'_>,
    loops: Option<Bound<'_, PyAny>>,
    main: Option<Bound<'_, ThreadLoop>>,
) -> PyResult<()> {
    let dictionary = dictionary(py)?;
    // What was kept before is dropped after the new one stands: its end runs Python code.
    let before = find(py, pyo3::intern!(py, LOOPS))?;
    dictionary.set_item(pyo3::intern!(py, LOOP), main)?;
    dictionary.set_item(pyo3::intern!(py, LOOPS), loops)?;
    drop(before);
    Ok(())
}

/// Say who awaits what this thread does, as long as it lives: an object with `run(coroutine)`.
#[pyfunction]
#[pyo3(name = "set_thread_parent")]
fn set_parent(parent: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = parent.py();
    HAS_HAD_PARENT.set(true);
    dictionary(py)?.set_item(pyo3::intern!(py, PARENT), (parent, generation::current()))
}

/// Who awaits what this thread does; also in a forked child, where he is out of reach and says so.
#[pyfunction]
#[pyo3(name = "thread_parent")]
fn thread_parent(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    find(py, pyo3::intern!(py, PARENT))?.map(|known| known.get_item(0)).transpose()
}

/// Never drop this object: it belongs to another process or to another thread, and its end would touch that.
#[pyfunction]
#[pyo3(name = "leave_alone")]
fn leave_alone(owned: Py<PyAny>) {
    forget(owned);
}

/// Sleep until the process ends, without the interpreter.
#[pyfunction]
#[pyo3(name = "park_forever")]
fn park_forever(py: Python<'_>) {
    py.detach(|| gate::park_forever());
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(thread_loops, module)?)?;
    module.add_function(wrap_pyfunction!(keep_thread_loops, module)?)?;
    module.add_function(wrap_pyfunction!(set_parent, module)?)?;
    module.add_function(wrap_pyfunction!(thread_parent, module)?)?;
    module.add_function(wrap_pyfunction!(leave_alone, module)?)?;
    module.add_function(wrap_pyfunction!(park_forever, module)?)
}
