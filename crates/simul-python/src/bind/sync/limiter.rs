//! `simul.CapacityLimiter`.

use super::operation::{Asker, Begun, Call, Operation};
use super::ready::{Ready, ready};
use crate::bind::errors;
use crate::delivery::{own_turn, running};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use simul_core::{Error, Kind};
use simul_sync::limiter::{Borrowing, UNLIMITED};
use simul_sync::{Entered, Wait};
use simul_wake::generation;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// So many borrowers at a time, each with one token; for any number of threads and event loops. anyio's words.
///
/// Args:
///     total_tokens: How many tokens there are, or ``math.inf``. It may be set later: if they are more, those who wait
///         get them; if they are less, what is lent stays lent.
///
/// Raises:
///     TypeError: ``total_tokens`` is neither an int nor ``math.inf``.
///     ValueError: ``total_tokens`` is below zero.
///
/// Cancellation:
///     A cancelled or timed-out waiter leaves the line; a token that had been lent to it goes to the next.
///
/// Threads and loops:
///     A borrower is the running task, else the thread, else whatever ``acquire_on_behalf_of`` names. ``async with`` in a
///     coroutine, ``with`` anywhere else. A ``with`` inside of a running loop that has to wait stalls that loop, and
///     warns. A forked child keeps the total, and nothing is lent.
///
/// Example:
///     >>> import simul
///     >>> limiter = simul.CapacityLimiter(2)
///     >>> with limiter:
///     ...     limiter.available_tokens
///     1
#[pyclass(frozen, weakref, module = "simul", name = "CapacityLimiter")]
pub(crate) struct CapacityLimiter {
    inner: simul_sync::CapacityLimiter,
    /// Who holds or waits, each with the number that Rust knows it by.
    borrowers: Py<PyDict>,
    generation: AtomicU32,
}

/// How many tokens there are, as Python says it.
fn total(given: &Bound<'_, PyAny>) -> PyResult<usize> {
    if given.extract::<f64>().is_ok_and(|given| given == f64::INFINITY) {
        return Ok(UNLIMITED);
    }
    if !given.is_instance_of::<pyo3::types::PyInt>() {
        return Err(PyTypeError::new_err("total_tokens must be an int or math.inf"));
    }
    match given.lt(0)? {
        true => Err(PyValueError::new_err("total_tokens must be >= 0")),
        // More than can be counted is no limit.
        false => Ok(given.extract().unwrap_or(UNLIMITED)),
    }
}

fn tokens(py: Python<'_>, count: usize) -> PyResult<Py<PyAny>> {
    match count {
        UNLIMITED => Ok(f64::INFINITY.into_pyobject(py)?.into_any().unbind()),
        count => Ok(count.into_pyobject(py)?.into_any().unbind()),
    }
}

fn refusal(py: Python<'_>, error: &Error) -> PyErr {
    match error.kind() {
        Kind::Invalid => PyRuntimeError::new_err(error.to_string()),
        _ => errors::to_pyerr(py, error),
    }
}

/// The running task, else the thread.
fn current(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static CURRENT_THREAD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Some(event_loop) = running::event_loop(py)?
        && let Some(task) = running::task(&event_loop)?
    {
        return Ok(task);
    }
    CURRENT_THREAD
        .get_or_try_init(py, || PyResult::Ok(py.import("threading")?.getattr("current_thread")?.unbind()))?
        .bind(py)
        .call0()
}

