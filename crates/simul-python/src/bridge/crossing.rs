//! One call of `to_thread`: what its task awaits, and what a worker runs.
//!
//! It is the iterator of the `await` and the future that the task waits for. A task hands its own Context to what it
//! waits for, so the worker can run the function in that very object: variables set there are set for the task, and
//! their tokens stay good. A task that is cancelled cancels its future first: then the worker is told, and the task
//! hears of it when the function has ended.

use super::crossing_state::{Stage, State};
use super::{context, workers};
use crate::bind::errors;
use crate::delivery::loops::{LoopInbox, Sitter};
use crate::delivery::running;
use crate::delivery::thrown::thrown;
use crate::delivery::wakeups::{Awaited, Wakeups};
use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyStopIteration, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use simul_engine::job::forked;
use simul_wake::generation;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One call of a function on a worker.
#[pyclass(frozen, weakref, module = "simul._simul", name = "_Crossing")]
pub(crate) struct Crossing {
    generation: u32,
    pub(super) may_abandon: bool,
    /// Whether it counts against the limit of those who name no limiter.
    pub(super) counted: bool,
    /// Touched by attached threads only, never across a call into Python.
    state: Mutex<State>,
}

impl Awaited for Crossing {
    fn wakeups<T>(&self, look: impl FnOnce(&mut Wakeups) -> T) -> T {
        look(&mut self.state().wakeups)
    }
}

impl Crossing {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it still waits for a worker.
    pub(super) fn is_queued(&self) -> bool {
        self.state().stage == Stage::Queued
    }

    pub(super) fn is_inherited(&self) -> bool {
        generation::is_inherited(self.generation)
    }

    /// Takes a seat in the running loop.
    fn begin(slf: &Bound<'_, Self>) -> PyResult<()> {
        let event_loop = running::event_loop(slf.py())?.ok_or_else(|| {
            PyRuntimeError::new_err("no running event loop: await to_thread() in a coroutine, or call the function")
        })?;
        let inbox = LoopInbox::of(&event_loop)?;
        let key = inbox.get().sit(Sitter::Crossing(slf.clone().unbind()));
        let alone = inbox.get().has_one_crossing();
        let mut state = slf.get().state();
        state.alone = alone;
        state.stage = Stage::Seated;
        state.seat = Some((inbox.get().shared().clone(), key));
        state.wakeups.begin(event_loop);
        Ok(())
    }

    /// The drain's turn: what the seat waited for has come.
    pub(crate) fn arrived(slf: &Bound<'_, Self>, call_soon: &Bound<'_, PyAny>) -> PyResult<()> {
        {
            let mut state = slf.get().state();
            state.seat = None;
            if state.stage != Stage::Ended || state.told {
                return Ok(());
            }
            state.told = true;
        }
        Self::tell(slf, call_soon)
    }

    /// The cancel that the task is to see, if one was asked for.
    pub(super) fn cancelled_error(&self, py: Python<'_>) -> Option<PyErr> {
        let message = {
            let state = self.state();
            state.cancel.as_ref()?.as_ref().map(|message| message.clone_ref(py))
        };
        Some(running::cancelled_error(py, message.map(|held| held.into_bound(py))))
    }

    /// Takes the outcome for the task, and the variables that a copied context brings home.
    fn deliver(&self, py: Python<'_>) -> PyResult<Option<Result<Py<PyAny>, Py<PyBaseException>>>> {
        let (outcome, before, after) = {
            let mut state = self.state();
            let ended = state.stage == Stage::Ended;
            if ended {
                state.stage = Stage::Delivered;
            }
            match ended {
                true => (state.outcome.take(), state.before.take(), state.context.take()),
                false => (None, None, None),
            }
        };
        if let (Some(before), Some(after), Some(_)) = (&before, &after, &outcome) {
            context::write_back(before.bind(py), after.bind(py))?;
        }
        Ok(outcome)
    }

    fn step<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        let this = slf.get();
        if this.is_inherited() {
            return Err(errors::to_pyerr(py, &forked()));
        }
        let (stage, closed) = {
            let mut state = this.state();
            if matches!(state.stage, Stage::Seated | Stage::Queued | Stage::Running) && !state.told {
                state.wakeups.block();
            }
            (state.stage, state.closed)
        };
        match stage {
            Stage::Fresh => {
                Self::begin(slf)?;
                return Ok(slf.clone());
            }
            Stage::Delivered => return Err(PyRuntimeError::new_err("this await has ended already")),
            Stage::Ended => {}
            _ if closed => return Err(PyRuntimeError::new_err("Event loop is closed")),
            _ => return Ok(slf.clone()),
        }
        match this.deliver(py)? {
            Some(Ok(value)) => Err(PyStopIteration::new_err((value,))),
            Some(Err(raised)) => Err(this.raised(py, raised)),
            None => Err(this.cancelled_error(py).unwrap_or_else(|| running::cancelled_error(py, None))),
        }
    }

    fn raised(&self, py: Python<'_>, raised: Py<PyBaseException>) -> PyErr {
        let error = PyErr::from_value(raised.into_bound(py).into_any());
        if !error.is_instance_of::<PyStopIteration>(py) {
            return error;
        }
        // It would look like the result of the await.
        let wrapped = PyRuntimeError::new_err("the function called by to_thread() raised StopIteration");
        wrapped.set_cause(py, Some(error));
        wrapped
    }
}

