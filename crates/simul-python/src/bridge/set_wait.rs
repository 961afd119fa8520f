//! `asyncio.wait` in a nested call.
//!
//! It waits by a future of its own, which belongs to the side loop whatever it waits for. What that is, only the frame of
//! its coroutine knows.

use super::guard::{Guard, belongs_to_a_blocked_loop};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The code of the coroutine in which `asyncio.wait` waits; None in a Python that has no such function.
fn code(py: Python<'_>) -> PyResult<Option<&Bound<'_, PyAny>>> {
    static CODE: PyOnceLock<Option<Py<PyAny>>> = PyOnceLock::new();
    let found = CODE.get_or_try_init(py, || {
        let function = py.import("asyncio.tasks")?.getattr_opt("_wait")?;
        let code = function.map(|function| function.getattr_opt("__code__")).transpose()?.flatten();
        PyResult::Ok(code.map(Bound::unbind))
    })?;
    Ok(found.as_ref().map(|code| code.bind(py)))
}

/// What Python puts between a coroutine and the next, and which has no attribute that names that.
const OPAQUE: [&str; 4] = ["coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable"];

fn is_opaque(at: &Bound<'_, PyAny>) -> PyResult<bool> {
    let name = at.get_type().qualname()?;
    Ok(OPAQUE.iter().any(|&opaque| name == opaque))
}

/// What a coroutine that has been suspended waits for, if that is a coroutine or a generator again.
fn next<'py>(at: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = at.py();
    if let Ok(guard) = at.cast::<Guard>() {
        return Ok(Some(guard.get().inner(py)));
    }
    for name in [intern!(py, "cr_await"), intern!(py, "gi_yieldfrom"), intern!(py, "ag_await")] {
        if let Some(waits) = at.getattr_opt(name)? {
            return Ok((!waits.is_none()).then_some(waits));
        }
    }
    if is_opaque(at)? {
        for held in py.import("gc")?.call_method1(intern!(py, "get_referents"), (at,))?.try_iter()? {
            let held = held?;
            if held.hasattr(intern!(py, "cr_await"))? || held.hasattr(intern!(py, "ag_await"))? || is_opaque(&held)? {
                return Ok(Some(held));
            }
        }
    }
    Ok(None)
}

/// Whether a coroutine that has just been suspended stands in an `asyncio.wait` that only a blocked loop could end.
pub(super) fn never_ends(coroutine: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = coroutine.py();
    let Some(code) = code(py)? else { return Ok(false) };
    let mut at = Some(coroutine.clone());
    while let Some(one) = at {
        if one.getattr_opt(intern!(py, "cr_code"))?.is_some_and(|its| its.is(code)) {
            return of_frame(&one.getattr(intern!(py, "cr_frame"))?);
        }
        at = next(&one)?;
    }
    Ok(false)
}

fn of_frame(frame: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = frame.py();
    if frame.is_none() {
        return Ok(false);
    }
    let locals = frame.getattr(intern!(py, "f_locals"))?;
    let local = |name: &'static str| locals.call_method1(intern!(py, "get"), (name,));
    let futures = local("fs")?;
    if futures.is_none() || !local("timeout")?.is_none() {
        return Ok(false);
    }
    let all = local("return_when")?.eq(intern!(py, "ALL_COMPLETED"))?;
    // Also one that is done already: the loop that it belongs to would have to say so.
    let (mut blocked, mut free) = (0, 0);
    for future in futures.try_iter()? {
        match belongs_to_a_blocked_loop(&future?)? {
            true => blocked += 1,
            false => free += 1,
        }
    }
    Ok(blocked > 0 && (all || free == 0))
}