impl CapacityLimiter {
    /// Those of this process.
    fn borrowers<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        let borrowers = self.borrowers.bind(py);
        let born = self.generation.load(Ordering::Relaxed);
        if generation::is_inherited(born) {
            // The parent's tasks must not be dropped here: they would complain that they are pending.
            std::mem::forget(borrowers.copy());
            borrowers.clear();
            self.generation.store(generation::current(), Ordering::Relaxed);
        }
        borrowers
    }

    /// Gives a borrower its number for the time that it holds or waits.
    fn admit(&self, borrower: &Bound<'_, PyAny>) -> PyResult<u64> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let py = borrower.py();
        let known: u64 =
            self.borrowers(py).call_method1(pyo3::intern!(py, "setdefault"), (borrower, number))?.extract()?;
        if known == number {
            return Ok(number);
        }
        Err(PyRuntimeError::new_err(match self.inner.holds(known) {
            true => "this borrower is already holding one of this CapacityLimiter's tokens",
            false => "this borrower is already waiting for one of this CapacityLimiter's tokens",
        }))
    }

    fn dismiss(&self, borrower: &Bound<'_, PyAny>) -> PyResult<()> {
        self.borrowers(borrower.py()).del_item(borrower)
    }

    fn call(slf: &Bound<'_, Self>, borrower: Option<Py<PyAny>>) -> Operation {
        Operation::new(Box::new(Acquire { limiter: slf.clone().unbind(), borrower, wait: None }))
    }

    fn take_now(&self, borrower: &Bound<'_, PyAny>, anyway: bool) -> PyResult<bool> {
        let number = self.admit(borrower)?;
        let taken = match anyway {
            true => self.inner.take_anyway(number).map(|()| true),
            false => self.inner.acquire_nowait(number),
        };
        if !matches!(taken, Ok(true)) {
            self.dismiss(borrower)?;
        }
        taken.map_err(|error| refusal(borrower.py(), &error))
    }

    fn give_back(&self, borrower: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = borrower.py();
        let known = self.borrowers(py).get_item(borrower)?;
        // A borrower that is not known has no number, and what Rust says of such a one is the answer.
        let number = known.as_ref().map_or(Ok(0), |number| number.extract())?;
        own_turn::within(py, || self.inner.release(number))?.map_err(|error| refusal(py, &error))?;
        if known.is_some() { self.dismiss(borrower) } else { Ok(()) }
    }
}

#[pymethods]
impl CapacityLimiter {
    #[new]
    fn new(total_tokens: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = total_tokens.py();
        Ok(Self {
            inner: simul_sync::CapacityLimiter::new(total(total_tokens)?),
            borrowers: PyDict::new(py).unbind(),
            generation: AtomicU32::new(generation::current()),
        })
    }

    /// How many tokens there are: an int, or ``math.inf``. It may be set.
    #[getter]
    fn total_tokens(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        tokens(py, self.inner.total_tokens())
    }

    #[setter]
    fn set_total_tokens(&self, total_tokens: &Bound<'_, PyAny>) -> PyResult<()> {
        let tokens = total(total_tokens)?;
        own_turn::within(total_tokens.py(), || self.inner.set_total_tokens(tokens))
    }

    /// How many tokens are lent.
    #[getter]
    fn borrowed_tokens(&self) -> usize {
        self.inner.statistics().borrowed_tokens
    }

    /// How many tokens are left; below zero after the total was made smaller than what is lent.
    #[getter]
    fn available_tokens(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let now = self.inner.statistics();
        match now.total_tokens {
            UNLIMITED => tokens(py, UNLIMITED),
            total => Ok((total as i128 - now.borrowed_tokens as i128).into_pyobject(py)?.into_any().unbind()),
        }
    }

    /// Acquire a token for the running task, else for this thread.
    ///
    /// Returns:
    ///     A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``.
    ///
    /// Raises:
    ///     RuntimeError: This borrower has a token already.
    fn acquire(slf: &Bound<'_, Self>) -> Operation {
        Self::call(slf, None)
    }

    /// Acquire a token if one is left; whether there was one.
    fn acquire_nowait(&self, py: Python<'_>) -> PyResult<bool> {
        self.take_now(&current(py)?, false)
    }

    /// Acquire a token for ``borrower``, any object that can be a key.
    fn acquire_on_behalf_of(slf: &Bound<'_, Self>, borrower: Py<PyAny>) -> Operation {
        Self::call(slf, Some(borrower))
    }

    /// Acquire a token for ``borrower`` if one is left; whether there was one.
    fn acquire_on_behalf_of_nowait(&self, borrower: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.take_now(borrower, false)
    }

    /// Takes a token even if none is left: for a worker that gave its own back while it waited for its parent's loop.
    fn _take_anyway(&self, borrower: &Bound<'_, PyAny>) -> PyResult<()> {
        self.take_now(borrower, true).map(drop)
    }

