//! `simul.Semaphore` and `simul.BoundedSemaphore`.

use super::held::{Held, Hold};
use super::operation::Operation;
use super::plain::{self, Plain};
use crate::delivery::own_turn;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
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
#[pyclass(frozen, subclass, extends = Held, module = "simul", name = "Semaphore")]
pub(crate) struct Semaphore {
    /// Made by `__init__`, so that a class that derives from this one may have arguments of its own.
    made: OnceLock<Permits>,
    make: fn(usize) -> Permits,
    word: &'static str,
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

impl Hold for Door {
    fn take_now(&self, _py: Python<'_>) -> PyResult<bool> {
        Ok(self.0.acquire_nowait())
    }

    fn take_later(&self) -> Operation {
        Plain::call(self.0.clone(), &ENTER)
    }

    fn let_go(&self, py: Python<'_>) -> PyResult<()> {
        let_go(py, &self.0)
    }
}

fn let_go(py: Python<'_>, permits: &Permits) -> PyResult<()> {
    own_turn::within(py, || permits.release())?.map_err(|error| PyValueError::new_err(error.to_string()))
}

fn count(value: i64) -> PyResult<usize> {
    usize::try_from(value).map_err(|_| PyValueError::new_err("Semaphore initial value must be >= 0"))
}

impl Semaphore {
    /// # Args
    /// `class`: as `__new__` got it; `own`: the class of ours.
    fn of(
        class: &Bound<'_, PyType>,
        own: &Bound<'_, PyType>,
        make: fn(usize) -> Permits,
        word: &'static str,
    ) -> PyClassInitializer<Self> {
        let held =
            Held::new(class, own, "semaphore", |held| Ok(Box::new(Door(held.cast::<Self>()?.get().inner().clone()))));
        PyClassInitializer::from(held).add_subclass(Self { made: OnceLock::new(), make, word })
    }

    /// One whose class never called `__init__` has one permit.
    fn inner(&self) -> &Permits {
        self.made.get_or_init(|| (self.make)(1))
    }
}

#[pymethods]
impl Semaphore {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(value=1)")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        Self::of(class, &class.py().get_type::<Self>(), Permits::new, "Semaphore")
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
        let_go(py, self.inner())
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
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(value=1)")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        Semaphore::of(class, &class.py().get_type::<Self>(), Permits::bounded, "BoundedSemaphore").add_subclass(Self)
    }
}
