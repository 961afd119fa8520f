//! A call on a primitive that may have to wait: `acquire()`, `get()`, `put()`, `wait()`.
//!
//! A coroutine object that begins at its first step, or at `.wait()`. It has one user: what it was granted is taken once,
//! or given back.

use crate::bind::errors;
use crate::delivery::blocking;
use crate::delivery::site::Site;
use crate::delivery::target::Target;
use crate::delivery::thrown::thrown;
use crate::delivery::waiter::LoopWaiter;
use crate::detection::forgotten;
use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use simul_core::{Error, Kind};
use simul_wake::{AsHeader, Header, gate};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Who asks: a task that can be suspended, or a thread that would be blocked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    Task,
    Thread,
}

impl Asker {
    pub(crate) fn of(blocking: bool) -> Self {
        if blocking { Self::Thread } else { Self::Task }
    }
}

/// What came of beginning.
pub(crate) enum Begun {
    /// It was free; this is what the call returns.
    Now(Py<PyAny>),
    /// A place in the line.
    Later(Arc<dyn AsHeader>),
}

/// A call on a primitive. Dropping it leaves the line, and gives back what was granted and not taken.
pub(crate) trait Call: Send + Sync {
    /// As users know it: `Lock.acquire`.
    fn name(&self) -> &'static str;

