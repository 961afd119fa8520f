//! A call as its worker sees it: taken, run in the task's context, and the calls that it makes back to the loop.

use super::crossing::Crossing;
use super::crossing_state::{Back, Call, Seat, Stage};
use super::visit::{self, Visit};
use super::{context, workers};
use crate::bind::errors;
use crate::delivery::running;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use simul_engine::job::forked;
use simul_wake::gate;
use simul_wake::inbox::Notice;
use std::thread;

impl Crossing {
    /// A worker takes the call, entered into its context.
    ///
    /// # Returns
    /// None if there is nothing to run: it was cancelled.
    pub(super) fn take(slf: &Bound<'_, Self>) -> PyResult<Option<Call>> {
        let py = slf.py();
        let this = slf.get();
        let held = {
            let state = this.state();
            match (state.stage, &state.context) {
                (Stage::Queued, Some(held)) => held.clone_ref(py).into_bound(py),
                _ => return Ok(None),
            }
        };
        let visit = match Visit::begin(&held)? {
            Some(visit) => visit,
            None => {
                let (before, copy) = (context::copy(&held)?, context::copy(&held)?);
                let visit = Visit::alone(copy.bind(py))?;
                let mut state = this.state();
                state.before.get_or_insert(before);
                state.context = Some(copy);
                visit
            }
        };
        let call = {
            let mut state = this.state();
            if state.stage == Stage::Queued {
                state.stage = Stage::Running;
                state.taken = true;
                state.thread = Some(thread::current());
            }
            state.visit = Some(visit);
            state.call.take()
        };
        match &call {
            Some(_) => this.owe(true),
            None => this.end_visit(py)?,
        }
        Ok(call)
    }

    /// No thread could be started for it.
    pub(super) fn refused(slf: &Bound<'_, Self>, error: PyErr) {
        let (seat, call) = {
            let mut state = slf.get().state();
            if state.stage != Stage::Queued {
                return;
            }
            state.stage = Stage::Ended;
            state.outcome = Some(Err(error.into_value(slf.py())));
            (state.seat.clone(), state.call.take())
        };
        drop(call);
        if let Some((inbox, key)) = seat {
            inbox.push(Notice::Done(key));
        }
    }

    /// Says whether the exit waits for this call; never for one that was left behind.
    pub(super) fn owe(&self, owed: bool) {
        let changed = {
            let mut state = self.state();
            let owed = owed && !state.abandoned;
            std::mem::replace(&mut state.owed, owed) != owed
        };
        if changed {
            workers::owe(owed);
        }
    }

    /// The function has ended, on its worker.
    pub(super) fn ended(
        slf: &Bound<'_, Self>,
        outcome: Result<Py<PyAny>, Py<PyBaseException>>,
    ) -> PyResult<Option<Seat>> {
        let py = slf.py();
        let this = slf.get();
        this.end_visit(py)?;
        let (seat, unwanted, back_task) = {
            let mut state = this.state();
            let unwanted = match state.stage {
                Stage::Running => {
                    state.stage = Stage::Ended;
                    None
                }
                // Abandoned, and the task has gone on: nobody hears of this.
                _ => state.outcome.take(),
            };
            let late = match state.stage == Stage::Ended && !state.told && !state.closed {
                true => {
                    state.outcome = Some(outcome);
                    None
                }
                false => Some(outcome),
            };
            state.thread = None;
            (state.seat.clone(), (unwanted, late), state.back_task.take())
        };
        this.owe(false);
        drop((unwanted, back_task));
        Ok(seat)
    }

    /// Begins a call to the loop. One that can be cancelled raises the cancel that the worker's code has not seen yet.
    ///
    /// # Returns
    /// The loop; None if it has been closed.
    pub(super) fn begin_back(&self, py: Python<'_>, can_be_cancelled: bool) -> PyResult<Option<Py<PyAny>>> {
        if self.is_inherited() {
            return Err(errors::to_pyerr(py, &forked()));
        }
        let mut state = self.state();
        if state.closed {
            return Ok(None);
        }
        if can_be_cancelled && state.cancel.is_some() && !state.noticed {
            state.noticed = true;
            drop(state);
            return Err(self.cancelled_error(py).unwrap_or_else(|| running::cancelled_error(py, None)));
        }
        state.back = Back::Waiting;
        Ok(state.wakeups.event_loop(py))
    }

    /// The task that runs the call on the loop; cancelled with the task that awaits the worker.
    pub(super) fn carry(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        let late = {
            let mut state = self.state();
            state.back_task = Some(task.clone().unbind());
            let late = state.cancel.is_some() && !state.noticed;
            state.noticed |= late;
            late
        };
        if late {
            task.call_method0(pyo3::intern!(task.py(), "cancel"))?;
        }
        Ok(())
    }

    /// The call to the loop has ended.
    pub(super) fn end_back(&self) {
        let (thread, task) = {
            let mut state = self.state();
            if state.back == Back::Waiting {
                state.back = Back::Done;
            }
            (state.thread.clone(), state.back_task.take())
        };
        if let Some(thread) = thread {
            thread.unpark();
        }
        drop(task);
    }

    /// Sleeps until the call to the loop has ended; false if the loop was closed first.
    pub(super) fn wait_back(slf: &Bound<'_, Self>) -> bool {
        let py = slf.py();
        workers::step_aside(slf);
        slf.get().owe(false);
        let done = loop {
            let back = slf.get().state().back;
            match back {
                Back::Waiting => {}
                Back::Done | Back::None => break true,
                Back::Closed => break false,
            }
            let _inside = py.detach(|| {
                thread::park();
                // Re-attaching to an interpreter that goes away would kill this thread inside of a Rust frame.
                gate::enter().unwrap_or_else(|| gate::park_forever())
            });
        };
        slf.get().state().back = Back::None;
        workers::step_back(slf);
        slf.get().owe(true);
        done
    }

    fn end_visit(&self, py: Python<'_>) -> PyResult<()> {
        let visit = self.state().visit.take();
        visit.map_or(Ok(()), |visit| visit.end(py))
    }

    /// The context of the call, for the loop to use too; None where code further in has entered another one.
    pub(super) fn share(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let held = self.state().context.as_ref().map(|held| held.clone_ref(py));
        match held {
            Some(held) if visit::is_current(held.bind(py))? => Ok(Some(held)),
            _ => Ok(None),
        }
    }
}
