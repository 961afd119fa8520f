//! `call_soon` of a loop that the bridge owns.
//!
//! Set as an attribute of that one loop. A task that is being made asks it to schedule its first step: that step is
//! kept for whoever makes the task, who runs it at once. Everything else goes on to the loop's own `call_soon`, and it
//! is noted that there is something to do on the next turn.

use super::own_context::OwnContext;
use super::switches::Switches;
use super::turned;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

#[pyclass(frozen, module = "simul._simul", name = "_CallSoon")]
pub(crate) struct CallSoon {
    /// A first step is about to come. This and the next two are touched by the loop's thread alone.
    armed: AtomicBool,
    /// The step that came; an owned reference, or null.
    step: AtomicPtr<ffi::PyObject>,
    scheduled: AtomicBool,
    /// Since the call began: how many steps in the caller's own context were scheduled less how many have run, and
    /// whether anything else was scheduled.
    own: AtomicIsize,
    others: AtomicBool,
    /// The loop's own; None once the loop has been closed.
    original: Mutex<Option<Py<PyAny>>>,
    /// For loops whose handles enter a context by themselves, as uvloop's do: a context that is left again.
    throwaway: Option<Py<PyAny>>,
    own_context: Py<OwnContext>,
}

impl CallSoon {
    pub(crate) fn new(event_loop: &Bound<'_, PyAny>, switches: &Switches) -> PyResult<Self> {
        let py = event_loop.py();
        // Kept, as nothing can be imported any more when destructors run at the interpreter's end.
        static BASE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        static CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let kept = |once: &'static PyOnceLock<Py<PyAny>>, module: &str, name: &str| {
            once.get_or_try_init(py, || py.import(module)?.getattr(name).map(Bound::unbind)).map(|it| it.bind(py))
        };
        let throwaway = match event_loop.is_instance(kept(&BASE, "asyncio", "BaseEventLoop")?)? {
            true => None,
            false => Some(kept(&CONTEXT, "contextvars", "Context")?.call0()?.unbind()),
        };
        Ok(Self {
            armed: AtomicBool::new(false),
            step: AtomicPtr::new(std::ptr::null_mut()),
            scheduled: AtomicBool::new(false),
            own: AtomicIsize::new(0),
            others: AtomicBool::new(false),
            original: Mutex::new(Some(event_loop.getattr("call_soon")?.unbind())),
            throwaway,
            own_context: switches.own_context.clone_ref(py),
        })
    }

    /// Keeps the next first step: a call begins.
    #[inline]
    pub(crate) fn arm(&self) {
        self.own.store(0, Ordering::Relaxed);
        self.others.store(false, Ordering::Relaxed);
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

    /// A step in the caller's own context has run.
    #[inline]
    pub(super) fn own_ran(&self) {
        self.own.store(self.own.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }

    /// Whether all that was scheduled since the call began has run; not known where it is not steps of its own.
    pub(super) fn is_quiet(&self) -> bool {
        self.own.load(Ordering::Relaxed) == 0 && !self.others.load(Ordering::Relaxed)
    }

    /// Schedules what is not noted as work that the call has left.
    pub(super) fn schedule_unnoted(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        self.original(callback.py())?.call1((callback,)).map(drop)
    }

    fn original<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // `Bound`: an owner that is not would have to know that it is dropped attached.
        let original = self.original.lock().unwrap_or_else(PoisonError::into_inner);
        let original = original.as_ref().map(|original| original.bind(py).clone());
        original.ok_or_else(|| PyRuntimeError::new_err("Event loop is closed"))
    }

    /// The loop has been closed: nothing of it is held any more. Returns whether something was.
    pub(crate) fn release(&self) -> bool {
        let held = self.original.lock().unwrap_or_else(PoisonError::into_inner).take();
        held.is_some()
    }

    /// What the loop gets for its `call_soon`.
    pub(crate) fn function<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let call = ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: call_soon };
        static DEFINITION: OnceLock<Definition> = OnceLock::new();
        let definition = DEFINITION.get_or_init(|| {
            Definition(ffi::PyMethodDef {
                ml_name: c"call_soon".as_ptr(),
                ml_meth: call,
                ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
                ml_doc: std::ptr::null(),
            })
        });
        // SAFETY: attached; the definition is never freed, and the function holds `slf`; a new reference or an error.
        unsafe {
            let made = ffi::PyCFunction_NewEx((&raw const definition.0).cast_mut(), slf.as_ptr(), std::ptr::null_mut());
            Bound::from_owned_ptr_or_err(slf.py(), made)
        }
    }

    /// Schedules on the loop, where this is no first step that is waited for.
    fn schedule<'py>(&self, py: Python<'py>, given: &Given) -> PyResult<Bound<'py, PyAny>> {
        self.scheduled.store(true, Ordering::Relaxed);
        let original = self.original(py)?;
        let own = given.place_of(self.own_context.as_ptr()).filter(|_| given.count > 0);
        match own {
            Some(_) => self.own.store(self.own.load(Ordering::Relaxed) + 1, Ordering::Relaxed),
            None => self.others.store(true, Ordering::Relaxed),
        }
        let Some((throwaway, place)) = self.throwaway.as_ref().zip(own) else {
            // SAFETY: as they were given.
            let result = unsafe { ffi::PyObject_Vectorcall(original.as_ptr(), given.values, given.count, given.names) };
            // SAFETY: attached; a new reference or an error.
            return unsafe { Bound::from_owned_ptr_or_err(py, result) };
        };
        let mut values = given.all().to_vec();
        // SAFETY: attached; the caller holds what it gives.
        let function = unsafe { Borrowed::from_ptr(py, values[0]) };
        let left = Left { context: throwaway.clone_ref(py), function: function.to_owned().unbind() };
        let left = Bound::new(py, left)?;
        values[0] = left.as_ptr();
        values[place] = throwaway.as_ptr();
        // SAFETY: as they were given, but for two that live longer than the call; a new reference or an error.
        unsafe {
            let result = ffi::PyObject_Vectorcall(original.as_ptr(), values.as_ptr(), given.count, given.names);
            Bound::from_owned_ptr_or_err(py, result)
        }
    }
}

