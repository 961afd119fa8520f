//! `simul.Barrier`.

use super::operation::Operation;
use super::plain::{self, Plain};
use super::ready::{Ready, ready};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use simul_core::{Error, Kind};
use simul_sync::{Barrier as Gate, Entered};

/// So many wait for each other; when the last one comes all go on. For any number of threads and event loops.
///
/// Args:
///     parties: How many it takes, at least 1.
///
/// Raises:
///     ValueError: ``parties`` is below 1.
///
/// Cancellation:
///     A cancelled or timed-out waiter leaves, and the others wait for one more.
///
/// Threads and loops:
///     ``await barrier.wait()`` or ``async with`` in a coroutine, ``barrier.wait().wait(timeout=None)`` or ``with``
///     anywhere else. Inside of a running loop the latter stalls that loop, and warns. In a forked child nobody waits.
///
/// Example:
///     >>> import simul, threading
///     >>> barrier = simul.Barrier(2)
///     >>> threading.Thread(target=lambda: barrier.wait().wait()).start()
///     >>> barrier.wait().wait() in (0, 1)
///     True
#[pyclass(frozen, weakref, module = "simul", name = "Barrier")]
pub(crate) struct Barrier(Gate);

static WAIT: plain::Kind<Gate> = plain::Kind {
    name: "Barrier.wait",
    enter: Gate::enter,
    value: |py, number| Ok(number.into_pyobject(py)?.into_any().unbind()),
    refusal: broken,
};

static RESET: plain::Kind<Gate> = plain::Kind {
    name: "Barrier.reset",
    enter: |gate| {
        gate.reset();
        Ok(Entered::Now(0))
    },
    value: |py, _number| Ok(py.None()),
    refusal: broken,
};

static ABORT: plain::Kind<Gate> = plain::Kind {
    name: "Barrier.abort",
    enter: |gate| {
        gate.abort();
        Ok(Entered::Now(0))
    },
    value: |py, _number| Ok(py.None()),
    refusal: broken,
};

/// asyncio's error for a barrier that is broken, or was reset under a waiter.
fn broken(py: Python<'_>, error: &Error) -> PyErr {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if error.kind() != Kind::Closed {
        return plain::by_kind(py, error);
    }
    let class = CLASS.get_or_try_init(py, || {
        py.import("asyncio").and_then(|asyncio| asyncio.getattr("BrokenBarrierError")).map(Bound::unbind)
    });
    match class.and_then(|class| class.bind(py).call1((error.to_string(),))) {
        Ok(raised) => PyErr::from_value(raised),
        Err(failed) => failed,
    }
}

#[pymethods]
impl Barrier {
    #[new]
    fn new(parties: i64) -> PyResult<Self> {
        match usize::try_from(parties) {
            Ok(parties) if parties > 0 => Ok(Self(Gate::new(parties))),
            _ => Err(PyValueError::new_err("parties must be >= 1")),
        }
    }

    /// Wait until all are here; a number from 0 to ``parties - 1``, another for each.
    ///
    /// Returns:
    ///     A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``.
    ///
    /// Raises:
    ///     asyncio.BrokenBarrierError: The barrier is broken, or is reset or broken meanwhile.
    fn wait(&self) -> Operation {
        Plain::call(self.0.clone(), &WAIT)
    }

    /// Send everybody who waits away with BrokenBarrierError; the barrier is as new.
    ///
    /// Returns:
    ///     A call that does it when it is awaited, or waited for with ``.wait()``. It never blocks.
    fn reset(&self) -> Operation {
        Plain::call(self.0.clone(), &RESET)
    }

    /// Break it: everybody who waits or comes gets BrokenBarrierError, until it is reset.
    ///
    /// Returns:
    ///     A call that does it when it is awaited, or waited for with ``.wait()``. It never blocks.
    fn abort(&self) -> Operation {
        Plain::call(self.0.clone(), &ABORT)
    }

    /// How many it takes.
    #[getter]
    fn parties(&self) -> usize {
        self.0.parties()
    }

    /// How many wait.
    #[getter]
    fn n_waiting(&self) -> usize {
        self.0.n_waiting()
    }

    /// Whether it is broken.
    #[getter]
    fn broken(&self) -> bool {
        self.0.broken()
    }

    /// How it stands: ``parties``, how many are ``waiting``, and whether it is ``broken``.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let figures = PyDict::new(py);
        figures.set_item("parties", self.0.parties())?;
        figures.set_item("waiting", self.0.n_waiting())?;
        figures.set_item("broken", self.0.broken())?;
        Ok(figures)
    }

    fn __aenter__(&self) -> Operation {
        self.wait()
    }

    #[pyo3(signature = (*_raised))]
    fn __aexit__(&self, py: Python<'_>, _raised: &Bound<'_, PyAny>) -> PyResult<Py<Ready>> {
        ready(py)
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Operation::wait(&Bound::new(py, self.wait())?, None)
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, _raised: &Bound<'_, PyAny>) {}

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a Barrier cannot be pickled or copied: a copy would be another barrier"))
    }

    fn __repr__(&self) -> String {
        let word = if self.0.broken() { "broken" } else { "filling" };
        format!("<simul.Barrier [{word}, waiting:{}/{}]>", self.0.n_waiting(), self.0.parties())
    }
}
