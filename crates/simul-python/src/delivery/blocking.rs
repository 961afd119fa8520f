//! The thread parked in `wait()`, of a Job or of a call on a primitive.
//!
//! It sleeps without the interpreter. On the main thread it wakes at least every 50 ms, so that signal handlers run;
//! under a running loop it also looks whether its task is being cancelled, since asyncio's own Ctrl-C handler cancels
//! the task instead of raising.

use super::running;
use super::site::Site;
use super::target::Target;
use crate::bind::errors;
use pyo3::exceptions::PyRuntimeWarning;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PySet, PyTuple};
use simul_core::{Error, Kind};
use simul_wake::{Join, Parker, Ticket, Waiter, Woken, gate};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a signal may stay unnoticed.
const SLICE: Duration = Duration::from_millis(50);

/// Blocks until the target has ended.
///
/// # Errors
/// TimeoutError leaves the work running; an exception of a signal handler drops it first, unless others wait.
pub(crate) fn wait(py: Python<'_>, target: &Target, timeout: Option<Duration>) -> PyResult<()> {
    if target.has_ended() {
        return Ok(());
    }
    refuse_at_exit(py)?;
    let event_loop = running::event_loop(py)?;
    let task = match &event_loop {
        Some(event_loop) => {
            warn_once_about_a_stalled_loop(py, target)?;
            running::task(event_loop)?
        }
        None => None,
    };
    let parker = Arc::new(Parker::default());
    let Join::Joined(ticket) = target.join(Waiter::Thread(parker.clone())) else { return Ok(()) };
    let seat = Seat { target, ticket: Some(ticket) };
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut slice = Some(SLICE);
    loop {
        // Before the first sleep too: asyncio's Ctrl-C handler may have run just now.
        if let Some(task) = task.as_ref().filter(|_| !target.is_inherited())
            && running::cancel_is_due(task)?
        {
            seat.leave(true);
            running::take_over_cancel(task)?;
            return Err(running::cancelled_error(py, None));
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = match (left, slice) {
            (Some(left), Some(slice)) => Some(left.min(slice)),
            (left, slice) => left.or(slice),
        };
        match sleep(py, &parker, limit) {
            Woken::Done => return Ok(()),
            Woken::Poked => target.run_upcall(py)?,
            Woken::TimedOut => {}
        }
        if target.has_ended() {
            return Ok(());
        }
        if left.is_some_and(|left| left.is_zero()) {
            seat.leave(false);
            let error = Error::new(
                Kind::Timeout,
                match target {
                    Target::Job(_) => format!(
                        "{} did not end in time; it goes on, so you can wait again or cancel() it",
                        target.name()
                    ),
                    Target::Operation(_) => format!("{} did not come in time; nothing was taken", target.name()),
                },
            );
            return Err(errors::to_pyerr(py, &error));
        }
        py.check_signals()?;
        if target.is_inherited() {
            // A signal handler has forked, and this is the child: what follows says so.
            return Ok(());
        }
        if task.is_none() && slice.is_some() && !is_main_thread(py)? {
            // No signal is ever handled here: sleep until it is done.
            slice = None;
        }
    }
}

/// A place among the target's waiters that is given up, and the work with it, when `wait` ends by an exception.
struct Seat<'a> {
    target: &'a Target,
    ticket: Option<Ticket>,
}

impl Seat<'_> {
    fn leave(mut self, drop_if_last: bool) {
        self.stand_up(drop_if_last);
    }

    fn stand_up(&mut self, drop_if_last: bool) {
        if let Some(ticket) = self.ticket.take() {
            // After the end there is no such waiter any more, and this does nothing.
            self.target.leave(ticket, drop_if_last);
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.stand_up(true);
    }
}

/// Sleeps detached, and comes back only while the interpreter is alive.
fn sleep(py: Python<'_>, parker: &Parker, limit: Option<Duration>) -> Woken {
    let (woken, _inside) = py.detach(|| {
        let woken = parker.park(limit);
        match gate::enter() {
            Some(inside) => (woken, inside),
            // Re-attaching to an interpreter that goes away would kill this thread inside of a Rust frame.
            None => gate::park_forever(),
        }
    });
    woken
}

/// Once the interpreter exits there is nothing to wait for: the main thread gets an error, any other thread (a daemon)
/// stays here, silent, as it would in CPython 3.14.
pub(crate) fn refuse_at_exit(py: Python<'_>) -> PyResult<()> {
    if !gate::is_closed() {
        return Ok(());
    }
    if is_main_thread(py)? {
        let error = Error::new(Kind::Closed, "the interpreter is exiting: no new work can be started or waited for");
        return Err(errors::to_pyerr(py, &error));
    }
    py.detach(|| gate::park_forever())
}

pub(crate) fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    static THREADING: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let threading = THREADING.get_or_try_init(py, || py.import("threading").map(Bound::unbind))?.bind(py);
    let main: u64 = threading.call_method0("main_thread")?.getattr("ident")?.extract()?;
    let here: u64 = threading.call_method0("get_ident")?.extract()?;
    Ok(main == here)
}

fn warn_once_about_a_stalled_loop(py: Python<'_>, target: &Target) -> PyResult<()> {
    static SEEN: PyOnceLock<Py<PySet>> = PyOnceLock::new();
    let Some(site) = Site::of_caller(py) else { return Ok(()) };
    let seen = SEEN.get_or_try_init(py, || PySet::empty(py).map(Bound::unbind))?.bind(py);
    let place = PyTuple::new(py, [site.file(py)?.as_any(), site.line(py).into_pyobject(py)?.as_any()])?;
    if seen.contains(&place)? {
        return Ok(());
    }
    seen.add(&place)?;
    let message = match target {
        Target::Job(_) => {
            ".wait() on a thread whose event loop is running stalls that loop: await the Job instead".into()
        }
        // A `with` came this way, too.
        Target::Operation(_) => format!(
            "{}() blocks a thread whose event loop is running, and stalls that loop: await it (`async with`) instead",
            target.name()
        ),
    };
    site.warn(py, &py.get_type::<PyRuntimeWarning>(), &message)
}

/// A timeout as Python gives it: seconds or a timedelta; None waits without limit, below zero means now.
pub(crate) fn timeout(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(None) };
    let seconds: f64 = match given.extract() {
        Ok(seconds) => seconds,
        Err(_) => given
            .call_method0("total_seconds")
            .and_then(|seconds| seconds.extract())
            .map_err(|_| pyo3::exceptions::PyTypeError::new_err("timeout must be seconds (a number) or a timedelta"))?,
    };
    if seconds.is_nan() {
        let error = Error::new(Kind::Invalid, "timeout must be a number of seconds, not NaN");
        return Err(errors::to_pyerr(given.py(), &error));
    }
    // Too long to count means without limit.
    Ok(Duration::try_from_secs_f64(seconds.max(0.0)).ok())
}