/// The arguments of one call, as the interpreter hands them over: by position, then by keyword.
struct Given {
    values: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
}

impl Given {
    #[inline]
    fn all(&self) -> &[*mut ffi::PyObject] {
        // SAFETY: attached; `names` is null or a tuple with a name for each value after the first `count`.
        unsafe {
            let named = if self.names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(self.names).unsigned_abs() };
            match self.count + named {
                0 => &[],
                all => std::slice::from_raw_parts(self.values, all),
            }
        }
    }

    /// Where this object stands among those that have a name: `call_soon` knows but one, the context.
    #[inline]
    fn place_of(&self, object: *mut ffi::PyObject) -> Option<usize> {
        let all = self.all();
        (self.count..all.len()).find(|&place| all[place] == object)
    }
}

/// `call_soon(callback, *args, context=None)`, called for each step of each task: the arguments go on as they came.
unsafe extern "C" fn call_soon(
    slf: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this, attached; `function` has bound it to a CallSoon.
    let (py, this) = unsafe {
        let py = Python::assume_attached();
        (py, Borrowed::from_ptr(py, slf).cast_unchecked::<CallSoon>())
    };
    let (this, given) = (this.get(), Given { values, count: count.unsigned_abs(), names });
    if this.armed.load(Ordering::Relaxed) && given.count == 1 && given.place_of(this.own_context.as_ptr()).is_some() {
        this.armed.store(false, Ordering::Relaxed);
        // SAFETY: the caller holds it; `take` takes this reference over.
        let step = unsafe { Borrowed::from_ptr(py, given.all()[0]) }.to_owned();
        this.step.store(step.into_ptr(), Ordering::Relaxed);
        return py.None().into_ptr();
    }
    match this.schedule(py, &given) {
        Ok(handle) => handle.into_ptr(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}

struct Definition(ffi::PyMethodDef);

// SAFETY: constants, and the address of a function.
unsafe impl Send for Definition {}
// SAFETY: as above; it is only read.
unsafe impl Sync for Definition {}

#[pymethods]
impl CallSoon {
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
        let outcome = outcome.and_then(|outcome| turned::step_ended(py).map(|()| outcome));
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
