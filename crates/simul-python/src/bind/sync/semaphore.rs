//! `simul.Semaphore` and `simul.BoundedSemaphore`.

use super::entry::{Enter, Entry};
use super::operation::Operation;
use super::plain::{self, Plain};
use super::ready::{Ready, ready};
use crate::delivery::own_turn;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use simul_sync::Semaphore as Permits;
use std::sync::OnceLock;

/// So many holders at a time, first come, first served; for any number of threads and event loops.
///
/// Args:
///     value: How many permits are free at first; 1 by default.
///
/// Raises:
///     ValueError: ``value`` is below zero.
///
/// Cancellation:
///     A cancelled or timed-out waiter leaves the line; a permit that had been granted to it goes to the next, as does
///     that of a waiter whose loop has closed.
///
/// Threads and loops:
///     ``async with`` in a coroutine, ``with`` anywhere else, on the same semaphore. A ``with`` inside of a running loop
///     that has to wait stalls that loop, and warns. In a forked child all permits are free.
///
/// Example:
///     >>> import simul
///     >>> semaphore = simul.Semaphore(2)
///     >>> with semaphore:
///     ...     semaphore.locked()
///     False
#[pyclass(frozen, weakref, subclass, module = "simul", name = "Semaphore")]
pub(crate) struct Semaphore {
    /// Made by `__init__`, so that a class that derives from this one may have arguments of its own.
    made: OnceLock<Permits>,
    make: fn(usize) -> Permits,
    word: &'static str,
    entry: PyOnceLock<Py<Entry>>,
}

static ACQUIRE: plain::Kind<Permits> = plain::Kind {
    name: "Semaphore.acquire",
    enter: |permits| Ok(permits.enter()),
    value: plain::truth,
    refusal: plain::by_kind,
};

static ENTER: plain::Kind<Permits> = plain::Kind {
    name: "Semaphore.acquire",
    enter: |permits| Ok(permits.enter()),
    value: plain::nothing,
    refusal: plain::by_kind,
};

struct Door(Permits);

impl Enter for Door {
    fn enter_now(&self, _py: Python<'_>) -> PyResult<bool> {
        Ok(self.0.acquire_nowait())
    }

    fn enter_later(&self) -> Operation {
        Plain::call(self.0.clone(), &ENTER)
    }
}

fn count(value: i64) -> PyResult<usize> {
    usize::try_from(value).map_err(|_| PyValueError::new_err("Semaphore initial value must be >= 0"))
}

impl Semaphore {
    fn of(make: fn(usize) -> Permits, word: &'static str) -> Self {
        Self { made: OnceLock::new(), make, word, entry: PyOnceLock::new() }
    }

    /// One whose class never called `__init__` has one permit.
    fn inner(&self) -> &Permits {
        self.made.get_or_init(|| (self.make)(1))
    }

    fn let_go(&self, py: Python<'_>) -> PyResult<()> {
        own_turn::within(py, || self.inner().release())?.map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

#[pymethods]
impl Semaphore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(value=1)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::of(Permits::new, "Semaphore")
    }

    #[pyo3(signature = (value=1))]
    fn __init__(&self, value: i64) -> PyResult<()> {
        self.made.set((self.make)(count(value)?)).map_err(|_| {
            PyRuntimeError::new_err("this semaphore is made already: call __init__() once, and before any use")
        })
    }

    /// Acquire a permit; True once it is held.
    ///
    /// Returns:
    ///     A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``.
    fn acquire(&self) -> Operation {
        Plain::call(self.inner().clone(), &ACQUIRE)
    }

    /// Acquire a permit if one is free; whether there was one.
    fn acquire_nowait(&self) -> bool {
        self.inner().acquire_nowait()
    }

    /// Release a permit: to the first who waits, else it is free.
    ///
    /// Raises:
    ///     ValueError: It is a BoundedSemaphore, and all permits are free.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.let_go(py)
    }

    /// Whether no permit is free.
    fn locked(&self) -> bool {
        self.inner().locked()
    }

    /// How it stands: how many permits are free (``value``), and how many are ``waiting``.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let now = self.inner().statistics();
        let figures = PyDict::new(py);
        figures.set_item("value", now.free)?;
        figures.set_item("waiting", now.waiting)?;
        Ok(figures)
    }

    fn __aenter__(&self, py: Python<'_>) -> PyResult<Py<Entry>> {
        let entry = self.entry.get_or_try_init(py, || Entry::new(py, Door(self.inner().clone())))?;
        Ok(entry.clone_ref(py))
    }

    #[pyo3(signature = (_class=None, _raised=None, _traceback=None))]
    fn __aexit__(
        &self,
        py: Python<'_>,
        _class: Option<&Bound<'_, PyAny>>,
        _raised: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<Ready>> {
        self.let_go(py)?;
        ready(py)
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<()> {
        if self.inner().acquire_nowait() {
            return Ok(());
        }
        Operation::wait(&Bound::new(py, Plain::call(self.inner().clone(), &ENTER))?, None).map(drop)
    }

    #[pyo3(signature = (_class=None, _raised=None, _traceback=None))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _class: Option<&Bound<'_, PyAny>>,
        _raised: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.let_go(py)
    }

    fn __reduce__(&self) -> PyResult<()> {
        let word = self.word;
        Err(PyTypeError::new_err(format!("a {word} cannot be pickled or copied: a copy would be another semaphore")))
    }

    fn __repr__(&self) -> String {
        let now = self.inner().statistics();
        let stands = match now.free {
            0 => "locked".to_owned(),
            free => format!("unlocked, value:{free}"),
        };
        match now.waiting {
            0 => format!("<simul.{} [{stands}]>", self.word),
            waiting => format!("<simul.{} [{stands}, waiting:{waiting}]>", self.word),
        }
    }
}

/// A Semaphore that refuses to be released more often than it was acquired.
///
/// Args:
///     value: How many permits there are; 1 by default.
///
/// Raises:
///     ValueError: ``value`` is below zero; ``release()`` raises it too, when all permits are free.
///
/// Example:
///     >>> import simul
///     >>> simul.BoundedSemaphore(1).release()
///     Traceback (most recent call last):
///     ValueError: BoundedSemaphore released too many times
#[pyclass(frozen, subclass, extends = Semaphore, module = "simul", name = "BoundedSemaphore")]
pub(crate) struct BoundedSemaphore;

#[pymethods]
impl BoundedSemaphore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(value=1)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Semaphore::of(Permits::bounded, "BoundedSemaphore")).add_subclass(Self)
    }
}
