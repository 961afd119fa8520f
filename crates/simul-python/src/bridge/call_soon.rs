//! `call_soon` of a loop that the bridge owns.
//!
//! Set as an attribute of that one loop. A task that is being made asks it to schedule its first step: that step is
//! kept for whoever makes the task, who runs it at once. Everything else goes on to the loop's own `call_soon`, and it
//! is noted that there is something to do on the next turn.

use super::switches::Switches;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

#[pyclass(frozen, module = "simul._simul", name = "_CallSoon")]
pub(crate) struct CallSoon {
    /// A first step is about to come. This and the next two are touched by the loop's thread alone.
    armed: AtomicBool,
    /// The step that came; an owned reference, or null.
    step: AtomicPtr<ffi::PyObject>,
    scheduled: AtomicBool,
    /// The loop's own; None once the loop has been closed.
    original: Mutex<Option<Py<PyAny>>>,
    /// For loops whose handles enter a context by themselves, as uvloop's do: a context that is left again.
    throwaway: Option<Py<PyAny>>,
}

impl CallSoon {
    pub(crate) fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = event_loop.py();
        let base = py.import("asyncio")?.getattr("BaseEventLoop")?;
        let throwaway = match event_loop.is_instance(&base)? {
            true => None,
            false => Some(py.import("contextvars")?.getattr("Context")?.call0()?.unbind()),
        };
        Ok(Self {
            armed: AtomicBool::new(false),
            step: AtomicPtr::new(std::ptr::null_mut()),
            scheduled: AtomicBool::new(false),
            original: Mutex::new(Some(event_loop.getattr("call_soon")?.unbind())),
            throwaway,
        })
    }

    /// Keeps the next first step.
    #[inline]
    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    /// The step that was kept since `arm`.
    #[inline]
    pub(crate) fn take<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.armed.store(false, Ordering::Relaxed);
        let step = self.step.load(Ordering::Relaxed);
        self.step.store(std::ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: attached; what stands there came from `into_ptr`, and it is taken out once.
        unsafe { Bound::from_owned_ptr_or_opt(py, step) }
    }

    /// Whether something was scheduled since this was asked last.
    #[inline]
    pub(crate) fn was_scheduled(&self) -> bool {
        let scheduled = self.scheduled.load(Ordering::Relaxed);
        if scheduled {
            self.scheduled.store(false, Ordering::Relaxed);
        }
        scheduled
    }

    /// The loop has been closed: nothing of it is held any more. Returns whether something was.
    pub(crate) fn release(&self) -> bool {
        let held = self.original.lock().unwrap_or_else(PoisonError::into_inner).take();
        held.is_some()
    }
}

#[pymethods]
impl CallSoon {
    #[pyo3(signature = (callback, *args, context=None))]
    fn call_soon<'py>(
        &self,
        callback: Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = callback.py();
        let own = match context {
            Some(context) => Switches::of(py)?.own_context.is(context),
            None => false,
        };
        if own && self.armed.load(Ordering::Relaxed) {
            self.armed.store(false, Ordering::Relaxed);
            self.step.store(callback.into_ptr(), Ordering::Relaxed);
            return Ok(py.None().into_bound(py));
        }
        self.scheduled.store(true, Ordering::Relaxed);
        let original = self.original.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|o| o.clone_ref(py));
        let Some(original) = original else { return Err(PyRuntimeError::new_err("Event loop is closed")) };
        let words = PyDict::new(py);
        let callback = match (&self.throwaway, own) {
            (Some(throwaway), true) => {
                words.set_item(pyo3::intern!(py, "context"), throwaway)?;
                let left = Left { context: throwaway.clone_ref(py), function: callback.unbind() };
                Bound::new(py, left)?.into_any()
            }
            _ => {
                words.set_item(pyo3::intern!(py, "context"), context)?;
                callback
            }
        };
        match args.is_empty() {
            true => original.bind(py).call((callback,), Some(&words)),
            false => {
                let whole = [callback].into_iter().chain(args.iter()).collect::<Vec<_>>();
                original.bind(py).call(PyTuple::new(py, whole)?, Some(&words))
            }
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(original) = self.original.try_lock() {
            visit.call(&*original)?;
        }
        visit.call(&self.throwaway)
    }

    fn __clear__(&self) {
        self.release();
    }
}

/// A callback that leaves the context its handle has entered, so that it runs in the one beneath.
#[pyclass(frozen, module = "simul._simul", name = "_Left")]
struct Left {
    context: Py<PyAny>,
    function: Py<PyAny>,
}

#[pymethods]
impl Left {
    #[pyo3(signature = (*args))]
    fn __call__<'py>(&self, py: Python<'py>, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: attached; `context` is a Context (CallSoon made it), and it is the current one: the handle that calls
        // this has entered it. On failure nothing was changed.
        if unsafe { ffi::PyContext_Exit(self.context.as_ptr()) } != 0 {
            return Err(PyErr::fetch(py));
        }
        let outcome = self.function.bind(py).call1(args);
        // SAFETY: as above; it was left just now, so it can be entered.
        if unsafe { ffi::PyContext_Enter(self.context.as_ptr()) } != 0 {
            return Err(PyErr::fetch(py));
        }
        outcome
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.function.bind(py).repr()?.to_string())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.context)?;
        visit.call(&self.function)
    }
}