    /// Takes what is free or a place in the line. Called once.
    ///
    /// # Errors
    /// DeadlockError where the wait could never end; whatever the primitive refuses with.
    fn begin(&mut self, py: Python<'_>, asker: Asker) -> PyResult<Begun>;

    /// What the call returns, once the grant has come. Called once.
    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>>;

    /// Shows the Python objects that it holds to the collector.
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

enum State {
    Fresh(Box<dyn Call>),
    /// In `begin`, on some thread.
    Beginning,
    Waiting(Box<dyn Call>),
    Ended,
}

/// One call that begins when it is awaited, or waited for.
///
/// Cancellation:
///     A task that is cancelled leaves the line; what it had been granted already goes back.
///
/// Threads and loops:
///     Any; one await or one ``.wait()``.
#[pyclass(frozen, weakref, generic, module = "simul._simul", name = "_Operation")]
pub(crate) struct Operation {
    /// Touched by attached threads only, never across a call into Python.
    state: Mutex<State>,
    /// Somebody awaits it, or waits for it.
    claimed: AtomicBool,
    header: OnceLock<Arc<dyn AsHeader>>,
    name: &'static str,
    /// The line that made it, while detection is on.
    site: Option<Site>,
}

impl Operation {
    pub(crate) fn new(call: Box<dyn Call>) -> Self {
        let name = call.name();
        Self {
            state: Mutex::new(State::Fresh(call)),
            claimed: AtomicBool::new(false),
            header: OnceLock::new(),
            name,
            site: forgotten::site(),
        }
    }

    /// A call that has its place in the line already.
    pub(crate) fn begun(call: Box<dyn Call>, header: Arc<dyn AsHeader>) -> Self {
        let name = call.name();
        Self {
            state: Mutex::new(State::Waiting(call)),
            claimed: AtomicBool::new(false),
            header: OnceLock::from(header),
            name,
            site: None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn header(&self) -> Option<&Header> {
        self.header.get().map(|header| header.header())
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn has_ended(&self) -> bool {
        match self.header() {
            Some(header) => header.is_inherited() || header.is_done(),
            None => !matches!(*self.state(), State::Fresh(_) | State::Beginning),
        }
    }

    /// Leaves the line; what was granted and not taken goes back.
    pub(crate) fn abandon(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Ended);
        // Its destructor may wake others: not under the lock.
        drop(before);
    }

    /// Begins, if it has not.
    ///
    /// # Returns
    /// What the call returns, if it was free.
    pub(crate) fn begin(&self, py: Python<'_>, asker: Asker) -> PyResult<Option<Py<PyAny>>> {
        let mut call = {
            let mut state = self.state();
            match std::mem::replace(&mut *state, State::Beginning) {
                State::Fresh(call) => {
                    self.claimed.store(true, Ordering::Relaxed);
                    call
                }
                State::Waiting(call) => {
                    *state = State::Waiting(call);
                    let ended = self.header().is_some_and(|header| header.is_inherited() || header.is_done());
                    // One step more before the end comes from somebody else, who would take the first one's place.
                    return match self.claimed.swap(true, Ordering::Relaxed) && !ended {
                        true => Err(self.busy()),
                        false => Ok(None),
                    };
                }
                State::Beginning => return Err(self.busy()),
                State::Ended => {
                    *state = State::Ended;
                    return Err(self.reused());
                }
            }
        };
        let begun = call.begin(py, asker);
        let (next, outcome) = match begun {
            Ok(Begun::Later(header)) => {
                let _ = self.header.set(header);
                (State::Waiting(call), Ok(None))
            }
            Ok(Begun::Now(value)) => (State::Ended, Ok(Some(value))),
            Err(error) => (State::Ended, Err(error)),
        };
        *self.state() = next;
        outcome
    }

    /// Leaves the line, unless it is about to join it: that may run code of the user's (comparing the items of a queue),
    /// and not even that may end what has not begun.
    ///
    /// # Returns
    /// What it was, to be dropped: its destructor may wake others, which is not to be done under the lock.
    fn end(&self) -> PyResult<State> {
        let mut state = self.state();
        match *state {
            State::Beginning => Err(PyValueError::new_err(format!("{}() is already executing", self.name))),
            _ => Ok(std::mem::replace(&mut *state, State::Ended)),
        }
    }

    fn reused(&self) -> PyErr {
        PyRuntimeError::new_err(format!("cannot reuse already awaited {}()", self.name))
    }

    fn busy(&self) -> PyErr {
        PyRuntimeError::new_err(format!("{}() is being awaited already", self.name))
    }

    /// What the call returns, after the grant has come.
    pub(crate) fn outcome(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let before = std::mem::replace(&mut *self.state(), State::Ended);
        match before {
            State::Waiting(mut call) => call.take(py),
            _ => {
                let error = Error::new(Kind::Cancelled, format!("{}() was given up before it was granted", self.name));
                Err(errors::to_pyerr(py, &error))
            }
        }
    }

    fn target(slf: &Bound<'_, Self>) -> Target {
        Target::Operation(slf.clone().unbind())
    }

    /// One step, as a task makes it: None when it has ended with None.
    fn step<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, LoopWaiter>>> {
        let py = slf.py();
        let this = slf.get();
        if let Some(value) = this.begin(py, Asker::Task)? {
            return Self::ended(py, value);
        }
        if !this.has_ended() {
            let waiter = Bound::new(py, LoopWaiter::new(Self::target(slf)))?;
            match LoopWaiter::begin(&waiter) {
                Ok(Some(waiting)) => return Ok(Some(waiting)),
                Ok(None) => {}
                Err(error) => {
                    this.abandon();
                    return Err(error);
                }
            }
        }
        let value = this.outcome(py)?;
        Self::ended(py, value)
    }

    fn ended<T>(py: Python<'_>, value: Py<PyAny>) -> PyResult<Option<T>> {
        // An end without a value needs no exception object; a plain value needs no tuple, and up to 3.11 no object.
        match value.is_none(py) {
            true => Ok(None),
            false if is_plain(value.bind(py)) => Err(PyStopIteration::new_err(value)),
            false => Err(PyStopIteration::new_err((value,))),
        }
    }
}

#[pymethods]
impl Operation {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, LoopWaiter>>> {
        Self::step(slf)
    }

    /// One step, as asyncio's tasks make it.
    fn send<'py>(slf: &Bound<'py, Self>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, LoopWaiter>> {
        if !value.is_none() {
            return Err(PyTypeError::new_err("can't send a value into a call that has only to be awaited"));
        }
        Self::step(slf)?.ok_or_else(|| PyStopIteration::new_err(()))
    }

    /// Raise ``exception`` here, as asyncio does when the task is cancelled.
    #[pyo3(signature = (exception, value=None, traceback=None))]
    fn throw(
        &self,
        exception: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let error = thrown(exception, value, traceback)?;
        match self.end()? {
            State::Ended => Err(self.reused()),
            _ => Err(error),
        }
    }

    /// Leave the line; what was granted goes back.
    fn close(&self) -> PyResult<()> {
        self.end().map(drop)
    }

    /// Block this thread until it is granted.
    ///
    /// Args:
    ///     timeout: Seconds or a timedelta; None (the default) waits without limit.
    ///
    /// Raises:
    ///     simul.TimeoutError: It did not come in time; the place in the line is given up and nothing was taken.
    ///     simul.DeadlockError: Who holds it waits for this thread's event loop.
    ///
    /// Threads and loops:
    ///     Any thread; the interpreter is free meanwhile.
    #[pyo3(signature = (timeout=None))]
    pub(crate) fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let this = slf.get();
        let timeout = blocking::timeout(timeout)?;
        if let Some(value) = this.begin(py, Asker::Thread)? {
            return Ok(value);
        }
        // A signal that came just before the grant is heard now: once this has returned, nobody could give back what it
        // returns, and a KeyboardInterrupt would lose an item or leave a lock held.
        if let Err(error) = blocking::wait(py, &Self::target(slf), timeout).and_then(|()| py.check_signals()) {
            this.abandon();
            return Err(error);
        }
        this.outcome(py)
    }

    #[getter]
    fn __name__(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    #[getter]
    fn __qualname__(&self) -> &'static str {
        self.name
    }

    #[getter]
    fn cr_running(&self) -> bool {
        matches!(*self.state(), State::Beginning)
    }

    #[getter]
    fn cr_suspended(&self) -> bool {
        matches!(*self.state(), State::Waiting(_))
    }

    #[getter]
    fn cr_frame(&self) -> Option<Py<PyAny>> {
        None
    }

    #[getter]
    fn cr_await(&self) -> Option<Py<PyAny>> {
        None
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(format!("{}() cannot be pickled or copied: it is a call under way", self.name)))
    }

    fn __repr__(&self) -> String {
        let word = match *self.state() {
            State::Fresh(_) => "not begun",
            State::Beginning | State::Waiting(_) => "waiting",
            State::Ended => "finished",
        };
        format!("<{}() {word}>", self.name)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.state.try_lock().as_deref() {
            Ok(State::Fresh(call) | State::Waiting(call)) => call.traverse(&visit),
            _ => Ok(()),
        }
    }
}

/// Whether an exception's class takes it for its one argument: not a tuple, not an exception.
fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    !value.is_instance_of::<PyTuple>() && !value.is_instance_of::<PyBaseException>()
}

impl Drop for Operation {
    fn drop(&mut self) {
        let state = std::mem::replace(self.state.get_mut().unwrap_or_else(PoisonError::into_inner), State::Ended);
        if matches!(state, State::Fresh(_)) && !gate::is_closed() {
            self.warn_forgotten();
        }
    }
}

impl Operation {
    fn warn_forgotten(&self) {
        Python::try_attach(|py| {
            if forgotten::is_on() {
                // With the line that made it, in place of the warning.
                return forgotten::tell(py, "never-awaited", self.name, self.site.as_ref(), "");
            }
            // A destructor runs in the middle of anything: an exception on its way stays on its way.
            let raised = PyErr::take(py);
            let message = std::ffi::CString::new(format!("coroutine '{}' was never awaited", self.name));
            let category = py.get_type::<PyRuntimeWarning>();
            if let Err(error) = PyErr::warn(py, &category, &message.unwrap_or_default(), 1) {
                error.write_unraisable(py, None);
            }
            if let Some(raised) = raised {
                raised.restore(py);
            }
        });
    }
}
