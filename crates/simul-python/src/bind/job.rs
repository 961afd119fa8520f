//! `simul.Job`: work that is already running.

use super::errors;
use super::outcome::{Settled, Typed, Work};
use crate::delivery::dispatcher::{self, Errand};
use crate::delivery::loops::{LoopInbox, Sitter};
use crate::delivery::site::Site;
use crate::delivery::target::Target;
use crate::delivery::thrown::thrown;
use crate::delivery::upcall::{Family, Upcall};
use crate::delivery::waiter::LoopWaiter;
use crate::delivery::{blocking, exit, running};
use crate::detection::forgotten;
use pyo3::exceptions::{PyAttributeError, PyResourceWarning, PyStopIteration, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyString;
use simul_engine::job::forked;
use simul_wake::inbox::Notice;
use simul_wake::{Header, Join, Waiter, gate};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Work that is already running: ``await`` it in a coroutine, call ``.wait()`` anywhere else.
///
/// A Job is a coroutine object that has already started: ``create_task``, ``TaskGroup``, ``gather``, ``wait_for``,
/// ``shield`` and ``asyncio.run`` take it as they take any coroutine. It may be awaited any number of times, by several
/// tasks, on several loops and threads at once, and waited for beside that.
///
/// Cancellation:
///     The work is dropped when the last task that awaits it is cancelled, by ``cancel()`` or ``close()``, or when the
///     last reference goes while nobody waits. Dropped means at once: sockets close, children are killed.
///     ``detach()`` lets it go on without references.
///
/// Threads and loops:
///     Bound to no loop: each await binds its own waiter to the loop that runs then.
///
/// Example:
///     >>> from simul.testing import jobs
///     >>> jobs.ready(7).wait()
///     7
#[pyclass(frozen, weakref, generic, module = "simul")]
pub(crate) struct Job {
    /// Left alone, never dropped, in a forked child.
    work: ManuallyDrop<Box<dyn Work>>,
    settled: OnceLock<Settled>,
    /// The thread that makes the object of the outcome, or did; 0 before.
    converting: AtomicU64,
    name: &'static str,
    site: Option<Site>,
    /// Python code that the engine may ask for while the work goes on.
    upcall: Option<Arc<Upcall>>,
    /// Awaited, waited for, cancelled or detached at least once.
    touched: AtomicBool,
    /// Somebody has asked for the outcome.
    read: AtomicBool,
    detached: AtomicBool,
}

/// A number that no other living thread has, never 0.
pub(crate) fn this_thread() -> u64 {
    thread_local! {
        static ID: u64 = {
            static NEXT: AtomicU64 = AtomicU64::new(1);
            NEXT.fetch_add(1, Ordering::Relaxed)
        };
    }
    ID.with(|id| *id)
}

impl Job {
    /// Wraps running work.
    ///
    /// # Args
    /// `start` begins the work: it is called when the exit hook stands. `convert` turns the outcome into an object; it
    /// runs once, attached, on the thread of the first waiter.
    pub(crate) fn start<T: Send + 'static>(
        py: Python<'_>,
        start: impl FnOnce() -> simul_engine::Job<T>,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Self> {
        blocking::refuse_at_exit(py)?;
        exit::ensure_hook(py)?;
        let (core, name) = start().into_core();
        Ok(Self {
            work: ManuallyDrop::new(Box::new(Typed::new(core, convert))),
            settled: OnceLock::new(),
            converting: AtomicU64::new(0),
            name,
            site: Site::of_caller(py),
            upcall: None,
            touched: AtomicBool::new(false),
            read: AtomicBool::new(false),
            detached: AtomicBool::new(false),
        })
    }

    /// Wraps running work whose waiters run the family's upcall.
    pub(crate) fn start_in<T: Send + 'static>(
        py: Python<'_>,
        family: &Family,
        start: impl FnOnce() -> simul_engine::Job<T>,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Self> {
        let mut core = None;
        let mut job = Self::start(
            py,
            || {
                let started = start();
                core = Some(started.core());
                started
            },
            convert,
        )?;
        if let Some(core) = core {
            family.add(core);
        }
        job.upcall = Some(family.upcall());
        Ok(job)
    }

    pub(crate) fn header(&self) -> &Header {
        self.work.header()
    }

    pub(crate) fn is_inherited(&self) -> bool {
        self.header().is_inherited()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn touch(&self) {
        self.touched.store(true, Ordering::Relaxed);
    }

    /// Whether there is nothing to wait for: an outcome, a cancel, or a fork.
    pub(crate) fn has_ended(&self) -> bool {
        self.settled.get().is_some() || self.is_inherited() || self.header().is_done()
    }

    /// The outcome, after the end.
    pub(crate) fn outcome(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.read.store(true, Ordering::Relaxed);
        if gate::is_closed() && self.settled.get().is_none() {
            // The exit has dropped the work: a daemon thread would only print a traceback.
            blocking::refuse_at_exit(py)?;
        }
        match self.settled(py) {
            Some(Settled::Value(value)) => Ok(value.clone_ref(py)),
            Some(Settled::Failed(error)) => Err(errors::to_pyerr(py, error)),
            Some(Settled::Raised(raised, traceback)) => {
                // Each raising adds to the traceback: it starts anew for each awaiter.
                let traceback = traceback.as_ref().map(|traceback| traceback.bind(py).clone());
                let raised = PyErr::from_value(raised.bind(py).clone().into_any());
                raised.set_traceback(py, traceback);
                Err(raised)
            }
            None if self.is_inherited() => Err(errors::to_pyerr(py, &forked())),
            None => Err(errors::raise(py, "InvalidStateError", "the result is being made, by this very thread")?),
        }
    }

    /// Makes the object of an outcome, if that has not been done; what comes of it is read later.
    pub(crate) fn convert(&self, py: Python<'_>) {
        let _ = self.settled(py);
    }

    /// None for a Job that belongs to the parent process and was not converted there, and inside of the conversion.
    fn settled(&self, py: Python<'_>) -> Option<&Settled> {
        if let Some(settled) = self.settled.get() {
            return Some(settled);
        }
        if self.is_inherited() {
            return None;
        }
        // Not under the cell's own lock: a conversion runs Python code, which may come back here.
        let here = this_thread();
        match self.converting.compare_exchange(0, here, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                let settled = self.work.settle(py, self.name);
                Some(self.settled.get_or_init(|| settled))
            }
            Err(thread) if thread == here => None,
            Err(_) => Some(py.detach(|| self.settled.wait())),
        }
    }

    pub(crate) fn run_upcall(&self, py: Python<'_>) -> PyResult<()> {
        self.upcall.as_ref().map_or(Ok(()), |upcall| upcall.run(py))
    }

    fn cancelled_now(&self) -> bool {
        !self.is_inherited() && self.header().is_cancelled()
    }

    fn pending(&self, py: Python<'_>) -> PyResult<()> {
        match self.has_ended() {
            true => Ok(()),
            false => Err(errors::raise(py, "InvalidStateError", "the Job has not ended: await it, or call .wait()")?),
        }
    }

    fn forgotten(py: Python<'_>) -> PyErr {
        let message = "this is a Job: await it, or call .wait()";
        errors::raise(py, "NotAwaitedError", message).unwrap_or_else(|failed| failed)
    }
}

/// What is reported of a Job: its name, the file and line that made it, and what is wrong.
type Orphan = (&'static str, Option<Py<PyString>>, i32, String);

#[pymethods]
impl Job {
    /// Await from a coroutine, on any event loop.
    fn __await__(slf: &Bound<'_, Self>) -> LoopWaiter {
        slf.get().touch();
        LoopWaiter::new(Target::Job(slf.clone().unbind()))
    }

    /// One step, as asyncio's tasks make it: a waiter for the running loop, or StopIteration with the result.
    fn send<'py>(slf: &Bound<'py, Self>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, LoopWaiter>> {
        let py = slf.py();
        if !value.is_none() {
            return Err(PyTypeError::new_err("can't send a value into a Job"));
        }
        slf.get().touch();
        if !slf.get().has_ended() {
            let waiter = Bound::new(py, LoopWaiter::new(Target::Job(slf.clone().unbind())))?;
            if let Some(waiting) = LoopWaiter::begin(&waiter)? {
                return Ok(waiting);
            }
        }
        Err(match slf.get().outcome(py) {
            Ok(value) => PyStopIteration::new_err((value,)),
            Err(error) => error,
        })
    }

    /// Raise ``exception`` here, as asyncio does when the task is cancelled.
    #[pyo3(signature = (exception, value=None, traceback=None))]
    fn throw(
        slf: &Bound<'_, Self>,
        exception: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let error = thrown(exception, value, traceback)?;
        slf.get().touch();
        // A task that was cancelled before its first step has no waiter that could leave. Other tasks may be about to
        // take theirs, in this very turn of the loop: so the question is asked after it.
        if !slf.get().has_ended()
            && slf.get().header().waiting() == 0
            && let Some(event_loop) = running::event_loop(py)?
        {
            event_loop.call_method1(
                pyo3::intern!(py, "call_soon"),
                (slf.getattr(pyo3::intern!(py, "_drop_unless_awaited"))?,),
            )?;
        }
        Err(error)
    }

    /// What detection says of a Job that is still there: `(kind, file, line, detail)`, or None if all is well.
    fn _orphan(&self, py: Python<'_>) -> PyResult<Option<Orphan>> {
        let (kind, detail) = match self.unread_error(py) {
            Some(error) => ("unread-error", error),
            None if !self.has_ended() => {
                let detail = if self.detached.load(Ordering::Relaxed) { "detached" } else { "" };
                ("still-running", detail.to_owned())
            }
            None => return Ok(None),
        };
        let file = self.site.as_ref().map(|site| site.file(py).map(Bound::unbind)).transpose()?;
        Ok(Some((kind, file, self.site.as_ref().map_or(0, |site| site.line(py)), detail)))
    }

    fn _drop_unless_awaited(&self) {
        if !self.is_inherited() {
            self.header().drop_unless_awaited();
        }
    }

    /// Drop the work for everybody, if it has not ended; as ``cancel()``, for those who close coroutines.
    fn close(&self) {
        self.cancel();
    }

    /// Block this thread until the work has ended, and return its result.
    ///
    /// Args:
    ///     timeout: Seconds or a timedelta; None (the default) waits without limit.
    ///
    /// Raises:
    ///     simul.TimeoutError: The time was up first; the work goes on.
    ///     simul.CancelledError: Somebody cancelled the Job.
    ///     simul.ForkedError: The Job was pending in the process that this one was forked from.
    ///
    /// Cancellation:
    ///     Ctrl-C drops the work, unless others wait for it too, and raises KeyboardInterrupt.
    ///
    /// Threads and loops:
    ///     Any thread; the interpreter is free meanwhile. Where a loop runs on this thread it stands still, which is
    ///     warned of once a call site: await instead.
    #[pyo3(signature = (timeout=None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let timeout = blocking::timeout(timeout)?;
        slf.get().touch();
        blocking::wait(py, &Target::Job(slf.clone().unbind()), timeout)?;
        slf.get().outcome(py)
    }

    /// Whether the work has ended, by an outcome or by a cancel.
    fn done(&self, py: Python<'_>) -> PyResult<bool> {
        if self.settled.get().is_none() && self.is_inherited() {
            return Err(errors::to_pyerr(py, &forked()));
        }
        Ok(self.has_ended())
    }

    /// The result of work that has ended.
    ///
    /// Raises:
    ///     simul.InvalidStateError: It has not ended.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.pending(py)?;
        self.outcome(py)
    }

    /// The exception of work that has failed; None if it succeeded.
    ///
    /// Raises:
    ///     simul.InvalidStateError: It has not ended.
    ///     simul.CancelledError: It was cancelled.
    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.pending(py)?;
        match self.outcome(py) {
            Ok(_) => Ok(None),
            Err(error) if self.cancelled_now() => Err(error),
            Err(error) => Ok(Some(error.into_value(py).into_any())),
        }
    }

    /// Drop the work for everybody, if it has not ended.
    ///
    /// Returns:
    ///     Whether this call ended it; True implies ``cancelled()``.
    fn cancel(&self) -> bool {
        self.touch();
        !self.is_inherited() && self.header().cancel()
    }

    /// Whether the work was dropped before it ended.
    fn cancelled(&self) -> bool {
        self.cancelled_now()
    }

    /// Let the work go on with nobody holding the Job.
    ///
    /// Returns:
    ///     The Job.
    fn detach(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf.get().touch();
        slf.get().detached.store(true, Ordering::Relaxed);
        slf
    }

    /// Call ``function(job)`` when the work has ended; the callback holds the Job, but does not count as waiting.
    ///
    /// Args:
    ///     function: Called with the Job.
    ///     context: Context variables for the call; default: a copy of the current ones.
    ///
    /// Threads and loops:
    ///     On the loop that runs now, by ``call_soon``; where none runs, on simul's dispatcher thread.
    #[pyo3(signature = (function, *, context=None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        function: &Bound<'_, PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        if !function.is_callable() {
            return Err(PyTypeError::new_err("add_done_callback() takes a callable"));
        }
        let context = match context {
            Some(context) => context,
            None => py.import("contextvars")?.call_method0("copy_context")?.unbind(),
        };
        let job = slf.clone().unbind();
        let function = function.clone().unbind();
        if slf.get().is_inherited() && slf.get().settled.get().is_none() {
            return Err(errors::to_pyerr(py, &forked()));
        }
        // Told through the inbox also where it has ended already: nobody overtakes an earlier callback.
        let ended = slf.get().is_inherited();
        match running::event_loop(py)? {
            Some(event_loop) => {
                let inbox = LoopInbox::of(&event_loop)?;
                let key = inbox.get().sit(Sitter::Callback { job, function, context, ticket: None });
                let waiter = || Waiter::Slot(inbox.get().shared().clone(), key);
                let joined = if ended { Join::Ended } else { slf.get().header().join(waiter(), false) };
                match joined {
                    Join::Joined(ticket) => inbox.get().joined(key, ticket),
                    Join::Ended => drop(inbox.get().shared().push(Notice::Done(key))),
                }
            }
            None => {
                let dispatcher = dispatcher::dispatcher(py)?;
                let key = dispatcher.keep(Errand::Callback { job, function, context });
                let waiter = || Waiter::Slot(dispatcher.inbox().clone(), key);
                if ended || slf.get().header().join(waiter(), false) == Join::Ended {
                    dispatcher.inbox().push(Notice::Done(key));
                }
            }
        }
        Ok(())
    }

    #[getter]
    fn __name__(&self) -> &'static str {
        self.name
    }

    #[getter]
    fn __qualname__(&self) -> &'static str {
        self.name
    }

    #[getter]
    fn cr_running(&self) -> bool {
        !self.has_ended()
    }

    #[getter]
    fn cr_suspended(&self) -> bool {
        false
    }

    #[getter]
    fn cr_frame(&self) -> Option<Py<PyAny>> {
        None
    }

    #[getter]
    fn cr_await(&self) -> Option<Py<PyAny>> {
        None
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Err(Self::forgotten(py))
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<()> {
        Err(Self::forgotten(py))
    }

    fn __contains__(&self, py: Python<'_>, _item: &Bound<'_, PyAny>) -> PyResult<bool> {
        Err(Self::forgotten(py))
    }

    fn __getitem__(&self, py: Python<'_>, _key: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(Self::forgotten(py))
    }

    /// Reached only for what a Job does not have.
    fn __getattr__(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        Err(
            match name.starts_with('_') || name.starts_with("cr_") || name.starts_with("gi_") || name.starts_with("ag_")
            {
                true => PyAttributeError::new_err(format!("'Job' object has no attribute '{name}'")),
                false => Self::forgotten(py),
            },
        )
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a Job cannot be pickled or copied: it is running work; send its result instead"))
    }

    fn __repr__(&self) -> String {
        let state = if self.settled.get().is_none() && self.is_inherited() {
            "forked"
        } else if self.cancelled_now() {
            "cancelled"
        } else if self.has_ended() {
            "finished"
        } else {
            "pending"
        };
        format!("<simul.Job {} {state}>", self.name)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The outcome is written once, by an attached thread; engine threads never see it.
        match self.settled.get() {
            Some(Settled::Value(value)) => visit.call(value),
            Some(Settled::Raised(raised, traceback)) => {
                visit.call(raised)?;
                visit.call(traceback)
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.is_inherited() {
            // The parent's: a lock inside may be held by a thread that is not in this process. Leaked.
            return;
        }
        if !self.detached.load(Ordering::Relaxed) && self.header().cancel() {
            if !self.touched.load(Ordering::Relaxed) {
                self.warn_forgotten();
            }
        } else if forgotten::is_on() && !gate::is_closed() {
            Python::try_attach(|py| {
                if let Some(error) = self.unread_error(py) {
                    forgotten::tell(py, "unread-error", &format!("Job {}", self.name), self.site.as_ref(), &error);
                }
            });
        }
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.work) };
    }
}