    /// Give back the token of the running task, else of this thread.
    ///
    /// Raises:
    ///     RuntimeError: It has none.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.give_back(&current(py)?)
    }

    /// Give back the token of ``borrower``, from any thread.
    ///
    /// Raises:
    ///     RuntimeError: It has none.
    fn release_on_behalf_of(&self, borrower: &Bound<'_, PyAny>) -> PyResult<()> {
        self.give_back(borrower)
    }

    /// How it stands: ``total_tokens``, ``borrowed_tokens``, the ``borrowers``, and how many are ``waiting``.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let now = self.inner.statistics();
        let mut holding = Vec::new();
        for (borrower, number) in self.borrowers(py).copy()? {
            if self.inner.holds(number.extract()?) {
                holding.push(borrower);
            }
        }
        let figures = PyDict::new(py);
        figures.set_item("total_tokens", tokens(py, now.total_tokens)?)?;
        figures.set_item("borrowed_tokens", now.borrowed_tokens)?;
        figures.set_item("borrowers", PyTuple::new(py, holding)?)?;
        figures.set_item("waiting", now.waiting)?;
        Ok(figures)
    }

    fn __aenter__(slf: &Bound<'_, Self>) -> Operation {
        Self::call(slf, None)
    }

    #[pyo3(signature = (*_raised))]
    fn __aexit__(&self, py: Python<'_>, _raised: &Bound<'_, PyAny>) -> PyResult<Py<Ready>> {
        self.release(py)?;
        ready(py)
    }

    fn __enter__(slf: &Bound<'_, Self>) -> PyResult<()> {
        Operation::wait(&Bound::new(slf.py(), Self::call(slf, None))?, None).map(drop)
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, PyAny>) -> PyResult<()> {
        self.release(py)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a CapacityLimiter cannot be pickled or copied: a copy would be another limiter"))
    }

    fn __repr__(&self) -> String {
        let now = self.inner.statistics();
        let total = match now.total_tokens {
            UNLIMITED => "inf".to_owned(),
            total => total.to_string(),
        };
        match now.waiting {
            0 => format!("<simul.CapacityLimiter [borrowed:{}/{total}]>", now.borrowed_tokens),
            waiting => {
                format!("<simul.CapacityLimiter [borrowed:{}/{total}, waiting:{waiting}]>", now.borrowed_tokens)
            }
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.borrowers)
    }
}

struct Acquire {
    limiter: Py<CapacityLimiter>,
    /// None until it begins, where it is for whoever begins it.
    borrower: Option<Py<PyAny>>,
    wait: Option<Wait<Borrowing>>,
}

impl Call for Acquire {
    fn name(&self) -> &'static str {
        "CapacityLimiter.acquire"
    }

    fn begin(&mut self, py: Python<'_>, _asker: Asker) -> PyResult<Begun> {
        let limiter = self.limiter.get();
        let borrower = match &self.borrower {
            Some(borrower) => borrower.bind(py).clone(),
            None => current(py)?,
        };
        let number = limiter.admit(&borrower)?;
        match limiter.inner.enter(number) {
            Ok(Entered::Now(())) => Ok(Begun::Now(py.None())),
            Ok(Entered::Later(wait)) => {
                let header = wait.as_header();
                self.wait = Some(wait);
                self.borrower = Some(borrower.unbind());
                Ok(Begun::Later(header))
            }
            Err(error) => {
                limiter.dismiss(&borrower)?;
                Err(refusal(py, &error))
            }
        }
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some(wait) = &mut self.wait else { return Err(PyRuntimeError::new_err("this call has ended")) };
        // On failure the place stays, so that what drops it dismisses the borrower too.
        wait.take().map_err(|error| refusal(py, &error))?;
        self.wait = None;
        Ok(py.None())
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.limiter)?;
        visit.call(&self.borrower)
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Some(wait) = self.wait.take() else { return };
        let inherited = wait.as_header().header().is_inherited();
        // A token that had been lent goes back first.
        drop(wait);
        if inherited {
            return;
        }
        Python::try_attach(|py| {
            if let Some(borrower) = &self.borrower
                && let Err(error) = self.limiter.get().dismiss(borrower.bind(py))
            {
                error.write_unraisable(py, None);
            }
        });
    }
}
