//! How far one call of `to_thread` has come, and what is kept for it meanwhile.

use super::visit::Visit;
use crate::delivery::wakeups::Wakeups;
use pyo3::exceptions::PyBaseException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use simul_wake::{Inbox, SlotKey};
use std::sync::Arc;
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
    pub(super) seat: Option<Seat>,
    pub(super) wakeups: Wakeups,
    /// No other task of its loop awaited a worker when it began.
    pub(super) alone: bool,
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

impl State {
    pub(super) fn of(call: Call) -> Self {
        Self {
            stage: Stage::Fresh,
            call: Some(call),
            seat: None,
            wakeups: Wakeups::default(),
            alone: false,
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
        }
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some((function, arguments, keywords)) = &self.call {
            visit.call(function)?;
            visit.call(arguments)?;
            visit.call(keywords)?;
        }
        match &self.outcome {
            Some(Ok(value)) => visit.call(value)?,
            Some(Err(raised)) => visit.call(raised)?,
            None => {}
        }
        for held in [&self.context, &self.before, &self.back_task] {
            visit.call(held)?;
        }
        if let Some(Some(message)) = &self.cancel {
            visit.call(message)?;
        }
        self.wakeups.traverse(visit)
    }

    /// What a cycle may lead through, to be dropped where no lock is held. A running call is held by its worker, so it
    /// is never garbage.
    #[must_use]
    pub(super) fn clear(&mut self) -> impl Sized + use<> {
        (self.call.take(), self.outcome.take(), self.wakeups.take())
    }
}
