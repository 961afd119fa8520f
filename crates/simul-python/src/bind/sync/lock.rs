//! `simul.Lock`.

use super::operation::{Asker, Begun, Call, Operation};
use super::party::{Parties, Party, refuse_deadlock};
use super::ready::{Ready, ready};
use crate::delivery::own_turn;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use simul_sync::{Entered, Wait};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
#[pyclass(frozen, weakref, module = "simul", name = "Lock")]
pub(crate) struct Lock {
    inner: simul_sync::Lock,
    /// Touched by attached threads only, never across a call into Python.
    parties: Mutex<Parties>,
}

impl Lock {
    fn parties(&self) -> MutexGuard<'_, Parties> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(slf: &Bound<'_, Self>, answer: Answer) -> Operation {
        Operation::new(Box::new(Acquire { lock: slf.clone().unbind(), answer, wait: None, number: 0 }))
    }

    fn let_go(&self, py: Python<'_>) -> PyResult<()> {
        // Before it is released: whoever gets it next is named as its holder after that.
        let before = self.parties().let_go(None);
        let released = own_turn::within(py, || self.inner.release());
        drop(before);
        released?.map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }
}

#[pymethods]
impl Lock {
    #[new]
    fn new() -> Self {
        Self { inner: simul_sync::Lock::new(), parties: Mutex::default() }
    }

    /// Acquire the lock; True once it is held.
    ///
    /// Returns:
    ///     A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``.
    fn acquire(slf: &Bound<'_, Self>) -> Operation {
        Self::call(slf, Answer::True)
    }

    /// Acquire the lock if it is free; whether it was.
    fn acquire_nowait(&self, py: Python<'_>) -> PyResult<bool> {
        let free = self.inner.acquire_nowait();
        if free {
            let party = Party::here(py)?;
            self.parties().hold(party);
        }
        Ok(free)
    }

    /// Release the lock: to the first who waits, else it is free.
    ///
    /// Raises:
    ///     RuntimeError: Nobody holds it.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.let_go(py)
    }

    /// Whether somebody holds it.
    fn locked(&self) -> bool {
        self.inner.locked()
    }

    /// How it stands: ``locked``, and how many are ``waiting``.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let now = self.inner.statistics();
        let figures = PyDict::new(py);
        figures.set_item("locked", now.locked)?;
        figures.set_item("waiting", now.waiting)?;
        Ok(figures)
    }

    fn __aenter__(slf: &Bound<'_, Self>) -> Operation {
        Self::call(slf, Answer::None)
    }

    #[pyo3(signature = (*_raised))]
    fn __aexit__(&self, py: Python<'_>, _raised: &Bound<'_, PyAny>) -> PyResult<Py<Ready>> {
        self.let_go(py)?;
        ready(py)
    }

    fn __enter__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        if slf.get().acquire_nowait(py)? {
            return Ok(());
        }
        Operation::wait(&Bound::new(py, Self::call(slf, Answer::None))?, None).map(drop)
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, PyAny>) -> PyResult<()> {
        self.let_go(py)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a Lock cannot be pickled or copied: a copy would be another lock"))
    }

    fn __repr__(&self) -> String {
        let now = self.inner.statistics();
        let word = if now.locked { "locked" } else { "unlocked" };
        match now.waiting {
            0 => format!("<simul.Lock [{word}]>"),
            waiting => format!("<simul.Lock [{word}, waiting:{waiting}]>"),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.parties.try_lock().map_or(Ok(()), |parties| parties.traverse(&visit))
    }
}

/// What `acquire` answers with, and what a `with` is given.
enum Answer {
    True,
    None,
}

struct Acquire {
    lock: Py<Lock>,
    answer: Answer,
    wait: Option<Wait<simul_sync::Lock>>,
    number: u64,
}

impl Acquire {
    fn held(&self, py: Python<'_>, party: Party) -> PyResult<Py<PyAny>> {
        self.lock.get().parties().hold(party);
        Ok(match self.answer {
            Answer::True => true.into_pyobject(py)?.to_owned().into_any().unbind(),
            Answer::None => py.None(),
        })
    }
}

impl Call for Acquire {
    fn name(&self) -> &'static str {
        "Lock.acquire"
    }

    fn begin(&mut self, py: Python<'_>, asker: Asker) -> PyResult<Begun> {
        let lock = self.lock.get();
        let party = Party::here(py)?;
        let wait = match lock.inner.enter() {
            Entered::Now(()) => return self.held(py, party).map(Begun::Now),
            Entered::Later(wait) => wait,
        };
        // Asked in the line already, so that whoever was ahead is seen; leaving it is dropping the place.
        refuse_deadlock(py, &lock.parties, "Lock.acquire()", asker)?;
        self.number = lock.parties().wait(party);
        let header = wait.as_header();
        self.wait = Some(wait);
        Ok(Begun::Later(header))
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let party = self.lock.get().parties().leave(self.number);
        let Some(mut wait) = self.wait.take() else { return Err(PyRuntimeError::new_err("this call has ended")) };
        wait.take().map_err(|error| crate::bind::errors::to_pyerr(py, &error))?;
        match party {
            Some(party) => self.held(py, party),
            None => self.held(py, Party::here(py)?),
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.lock)
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        if self.number != 0 && self.wait.is_some() {
            // Out of the line first: a party that nobody can be granted is no reason to refuse others.
            self.wait = None;
            let left = self.lock.get().parties().leave(self.number);
            drop(left);
        }
    }
}