#[pymethods]
impl Crossing {
    #[new]
    fn new(
        function: Py<PyAny>,
        arguments: Py<PyTuple>,
        keywords: Py<PyDict>,
        may_abandon: bool,
        counted: bool,
    ) -> Self {
        Self {
            generation: generation::current(),
            may_abandon,
            counted,
            state: Mutex::new(State::of((function, arguments, keywords))),
        }
    }

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
            return Err(PyTypeError::new_err("can't send a value into the await of a call"));
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
        let py = slf.py();
        let this = slf.get();
        let error = thrown(exception, value, traceback)?;
        if this.is_inherited() {
            return Err(error);
        }
        Self::give_up(slf);
        // What the function raised is not lost behind the cancel.
        if let Some(Err(raised)) = this.deliver(py)? {
            let (error, context) = (error.value(py), pyo3::intern!(py, "__context__"));
            if !raised.bind(py).is_instance(&error.get_type())? && error.getattr(context)?.is_none() {
                error.setattr(context, raised)?;
            }
        }
        Err(error)
    }

    fn close(slf: &Bound<'_, Self>) {
        if !slf.get().is_inherited() {
            Self::give_up(slf);
        }
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

    /// The task says how it is woken: now the call may run.
    #[pyo3(signature = (function, *, context=None))]
    fn add_done_callback(slf: &Bound<'_, Self>, function: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        let stage = this.state().stage;
        if stage == Stage::Seated {
            // A call that may be left behind must not hold the context that its task goes on in.
            let own = context.as_ref().filter(|held| !this.may_abandon && context::is_context(held.bind(py)));
            let (held, before) = match own {
                Some(own) => (own.clone_ref(py), None),
                None => (context::copy_current(py)?, Some(context::copy_current(py)?)),
            };
            let mut state = this.state();
            state.context = Some(held);
            state.before = before;
            state.stage = Stage::Queued;
        }
        let told = {
            let mut state = this.state();
            state.wakeups.add(function, context);
            state.told
        };
        if stage == Stage::Seated {
            let alone = this.state().alone;
            workers::admit(slf, alone);
            return Ok(());
        }
        match told {
            true => Self::tell_its_loop(slf),
            false => Ok(()),
        }
    }

    fn remove_done_callback(&self, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.remove(function)
    }

    /// The task is being cancelled: the worker is told, and the task wakes when the function has ended; at once if it
    /// never began, or may be abandoned.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        Self::cancel_by_task(slf, msg)
    }

    fn cancelled(&self) -> bool {
        let state = self.state();
        state.told && state.cancel.is_some()
    }

    fn done(&self) -> bool {
        self.state().told
    }

    /// Asked by the task when it wakes: only a cancel is an answer, the outcome is read by the await itself.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        self.cancelled_error(py).map_or(Ok(()), Err)
    }

    fn exception(&self, py: Python<'_>) -> PyResult<()> {
        self.result(py)
    }

    /// Whether a worker has taken the call.
    #[getter]
    fn taken(&self) -> bool {
        self.state().taken
    }

    /// Whether the awaiting task has been cancelled; the worker's code has seen it then.
    fn notice_cancel(&self) -> bool {
        let mut state = self.state();
        state.noticed |= state.cancel.is_some();
        state.cancel.is_some()
    }

    /// Begins a call to the loop. One that can be cancelled raises the cancel that the worker's code has not seen yet.
    ///
    /// Returns the loop; None if it has been closed.
    fn call_back(&self, py: Python<'_>, can_be_cancelled: bool) -> PyResult<Option<Py<PyAny>>> {
        self.begin_back(py, can_be_cancelled)
    }

    /// The task that runs the call on the loop; cancelled with the task that awaits the worker.
    fn carried_by(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        self.carry(task)
    }

    /// The call to the loop has ended.
    fn called_back(&self) {
        self.end_back();
    }

    /// Sleeps until the call to the loop has ended. Returns False if the loop was closed first.
    fn wait_for_call(slf: &Bound<'_, Self>) -> bool {
        Self::wait_back(slf)
    }

    /// The context of the call, for the loop to use too; None where code further in has entered another one.
    fn shared_context(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.share(py)
    }

    fn __repr__(&self) -> String {
        let word = match self.state().stage {
            Stage::Fresh => "fresh",
            Stage::Seated | Stage::Queued => "waiting for a worker",
            Stage::Running => "running",
            Stage::Ended => "ended",
            Stage::Delivered => "finished",
        };
        format!("<await of to_thread() {word}>")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        state.traverse(&visit)
    }

    fn __clear__(&self) {
        let dropped = self.state().clear();
        drop(dropped);
    }
}
