//! `simul.RLock`.

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

/// One owner at a time, who may take it again, and gives it up as often; for any number of threads and event loops.
///
/// The owner is the running task; where none runs, the thread.
///
/// Cancellation:
///     A cancelled or timed-out waiter leaves the line; one that had been granted the lock passes it on. A waiter whose
///     loop has closed passes it on, too.
///
/// Threads and loops:
///     ``async with`` in a coroutine, ``with`` anywhere else, on the same lock; a task may mix them. A ``with`` inside of a
///     running loop that would have to wait for another task of that loop raises DeadlockError. In a forked child the
///     lock is not held.
///
/// Example:
///     >>> import simul
///     >>> lock = simul.RLock()
///     >>> with lock, lock:
///     ...     lock.statistics()["depth"]
///     2
#[pyclass(frozen, subclass, extends = Held, module = "simul", name = "RLock")]
pub(crate) struct RLock {
    shared: Arc<Shared>,
}

struct Shared {
    inner: simul_sync::RLock,
    parties: Mutex<Parties>,
}

impl Exclusive for Shared {
    type Source = simul_sync::RLock;
    const ACQUIRE: &'static str = "RLock.acquire";

    fn enter(&self, party: &Party, depth: usize) -> Entered<simul_sync::RLock> {
        self.inner.enter(party.number(), depth)
    }

    fn parties(&self) -> &Mutex<Parties> {
        &self.parties
    }
}

impl Shared {
    fn take_now(&self, py: Python<'_>) -> PyResult<bool> {
        let party = Party::here(py)?;
        let taken = self.inner.acquire_nowait(party.number());
        if taken {
            self.known().hold_alone(party);
        }
        Ok(taken)
    }

    /// Gives it up once, or altogether; how often it was held.
    fn let_go(&self, py: Python<'_>, altogether: bool) -> PyResult<usize> {
        let owner = Party::here(py)?.number();
        let depth = self.inner.depth(owner);
        // Before it is released: whoever gets it next is named as its owner after that.
        let before = if depth == 1 || altogether && depth > 0 { self.known().let_go() } else { None };
        let released = own_turn::within(py, || match altogether {
            true => self.inner.release_all(owner),
            false => self.inner.release(owner).map(|_| depth),
        });
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
        self.0.let_go(py, false).map(drop)
    }
}

#[pymethods]
impl RLock {
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
        let shared = Shared { inner: simul_sync::RLock::new(), parties: Mutex::default() };
        Ok(PyClassInitializer::from(held).add_subclass(Self { shared: Arc::new(shared) }))
    }

    /// Acquire the lock, once more if it is this task's or thread's; True once it is held.
    ///
    /// Returns:
    ///     A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``; whoever does that is the
    ///     owner.
    fn acquire(&self) -> Operation {
        Acquire::call(self.shared.clone(), Answer::True, 1)
    }

    /// Acquire the lock if it is free or this task's or thread's; whether it was.
    fn acquire_nowait(&self, py: Python<'_>) -> PyResult<bool> {
        self.shared.take_now(py)
    }

    /// Release the lock once; the last time, it goes to the first who waits, else it is free.
    ///
    /// Raises:
    ///     RuntimeError: This task or thread does not hold it.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.shared.let_go(py, false).map(drop)
    }

    /// Whether somebody holds it.
    fn locked(&self) -> bool {
        self.shared.inner.locked()
    }

    /// How it stands: ``locked``, how often its owner took it (``depth``), and how many are ``waiting``.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let now = self.shared.inner.statistics();
        let figures = PyDict::new(py);
        figures.set_item("locked", now.owner.is_some())?;
        figures.set_item("depth", now.depth)?;
        figures.set_item("waiting", now.waiting)?;
        Ok(figures)
    }

    /// For a Condition: refuses to give it up for a while where it could never be had again.
    fn _before_wait(&self, py: Python<'_>, blocking: bool) -> PyResult<()> {
        if self.shared.inner.depth(Party::here(py)?.number()) == 0 {
            return Err(PyRuntimeError::new_err("cannot wait on un-acquired lock"));
        }
        refuse_overtaking(py, || self.shared.known(), Asker::of(blocking))
    }

    /// For a Condition: gives it up altogether; how often it was held.
    fn _release_all(&self, py: Python<'_>) -> PyResult<usize> {
        self.shared.let_go(py, true)
    }

    /// For a Condition: has it again, whatever interrupts, and returns the interruption.
    fn _have_again(&self, py: Python<'_>, depth: usize) -> PyResult<Option<Py<PyBaseException>>> {
        Ok(have_again(&self.shared, py, depth)?.map(|interrupted| interrupted.into_value(py)))
    }

    /// For a Condition: has it again, as often.
    fn _acquire_again(&self, depth: usize) -> Operation {
        Acquire::call(self.shared.clone(), Answer::True, depth)
    }

    fn __repr__(&self) -> String {
        let now = self.shared.inner.statistics();
        let stands = match now.depth {
            0 => "unlocked".to_owned(),
            depth => format!("locked, depth:{depth}"),
        };
        match now.waiting {
            0 => format!("<simul.RLock [{stands}]>"),
            waiting => format!("<simul.RLock [{stands}, waiting:{waiting}]>"),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.shared.parties.try_lock().map_or(Ok(()), |parties| parties.traverse(&visit))
    }
}
