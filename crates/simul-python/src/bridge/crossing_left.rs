//! A call of `to_thread` whose await ends before its function does: cancelled, given up, or its loop closed.

use super::crossing::Crossing;
use super::crossing_state::{Back, Stage};
use super::workers;
use crate::delivery::wakeups::Awaited;
use pyo3::prelude::*;
use simul_wake::inbox::Notice;

impl Crossing {
    /// The loop is gone, and the seat with it. The worker goes on; what it asks of the loop fails.
    pub(crate) fn loop_closed(&self) {
        if self.is_inherited() {
            return;
        }
        let (wakeups, thread) = {
            let mut state = self.state();
            state.closed = true;
            state.seat = None;
            let waiting = state.back == Back::Waiting;
            if waiting {
                state.back = Back::Closed;
            }
            let thread = if waiting { state.thread.clone() } else { None };
            (state.wakeups.take(), thread)
        };
        if let Some(thread) = thread {
            thread.unpark();
        }
        drop(wakeups);
    }

    /// The await is given up from outside: nobody will hear of the outcome.
    pub(super) fn give_up(slf: &Bound<'_, Self>) {
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

    /// The task is being cancelled. Returns whether it will wake for that.
    pub(super) fn cancel_by_task(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let py = slf.py();
        let this = slf.get();
        if this.is_inherited() {
            return Ok(false);
        }
        let mut waited = false;
        let (announce, back_task, abandoned, call) = {
            let mut state = this.state();
            match state.stage {
                Stage::Seated | Stage::Queued => {
                    waited = this.counted && state.stage == Stage::Queued;
                    state.cancel = Some(msg.as_ref().map(|msg| msg.clone_ref(py)));
                    state.stage = Stage::Ended;
                    (state.seat.clone(), None, false, state.call.take())
                }
                Stage::Running if state.told => return Ok(false),
                Stage::Running if this.may_abandon => {
                    state.cancel = Some(msg.as_ref().map(|msg| msg.clone_ref(py)));
                    state.told = true;
                    state.abandoned = true;
                    let task = state.back_task.as_ref().map(|task| task.clone_ref(py));
                    state.noticed |= task.is_some();
                    (None, task, true, None)
                }
                Stage::Running => {
                    state.cancel = Some(msg.as_ref().map(|msg| msg.clone_ref(py)));
                    let task = state.back_task.as_ref().map(|task| task.clone_ref(py));
                    state.noticed |= task.is_some();
                    (None, task, false, None)
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
        match abandoned {
            true => Self::tell_its_loop(slf).map(|()| true),
            false => Ok(true),
        }
    }
}
