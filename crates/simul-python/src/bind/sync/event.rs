//! `simul.Event`.

use super::held::no_arguments;
use super::operation::Operation;
use super::plain::{self, Plain};
use crate::delivery::own_turn;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use simul_sync::Event as Flag;

/// A flag to wait for; for any number of threads and event loops.
///
/// Cancellation:
///     A cancelled or timed-out waiter leaves.
///
/// Threads and loops:
///     ``await event.wait()`` in a coroutine, ``event.wait().wait(timeout=None)`` anywhere else. Inside of a running loop
///     the latter stalls that loop, and warns. A forked child keeps the flag.
///
/// Example:
///     >>> import simul, threading
///     >>> event = simul.Event()
///     >>> threading.Thread(target=event.set).start()
///     >>> event.wait().wait()
///     True
#[pyclass(frozen, weakref, subclass, module = "simul", name = "Event")]
pub(crate) struct Event(Flag);

static WAIT: plain::Kind<Flag> =
    plain::Kind { name: "Event.wait", enter: |flag| Ok(flag.enter()), value: plain::truth, refusal: plain::by_kind };

#[pymethods]
impl Event {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **kwargs), text_signature = "()")]
    fn new(class: &Bound<'_, PyType>, args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        no_arguments(class, args, kwargs)?;
        Ok(Self(Flag::new()))
    }

    /// Set it: everybody who waits goes on, and who comes does not wait.
    fn set(&self, py: Python<'_>) -> PyResult<()> {
        own_turn::within(py, || self.0.set())
    }

    /// Clear it: who comes waits. Those whom `set()` let go, go on.
    fn clear(&self) {
        self.0.clear();
    }

    /// Whether it is set.
    fn is_set(&self) -> bool {
        self.0.is_set()
    }

    /// Wait until it is set; True.
    ///
    /// Returns:
    ///     A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``.
    fn wait(&self) -> Operation {
        Plain::call(self.0.clone(), &WAIT)
    }

    /// How it stands: whether it ``is_set``, and how many are ``waiting``.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let figures = PyDict::new(py);
        figures.set_item("is_set", self.0.is_set())?;
        figures.set_item("waiting", self.0.waiting())?;
        Ok(figures)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("an Event cannot be pickled or copied: a copy would be another event"))
    }

    fn __repr__(&self) -> String {
        let word = if self.0.is_set() { "set" } else { "unset" };
        match self.0.waiting() {
            0 => format!("<simul.Event [{word}]>"),
            waiting => format!("<simul.Event [{word}, waiting:{waiting}]>"),
        }
    }
}
