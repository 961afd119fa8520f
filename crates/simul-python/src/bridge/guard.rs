//! A coroutine on a side loop, kept from waiting for a loop that stands still beneath it.
//!
//! It looks at each future that the coroutine waits for. One of a blocked loop of this thread could never be set while
//! we wait: the coroutine gets a `NestedLoopError` there instead, as if the `await` had raised it. So does an
//! `asyncio.wait` for such futures (see [`super::set_wait`]).

use super::set_wait;
use crate::bind::errors;
use crate::delivery::nesting;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

#[pyclass(frozen, weakref, module = "simul._simul", name = "_Guard")]
pub(crate) struct Guard {
    coroutine: Py<PyAny>,
}

/// What one step of a coroutine came to.
pub(crate) enum Step<'py> {
    Waits(Bound<'py, PyAny>),
    Returned(Bound<'py, PyAny>),
}

impl<'py> Step<'py> {
    /// Takes a step, without an exception for the coroutine's end.
    #[inline]
    pub(crate) fn send(coroutine: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let mut result = std::ptr::null_mut();
        // SAFETY: attached; both are alive for the call. What it says of `result` is read below.
        let sent = unsafe { ffi::PyIter_Send(coroutine.as_ptr(), value.as_ptr(), &raw mut result) };
        if sent == ffi::PySendResult::PYGEN_ERROR {
            return Err(PyErr::fetch(py));
        }
        // SAFETY: a new reference in both other cases.
        let result = unsafe { Bound::from_owned_ptr_or_opt(py, result) };
        let result = result.ok_or_else(|| PyRuntimeError::new_err("a coroutine's step gave nothing"))?;
        Ok(match sent {
            ffi::PySendResult::PYGEN_NEXT => Self::Waits(result),
            _ => Self::Returned(result),
        })
    }
}

impl Guard {
    pub(crate) fn around<'py>(coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        static REGISTERED: PyOnceLock<()> = PyOnceLock::new();
        let py = coroutine.py();
        REGISTERED.get_or_try_init(py, || {
            let coroutines = py.import("collections.abc")?.getattr("Coroutine")?;
            coroutines.call_method1("register", (py.get_type::<Self>(),)).map(drop)
        })?;
        Bound::new(py, Self { coroutine: coroutine.clone().unbind() })
    }

    /// The coroutine that is guarded.
    pub(super) fn inner<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.coroutine.bind(py).clone()
    }

    /// Hands on what the coroutine waits for, unless that can never come.
    fn look<'py>(&self, py: Python<'py>, step: Step<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut step = step;
        loop {
            let waits = match step {
                Step::Returned(value) => return Err(PyStopIteration::new_err((value.unbind(),))),
                Step::Waits(waits) => waits,
            };
            let is_blocked = belongs_to_a_blocked_loop(&waits)?;
            if !is_blocked
                && (waits.is_none() || !nesting::any_blocked() || !set_wait::never_ends(self.coroutine.bind(py))?)
            {
                return Ok(waits);
            }
            // As asyncio's own tasks do, so that the future can be awaited later, where its loop runs again.
            waits.setattr(intern!(py, "_asyncio_future_blocking"), false)?;
            let error = errors::raise(
                py,
                "NestedLoopError",
                "this waits for a future or task of the event loop that stands still under this very call, so it could \
                 never be finished: make the function between them async and await it, or call it by simul.to_thread",
            )?;
            step = self.throw_in(py, error.into_value(py).bind(py).as_any())?;
        }
    }

    fn throw_in<'py>(&self, py: Python<'py>, error: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
        match self.coroutine.bind(py).call_method1(intern!(py, "throw"), (error,)) {
            Ok(waits) => Ok(Step::Waits(waits)),
            Err(stop) if stop.is_instance_of::<PyStopIteration>(py) => {
                Ok(Step::Returned(stop.value(py).getattr(intern!(py, "value"))?))
            }
            Err(error) => Err(error),
        }
    }
}

pub(super) fn belongs_to_a_blocked_loop(waits: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = waits.py();
    if waits.is_none() || waits.getattr_opt(intern!(py, "_asyncio_future_blocking"))?.is_none_or(|flag| flag.is_none())
    {
        return Ok(false);
    }
    match waits.getattr_opt(intern!(py, "get_loop"))? {
        Some(get_loop) => Ok(nesting::is_blocked(&get_loop.call0()?)),
        None => Ok(false),
    }
}

#[pymethods]
impl Guard {
    fn send<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        self.look(py, Step::send(self.coroutine.bind(py), value)?)
    }

    #[pyo3(signature = (exception, value=None, traceback=None))]
    fn throw<'py>(
        &self,
        exception: &Bound<'py, PyAny>,
        value: Option<&Bound<'py, PyAny>>,
        traceback: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = exception.py();
        let thrown = crate::delivery::thrown::thrown(exception, value, traceback)?;
        let step = self.throw_in(py, thrown.into_value(py).bind(py).as_any())?;
        self.look(py, step)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.coroutine.bind(py).call_method0(intern!(py, "close")).map(drop)
    }

    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().send(slf.py().None().bind(slf.py()))
    }

    /// `cr_frame`, `__qualname__` and the like are the coroutine's.
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.coroutine.bind(py).getattr(name)
    }

    #[getter]
    fn __name__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.coroutine.bind(py).getattr(intern!(py, "__name__"))
    }

    #[getter]
    fn __qualname__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.coroutine.bind(py).getattr(intern!(py, "__qualname__"))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.coroutine.bind(py).repr()?.to_string())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.coroutine)
    }
}
