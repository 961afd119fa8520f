//! What one `await` of a Job, or of a call on a primitive, yields to its task.
//!
//! It is the iterator of the `await` and the future that the task waits for, in one object: a task that is cancelled
//! cancels its future first, so we learn at that very moment that this waiter leaves.

use super::loops::{LoopInbox, Sitter};
use super::running;
use super::target::Target;
use super::thrown::thrown;
use super::wakeups::{Awaited, Wakeups};
use pyo3::exceptions::{PyRuntimeError, PyStopIteration, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use simul_wake::{Join, SlotKey, Ticket, Waiter};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where this `await` stands.
enum Place {
    /// Not begun.
    Fresh,
    /// Sits in a slot of its loop.
    Waiting {
        /// Weak: the loop's reader callback alone keeps an inbox, so that its drop tells us of the loop's close.
        inbox: Py<PyWeakrefReference>,
        key: SlotKey,
        ticket: Ticket,
    },
    /// The Job has ended; the task has been told.
    Woken,
    /// The task was cancelled.
    Cancelled(Option<Py<PyAny>>),
    /// The loop was closed.
    Closed,
    /// The task has its outcome, or gave the await up.
    Finished,
}

struct State {
    place: Place,
    target: Option<Target>,
    wakeups: Wakeups,
}

/// One await of one target.
#[pyclass(frozen, weakref, module = "simul._simul", name = "_Waiter")]
pub(crate) struct LoopWaiter {
    /// Touched by attached threads only, never across a call into Python.
    state: Mutex<State>,
}

impl Awaited for LoopWaiter {
    fn wakeups<T>(&self, look: impl FnOnce(&mut Wakeups) -> T) -> T {
        look(&mut self.state().wakeups)
    }
}

impl LoopWaiter {
    pub(crate) fn new(target: Target) -> Self {
        Self { state: Mutex::new(State { place: Place::Fresh, target: Some(target), wakeups: Wakeups::default() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn target(&self, py: Python<'_>) -> Option<Target> {
        self.state().target.as_ref().map(|target| target.clone_ref(py))
    }

    pub(crate) fn waits_for_a_primitive(&self) -> bool {
        matches!(self.state().target, Some(Target::Operation(_)))
    }

    /// Takes a slot of the running loop, unless the Job has ended.
    ///
    /// # Returns
    /// The waiter itself, for the task to wait for; None if there is nothing to wait for.
    pub(crate) fn begin<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, Self>>> {
        let py = slf.py();
        let this = slf.get();
        let Some(target) = this.target(py) else { return Ok(None) };
        target.touch();
        if target.has_ended() {
            return Ok(None);
        }
        let event_loop = running::event_loop(py)?.ok_or_else(|| {
            PyRuntimeError::new_err("no running event loop: await a Job in a coroutine, or call .wait() on it")
        })?;
        let inbox = LoopInbox::of(&event_loop)?;
        let key = inbox.get().sit(Sitter::Waiter(slf.clone().unbind()));
        match target.join(Waiter::Slot(inbox.get().shared().clone(), key)) {
            Join::Ended => {
                drop(inbox.get().stand_up(key));
                Ok(None)
            }
            Join::Joined(ticket) => {
                let inbox = PyWeakrefReference::new(&inbox)?.unbind();
                let mut state = this.state();
                state.place = Place::Waiting { inbox, key, ticket };
                state.wakeups.begin(event_loop);
                Ok(Some(slf.clone()))
            }
        }
    }

    /// The Job has ended: tells the task, by `call_soon` only.
    pub(crate) fn wake(slf: &Bound<'_, Self>, call_soon: &Bound<'_, PyAny>) -> PyResult<()> {
        let before = std::mem::replace(&mut slf.get().state().place, Place::Woken);
        drop(before);
        Self::tell(slf, call_soon)
    }

    /// Leaves the Job, if this waiter still waits.
    fn leave(&self, py: Python<'_>, next: Place, drop_if_last: bool) -> bool {
        let (before, target) = {
            let mut state = self.state();
            if !matches!(state.place, Place::Waiting { .. }) {
                return false;
            }
            (std::mem::replace(&mut state.place, next), state.target.as_ref().map(|target| target.clone_ref(py)))
        };
        let Place::Waiting { inbox, key, ticket } = before else { return false };
        if let Some(target) = target {
            target.leave(ticket, drop_if_last);
        }
        // The slab's reference to this waiter goes with its seat.
        if let Some(inbox) = inbox.bind(py).upgrade()
            && let Ok(inbox) = inbox.cast::<LoopInbox>()
        {
            drop(inbox.get().stand_up(key));
        }
        true
    }

    /// The loop has gone and took the slot with it. The reference to the Job goes too: if it was the last one, that
    /// drops the work; other waiters and references keep it.
    pub(crate) fn loop_closed(&self) {
        let (before, target, callbacks) = {
            let mut state = self.state();
            let callbacks = state.wakeups.take_callbacks();
            (std::mem::replace(&mut state.place, Place::Closed), state.target.take(), callbacks)
        };
        if let (Place::Waiting { ticket, .. }, Some(target)) = (&before, &target) {
            target.leave(*ticket, false);
            target.loop_closed();
        }
        drop((before, target, callbacks));
    }

    fn step<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        let this = slf.get();
        enum Step {
            Begin,
            Again,
            Finish,
            Cancelled(Option<Py<PyAny>>),
            Closed,
            Reused,
        }
        let step = {
            let mut state = this.state();
            match &state.place {
                Place::Fresh => Step::Begin,
                Place::Waiting { .. } => {
                    state.wakeups.block();
                    Step::Again
                }
                Place::Woken => Step::Finish,
                Place::Cancelled(message) => Step::Cancelled(message.as_ref().map(|message| message.clone_ref(py))),
                Place::Closed => Step::Closed,
                Place::Finished => Step::Reused,
            }
        };
        match step {
            Step::Begin => {
                if let Some(waiting) = Self::begin(slf)? {
                    return Ok(waiting);
                }
            }
            Step::Again => return Ok(slf.clone()),
            Step::Finish => {}
            Step::Cancelled(message) => {
                return Err(running::cancelled_error(py, message.map(|held| held.into_bound(py))));
            }
            Step::Closed => return Err(PyRuntimeError::new_err("Event loop is closed")),
            Step::Reused => return Err(PyRuntimeError::new_err("this await has ended already")),
        }
        let target = {
            let mut state = this.state();
            state.place = Place::Finished;
            state.target.take()
        };
        let Some(target) = target else { return Err(PyRuntimeError::new_err("this await has ended already")) };
        Err(match target.outcome(py) {
            Ok(value) => PyStopIteration::new_err((value,)),
            Err(error) => error,
        })
    }
}

#[pymethods]
impl LoopWaiter {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        Self::step(slf)
    }

    fn send<'py>(slf: &Bound<'py, Self>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        if !value.is_none() {
            return Err(PyTypeError::new_err("can't send a value into the await of a Job"));
        }
        Self::step(slf)
    }

    #[pyo3(signature = (exception, value=None, traceback=None))]
    fn throw(
        slf: &Bound<'_, Self>,
        exception: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let error = thrown(exception, value, traceback)?;
        slf.get().leave(slf.py(), Place::Finished, true);
        Err(error)
    }

    fn close(slf: &Bound<'_, Self>) {
        slf.get().leave(slf.py(), Place::Finished, true);
    }

    #[getter]
    fn _asyncio_future_blocking(&self) -> bool {
        self.blocking()
    }

    #[setter(_asyncio_future_blocking)]
    fn set_asyncio_future_blocking(&self, blocking: bool) {
        self.set_blocking(blocking);
    }

    fn get_loop(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.event_loop(py)
    }

    #[getter]
    fn _loop(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.event_loop(py)
    }

    #[pyo3(signature = (function, *, context=None))]
    fn add_done_callback(slf: &Bound<'_, Self>, function: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        {
            let mut state = slf.get().state();
            state.wakeups.add(function, context);
            if matches!(state.place, Place::Fresh | Place::Waiting { .. }) {
                return Ok(());
            }
        }
        Self::tell_its_loop(slf)
    }

    fn remove_done_callback(&self, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.remove(function)
    }

    /// The task is being cancelled: this waiter leaves the Job now.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        if !slf.get().leave(slf.py(), Place::Cancelled(msg), true) {
            return Ok(false);
        }
        Self::tell_its_loop(slf).map(|()| true)
    }

    fn cancelled(&self) -> bool {
        matches!(self.state().place, Place::Cancelled(_))
    }

    fn done(&self) -> bool {
        !matches!(self.state().place, Place::Fresh | Place::Waiting { .. })
    }

    /// Asked by the task when it wakes: only a cancel is an answer, the outcome is read by the await itself.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        let message = match &self.state().place {
            Place::Cancelled(message) => message.as_ref().map(|message| message.clone_ref(py)),
            _ => return Ok(()),
        };
        Err(running::cancelled_error(py, message.map(|held| held.into_bound(py))))
    }

    fn exception(&self, py: Python<'_>) -> PyResult<()> {
        self.result(py)
    }

    fn __repr__(&self) -> String {
        let (word, target) = {
            let state = self.state();
            let word = match state.place {
                Place::Fresh => "fresh",
                Place::Waiting { .. } => "pending",
                Place::Cancelled(_) => "cancelled",
                Place::Closed => "closed",
                Place::Woken | Place::Finished => "finished",
            };
            (word, state.target.as_ref().map(Target::name))
        };
        match target {
            Some(name) => format!("<await of {name} {word}>"),
            None => format!("<await {word}>"),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        if let Place::Cancelled(Some(message)) = &state.place {
            visit.call(message)?;
        }
        if let Some(target) = &state.target {
            target.traverse(&visit)?;
        }
        state.wakeups.traverse(&visit)
    }

    fn __clear__(&self) {
        let (place, wakeups) = {
            let mut state = self.state();
            (
                match state.place {
                    // Its slot keeps it reachable; breaking the cycle elsewhere is enough.
                    Place::Waiting { .. } => None,
                    _ => Some(std::mem::replace(&mut state.place, Place::Finished)),
                },
                state.wakeups.take(),
            )
        };
        drop((place, wakeups));
    }
}

impl Drop for LoopWaiter {
    fn drop(&mut self) {
        // Only the collector drops a waiter that waits: it has taken the slab apart. Its Job lives on its references.
        Python::try_attach(|py| self.leave(py, Place::Finished, false));
    }
}
