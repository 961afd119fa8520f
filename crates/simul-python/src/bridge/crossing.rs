//! One call of `to_thread`: what its task awaits, and what a worker runs.
//!
//! It is the iterator of the `await` and the future that the task waits for. A task hands its own Context to what it
//! waits for, so the worker can run the function in that very object: variables set there are set for the task, and
//! their tokens stay good. A task that is cancelled cancels its future first: then the worker is told, and the task
//! hears of it when the function has ended.

use super::visit::Visit;
use super::{context, workers};
use crate::bind::errors;
use crate::delivery::loops::{LoopInbox, Sitter};
use crate::delivery::thrown::thrown;
use crate::delivery::{call, running};
use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyStopIteration, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use simul_engine::job::forked;
use simul_wake::inbox::Notice;
use simul_wake::{Inbox, SlotKey, generation};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

/// Where a finished call is announced.
pub(super) type Seat = (Arc<Inbox>, SlotKey);

/// What a worker calls: function, arguments and keywords.
pub(super) type Call = (Py<PyAny>, Py<PyTuple>, Py<PyDict>);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not awaited yet.
    Fresh,
    /// Awaited; the task has not said how it is woken.
    Seated,
    /// Waits for a worker.
    Queued,
    /// A worker runs it.
    Running,
    /// There is an outcome, or it was cancelled before it ran.
    Ended,
    /// The task has taken the outcome, or gave the await up.
    Delivered,
}

/// A call from the worker back to the loop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Back {
    None,
    Waiting,
    Done,
    /// The loop was closed first.
    Closed,
}

pub(super) struct State {
    pub(super) stage: Stage,
    pub(super) call: Option<Call>,
    pub(super) event_loop: Option<Py<PyAny>>,
    pub(super) seat: Option<Seat>,
    pub(super) wakeups: Vec<(Py<PyAny>, Option<Py<PyAny>>)>,
    pub(super) blocking: bool,
    /// What the worker runs the function in: the task's own, or a copy of it.
    pub(super) context: Option<Py<PyAny>>,
    /// How a copy looked before.
    pub(super) before: Option<Py<PyAny>>,
    /// The worker is in it.
    pub(super) visit: Option<Visit>,
    pub(super) outcome: Option<Result<Py<PyAny>, Py<PyBaseException>>>,
    /// A cancel was asked for, with this message.
    pub(super) cancel: Option<Option<Py<PyAny>>>,
    /// The worker's code has seen the cancel raised.
    pub(super) noticed: bool,
    /// The task has been woken.
    pub(super) told: bool,
    /// The task has left without waiting for the worker.
    pub(super) abandoned: bool,
    /// The exit waits for it.
    pub(super) owed: bool,
    /// A worker has entered its context for it.
    pub(super) taken: bool,
    pub(super) closed: bool,
    pub(super) back: Back,
    pub(super) back_task: Option<Py<PyAny>>,
    pub(super) thread: Option<Thread>,
}

