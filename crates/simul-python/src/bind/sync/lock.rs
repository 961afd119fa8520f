//! `simul.Lock`.

use super::exclusive::{Acquire, Answer, Exclusive, have_again};
use super::held::{Held, Hold, no_arguments};
use super::operation::{Asker, Operation};
use super::party::{Parties, Party, refuse_overtaking};
use crate::delivery::own_turn;
use pyo3::exceptions::{PyBaseException, PyRuntimeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use simul_sync::Entered;
use std::sync::{Arc, Mutex};

/// One holder at a time, first come, first served; for any number of threads and event loops.
///
/// Cancellation:
///     A cancelled or timed-out waiter leaves the line; one that had been granted the lock passes it on. A waiter whose
///     loop has closed passes it on, too.
///
/// Threads and loops:
///     ``async with`` in a coroutine, ``with`` anywhere else, on the same lock. A ``with`` inside of a running loop that
///     would have to wait for a task of that loop raises DeadlockError. In a forked child the lock is not held.
///
/// Example:
///     >>> import simul
///     >>> lock = simul.Lock()
///     >>> with lock:
///     ...     lock.locked()
///     True
#[pyclass(frozen, subclass, extends = Held, module = "simul", name = "Lock")]
pub(crate) struct Lock {
    shared: Arc<Shared>,
}

/// What calls that are under way keep of a lock.
struct Shared {
    inner: simul_sync::Lock,
    parties: Mutex<Parties>,
}

impl Exclusive for Shared {
    type Source = simul_sync::Lock;
    const ACQUIRE: &'static str = "Lock.acquire";

    fn enter(&self, _party: &Party, _depth: usize) -> Entered<simul_sync::Lock> {
        self.inner.enter()
    }

    fn parties(&self) -> &Mutex<Parties> {
        &self.parties
    }
}

impl Shared {
    fn take_now(&self, py: Python<'_>) -> PyResult<bool> {
        let free = self.inner.acquire_nowait();
        if free {
            let party = Party::here(py).inspect_err(|_| drop(self.inner.release()))?;
            self.known().hold_alone(party);
        }
        Ok(free)
    }

    fn let_go(&self, py: Python<'_>) -> PyResult<()> {
        // Before it is released: whoever gets it next is named as its holder after that.
        let before = self.known().let_go();
        let released = own_turn::within(py, || self.inner.release());
        drop(before);
        released?.map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }
}

struct Door(Arc<Shared>);

impl Hold for Door {
    fn take_now(&self, py: Python<'_>) -> PyResult<bool> {
        self.0.take_now(py)
    }

    fn take_later(&self) -> Operation {
        Acquire::call(self.0.clone(), Answer::None, 1)
    }

    fn let_go(&self, py: Python<'_>) -> PyResult<()> {
        self.0.let_go(py)
    }
}

#[pymethods]
impl Lock {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **kwargs), text_signature = "()")]
    fn new(
        class: &Bound<'_, PyType>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        no_arguments(class, args, kwargs)?;
        let held = Held::new(class, &class.py().get_type::<Self>(), "lock", |held| {
            Ok(Box::new(Door(held.cast::<Self>()?.get().shared.clone())))
        });
        let shared = Shared { inner: simul_sync::Lock::new(), parties: Mutex::default() };
        Ok(PyClassInitializer::from(held).add_subclass(Self { shared: Arc::new(shared) }))
    }

    /// Acquire the lock; True once it is held.
    ///
    /// Returns:
    ///     A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``.
    fn acquire(&self) -> Operation {
        Acquire::call(self.shared.clone(), Answer::True, 1)
    }

    /// Acquire the lock if it is free; whether it was.
    fn acquire_nowait(&self, py: Python<'_>) -> PyResult<bool> {
        self.shared.take_now(py)
    }

    /// Release the lock: to the first who waits, else it is free.
    ///
    /// Raises:
    ///     RuntimeError: Nobody holds it.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.shared.let_go(py)
    }

    /// Whether somebody holds it.
    fn locked(&self) -> bool {
        self.shared.inner.locked()
    }

    /// How it stands: ``locked``, and how many are ``waiting``.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let now = self.shared.inner.statistics();
        let figures = PyDict::new(py);
        figures.set_item("locked", now.locked)?;
        figures.set_item("waiting", now.waiting)?;
        Ok(figures)
    }

    /// For a Condition: refuses to give it up for a while where it could never be had again.
    fn _before_wait(&self, py: Python<'_>, blocking: bool) -> PyResult<()> {
        if !self.shared.inner.locked() {
            return Err(PyRuntimeError::new_err("cannot wait on un-acquired lock"));
        }
        refuse_overtaking(py, || self.shared.known(), Asker::of(blocking))
    }

    /// For a Condition: gives it up.
    fn _release_all(&self, py: Python<'_>) -> PyResult<usize> {
        self.shared.let_go(py).map(|()| 1)
    }

    /// For a Condition: has it again, whatever interrupts, and returns the interruption.
    fn _have_again(&self, py: Python<'_>, depth: usize) -> PyResult<Option<Py<PyBaseException>>> {
        Ok(have_again(&self.shared, py, depth)?.map(|interrupted| interrupted.into_value(py)))
    }

    /// For a Condition: has it again.
    fn _acquire_again(&self, depth: usize) -> Operation {
        Acquire::call(self.shared.clone(), Answer::True, depth)
    }

    fn __repr__(&self) -> String {
        let now = self.shared.inner.statistics();
        let word = if now.locked { "locked" } else { "unlocked" };
        match now.waiting {
            0 => format!("<simul.Lock [{word}]>"),
            waiting => format!("<simul.Lock [{word}, waiting:{waiting}]>"),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.shared.parties.try_lock().map_or(Ok(()), |parties| parties.traverse(&visit))
    }
}