impl Job {
    /// What went wrong, if the work has failed and nobody has asked how it ended.
    fn unread_error(&self, py: Python<'_>) -> Option<String> {
        if self.read.load(Ordering::Relaxed) || !self.has_ended() || self.is_inherited() || self.cancelled_now() {
            return None;
        }
        match self.settled(py)? {
            Settled::Value(_) => None,
            Settled::Failed(error) => Some(error.to_string()),
            Settled::Raised(raised, _) => raised.bind(py).repr().ok().map(|shown| shown.to_string_lossy().into_owned()),
        }
    }

    fn warn_forgotten(&self) {
        let Some(site) = self.site.as_ref().filter(|_| !gate::is_closed()) else { return };
        Python::try_attach(|py| {
            if forgotten::is_on() {
                // One voice is enough: in place of the warning.
                return forgotten::tell(py, "never-awaited", &format!("Job {}", self.name), Some(site), "");
            }
            // A destructor runs in the middle of anything: an exception on its way stays on its way.
            let raised = PyErr::take(py);
            let message = format!(
                "Job {} was never awaited or waited for, so its work was dropped: await it, call .wait(), or .detach() it",
                self.name
            );
            if let Err(error) = site.warn(py, &py.get_type::<PyResourceWarning>(), &message) {
                error.write_unraisable(py, None);
            }
            if let Some(raised) = raised {
                raised.restore(py);
            }
        });
    }
}