/// One call of a function on a worker.
#[pyclass(frozen, weakref, module = "simul._simul", name = "_Crossing")]
pub(crate) struct Crossing {
    generation: u32,
    may_abandon: bool,
    /// Whether it counts against the limit of those who name no limiter.
    pub(super) counted: bool,
    /// Touched by attached threads only, never across a call into Python.
    state: Mutex<State>,
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
        let mut state = slf.get().state();
        state.stage = Stage::Seated;
        state.seat = Some((inbox.get().shared().clone(), key));
        state.event_loop = Some(event_loop.unbind());
        state.blocking = true;
        Ok(())
    }

    /// The drain's turn: what the seat waited for has come.
    pub(crate) fn arrived(slf: &Bound<'_, Self>, call_soon: &Bound<'_, PyAny>) -> PyResult<()> {
        let wakeups = {
            let mut state = slf.get().state();
            state.seat = None;
            if state.stage != Stage::Ended || state.told {
                return Ok(());
            }
            state.told = true;
            std::mem::take(&mut state.wakeups)
        };
        Self::tell(slf, wakeups, call_soon)
    }

    fn tell(
        slf: &Bound<'_, Self>,
        wakeups: Vec<(Py<PyAny>, Option<Py<PyAny>>)>,
        call_soon: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        for (function, context) in wakeups {
            let context = context.as_ref().map(|context| context.bind(py));
            call::call_soon(call_soon, function.bind(py), slf.as_any(), context)?;
        }
        Ok(())
    }

    fn call_soon<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let event_loop = self.state().event_loop.as_ref().map(|event_loop| event_loop.clone_ref(py));
        event_loop.map(|event_loop| event_loop.bind(py).getattr(pyo3::intern!(py, "call_soon"))).transpose()
    }

    /// The loop is gone, and the seat with it. The worker goes on; what it asks of the loop fails.
    pub(crate) fn loop_closed(&self) {
        if self.is_inherited() {
            return;
        }
        let (wakeups, event_loop, thread) = {
            let mut state = self.state();
            state.closed = true;
            state.seat = None;
            let waiting = state.back == Back::Waiting;
            if waiting {
                state.back = Back::Closed;
            }
            let thread = if waiting { state.thread.clone() } else { None };
            (std::mem::take(&mut state.wakeups), state.event_loop.take(), thread)
        };
        if let Some(thread) = thread {
            thread.unpark();
        }
        drop((wakeups, event_loop));
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
                state.blocking = true;
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

    /// The await is given up from outside: nobody will hear of the outcome.
    fn give_up(slf: &Bound<'_, Self>) {
        let this = slf.get();
        let (seat, newly) = {
            let mut state = this.state();
            let running = state.stage == Stage::Running;
            // What a closed loop leaves to the collector was not abandoned by anybody.
            let newly = running && !state.abandoned && !state.closed;
            if newly {
                state.abandoned = true;
                state.told = true;
                state.cancel.get_or_insert(None);
            } else if matches!(state.stage, Stage::Seated | Stage::Queued) {
                state.stage = Stage::Delivered;
            }
            // A running call keeps its seat: the worker still has to hear of the loop's close.
            (if running { None } else { state.seat.take() }, newly)
        };
        if newly {
            this.owe(false);
        }
        if let Some((inbox, key)) = seat {
            inbox.push(Notice::Done(key));
        }
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
            state: Mutex::new(State {
                stage: Stage::Fresh,
                call: Some((function, arguments, keywords)),
                event_loop: None,
                seat: None,
                wakeups: Vec::new(),
                blocking: false,
                context: None,
                before: None,
                visit: None,
                outcome: None,
                cancel: None,
                noticed: false,
                told: false,
                abandoned: false,
                owed: false,
                taken: false,
                closed: false,
                back: Back::None,
                back_task: None,
                thread: None,
            }),
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
        self.state().blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        self.state().blocking = blocking;
    }

    fn get_loop(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state().event_loop.as_ref().map(|event_loop| event_loop.clone_ref(py))
    }

    #[getter]
    fn _loop(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get_loop(py)
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
            state.wakeups.push((function, context));
            state.told
        };
        if stage == Stage::Seated {
            workers::admit(slf);
            return Ok(());
        }
        if told && let Some(call_soon) = this.call_soon(py)? {
            let wakeups = std::mem::take(&mut this.state().wakeups);
            return Self::tell(slf, wakeups, &call_soon);
        }
        Ok(())
    }

    fn remove_done_callback(&self, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        // Compared outside of the lock: equality may run Python code.
        let held = std::mem::take(&mut self.state().wakeups);
        let before = held.len();
        let mut kept = Vec::with_capacity(before);
        for (known, context) in held {
            if !known.bind(function.py()).eq(function)? {
                kept.push((known, context));
            }
        }
        let removed = before - kept.len();
        self.state().wakeups.extend(kept);
        Ok(removed)
    }

    /// The task is being cancelled: the worker is told, and the task wakes when the function has ended; at once if it
    /// never began, or may be abandoned.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let py = slf.py();
        let this = slf.get();
        if this.is_inherited() {
            return Ok(false);
        }
        let mut waited = false;
        let (announce, wakeups, back_task, abandoned, call) = {
            let mut state = this.state();
            match state.stage {
                Stage::Seated | Stage::Queued => {
                    waited = this.counted && state.stage == Stage::Queued;
                    state.cancel = Some(msg.as_ref().map(|msg| msg.clone_ref(py)));
                    state.stage = Stage::Ended;
                    (state.seat.clone(), Vec::new(), None, false, state.call.take())
                }
                Stage::Running if state.told => return Ok(false),
                Stage::Running if this.may_abandon => {
                    state.cancel = Some(msg.as_ref().map(|msg| msg.clone_ref(py)));
                    state.told = true;
                    state.abandoned = true;
                    let task = state.back_task.as_ref().map(|task| task.clone_ref(py));
                    state.noticed |= task.is_some();
                    (None, std::mem::take(&mut state.wakeups), task, true, None)
                }
                Stage::Running => {
                    state.cancel = Some(msg.as_ref().map(|msg| msg.clone_ref(py)));
                    let task = state.back_task.as_ref().map(|task| task.clone_ref(py));
                    state.noticed |= task.is_some();
                    (None, Vec::new(), task, false, None)
                }
                Stage::Fresh | Stage::Ended | Stage::Delivered => return Ok(false),
            }
        };
        drop(call);
        if waited {
            workers::withdraw();
        }
        if let Some((inbox, key)) = announce {
            inbox.push(Notice::Done(key));
        }
        if abandoned {
            this.owe(false);
        }
        if let Some(task) = back_task {
            task.bind(py).call_method1(pyo3::intern!(py, "cancel"), (msg,))?;
        }
        if !wakeups.is_empty()
            && let Some(call_soon) = this.call_soon(py)?
        {
            Self::tell(slf, wakeups, &call_soon)?;
        }
        Ok(true)
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
        if let Some((function, arguments, keywords)) = &state.call {
            visit.call(function)?;
            visit.call(arguments)?;
            visit.call(keywords)?;
        }
        match &state.outcome {
            Some(Ok(value)) => visit.call(value)?,
            Some(Err(raised)) => visit.call(raised)?,
            None => {}
        }
        for held in [&state.event_loop, &state.context, &state.before, &state.back_task] {
            visit.call(held)?;
        }
        if let Some(Some(message)) = &state.cancel {
            visit.call(message)?;
        }
        for (function, context) in &state.wakeups {
            visit.call(function)?;
            visit.call(context)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let dropped = {
            let mut state = self.state();
            // A running call is held by its worker, so it is never garbage.
            (state.call.take(), state.outcome.take(), state.event_loop.take(), std::mem::take(&mut state.wakeups))
        };
        drop(dropped);
    }
}
