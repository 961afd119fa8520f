//! One call of one coroutine on a loop of this thread.
//!
//! The coroutine gets a task of its own. The task's first step is captured instead of scheduled, and run with the loop
//! marked as running: a coroutine that never waits is done by then, and the loop was not turned at all. One that waits
//! is turned to its end.

use super::call_soon::CallSoon;
use super::close::Close;
use super::generator_hooks::Pair;
use super::is_running::IsRunning;
use super::switches::Switches;
use super::{mode, nest, thread_state, turned};
use crate::delivery::blocking;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use simul_wake::{gate, generation};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// What calls have left on a loop gets a turn at least this often while calls go on, also when they need none.
const TURN_EVERY_NANOS: u64 = 1_000_000;

/// Nanoseconds since the first time that this was asked, and never 0.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// One more at each `reset_smartasync_cache()`: a loop of an earlier epoch is renewed at its thread's next call.
static EPOCH: AtomicU64 = AtomicU64::new(0);

/// Let every thread renew its loop at its next call.
#[pyfunction]
#[pyo3(name = "begin_epoch")]
pub(crate) fn begin_epoch() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
}

/// The interpreter is about to go: no call begins any more on a thread other than the main one.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Let calls of other threads than the main one sleep from now on.
#[pyfunction]
#[pyo3(name = "refuse_calls")]
pub(crate) fn refuse_calls() {
    REFUSED.store(true, Ordering::Release);
}

/// How many threads make their first loop just now: Python code under compiled frames.
static BEGINNING: AtomicUsize = AtomicUsize::new(0);

/// How many threads are about to make their first call.
#[pyfunction]
#[pyo3(name = "calls_beginning")]
pub(crate) fn calls_beginning() -> usize {
    BEGINNING.load(Ordering::Acquire)
}

/// Sleeps for good, after `last`, if the interpreter is about to go and this is not the main thread.
#[inline]
fn sleep_if_refused<T>(py: Python<'_>, last: impl FnOnce() -> T + Send) -> PyResult<()> {
    if REFUSED.load(Ordering::Acquire) && !blocking::is_main_thread(py)? {
        py.detach(|| {
            last();
            gate::park_forever()
        });
    }
    Ok(())
}

/// A loop on which calls run.
#[pyclass(frozen, weakref, module = "simul._simul", name = "ThreadLoop")]
pub(crate) struct ThreadLoop {
    event_loop: Py<PyAny>,
    call_soon: Py<CallSoon>,
    close: Py<Close>,
    is_running: Py<IsRunning>,
    /// The keywords of every task: loop, name, context.
    words: Py<PyDict>,
    /// What the loop has to hear of async generators; None for a loop that has no such hooks.
    hooks: Option<Pair>,
    generation: u32,
    epoch: u64,
    retired: AtomicBool,
    busy: AtomicBool,
    /// How many generators and context managers have been begun here and not ended: they outlive an epoch.
    held: AtomicUsize,
    /// When the loop was turned last, in nanoseconds of `now`; 0: never, so nothing can be left on it.
    turned: AtomicU64,
}

impl ThreadLoop {
    /// Whether calls may still begin here: same process, same epoch, and not closed.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        !generation::is_inherited(self.generation)
            && (self.epoch == EPOCH.load(Ordering::Relaxed) || self.held.load(Ordering::Relaxed) != 0)
            && !self.retired.load(Ordering::Relaxed)
            && !self.close.get().was_called()
    }

    /// This thread's loop, made at its first use.
    #[inline]
    pub(crate) fn of_this_thread(py: Python<'_>) -> PyResult<Bound<'_, Self>> {
        match thread_state::thread_loop(py)? {
            Some(found) => Ok(found),
            None => {
                BEGINNING.fetch_add(1, Ordering::AcqRel);
                let made = sleep_if_refused(py, || BEGINNING.fetch_sub(1, Ordering::AcqRel))
                    .and_then(|()| Switches::of(py)?.thread_loop.bind(py).call_method0(intern!(py, "renew")));
                BEGINNING.fetch_sub(1, Ordering::AcqRel);
                Ok(made?.cast_into::<Self>()?)
            }
        }
    }

    /// Whether what was left here has waited long enough for its turn.
    #[inline]
    fn is_due(&self) -> bool {
        let turned = self.turned.load(Ordering::Relaxed);
        turned != 0 && now().saturating_sub(turned) >= TURN_EVERY_NANOS
    }

    fn note_turn(&self) {
        self.turned.store(now(), Ordering::Relaxed);
    }

    /// Runs the coroutine to its end; no loop may be running on this thread.
    #[inline]
    pub(crate) fn run<'py>(&self, coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = coroutine.py();
        sleep_if_refused(py, || ())?;
        let switches = Switches::of(py)?;
        self.busy.store(true, Ordering::Relaxed);
        let outcome = match self.step(switches, coroutine) {
            Ok((task, stepped)) => self.end(switches, &task, stepped),
            Err(error) => Err(error),
        };
        self.busy.store(false, Ordering::Relaxed);
        if mode::was_set() {
            mode::forget(py, self.event_loop.bind(py))?;
        }
        outcome
    }

    /// Makes the task and runs its first step.
    #[inline]
    fn step<'py>(
        &self,
        switches: &Switches,
        coroutine: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, PyResult<()>)> {
        let py = coroutine.py();
        // Marked first: code that the collector runs from here on nests, and does not find a half-made task.
        switches.set_running(py, Some(&self.event_loop))?;
        let made = (|| {
            let call_soon = self.call_soon.get();
            call_soon.arm();
            let task = switches.task.bind(py).call((coroutine,), Some(self.words.bind(py)));
            let step = call_soon.take(py);
            let task = match task {
                Ok(task) => task,
                Err(error) => {
                    // Ctrl-C in the middle of making it: neither the task nor the coroutine is anybody's mistake.
                    if let Some(task) = step.map(|step| step.getattr(intern!(py, "__self__"))).transpose()? {
                        task.setattr(intern!(py, "_log_destroy_pending"), false)?;
                    }
                    coroutine.call_method0(intern!(py, "close"))?;
                    return Err(error);
                }
            };
            let stepped = match (step, &self.hooks) {
                (None, _) => Ok(()),
                (Some(step), None) => step.call0().map(drop),
                (Some(step), Some(hooks)) => switches.generator_hooks.during(py, hooks, || step.call0().map(drop))?,
            };
            Ok((task, stepped))
        })();
        switches.set_running(py, None)?;
        made
    }

    /// Sees a task to its end and gives its outcome.
    #[inline]
    fn end<'py>(
        &self,
        switches: &Switches,
        task: &Bound<'py, PyAny>,
        stepped: PyResult<()>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = task.py();
        let result = intern!(py, "result");
        if !self.call_soon.get().was_scheduled() && !self.is_due() {
            // The quick way: asked at once, without asking first whether it is done.
            let outcome = task.call_method0(result);
            if outcome.is_ok() || is_done(task)? {
                return outcome;
            }
            self.turn(switches, task, stepped)?;
        } else if is_done(task)? {
            // The call itself is done; what it or an earlier one has left gets its turn.
            let turned = switches.thread_loop.bind(py).call_method1(intern!(py, "turn_once"), (&self.event_loop,));
            self.note_turn();
            turned?;
        } else {
            self.turn(switches, task, stepped)?;
        }
        task.call_method0(result)
    }

    #[cold]
    fn turn(&self, switches: &Switches, task: &Bound<'_, PyAny>, stepped: PyResult<()>) -> PyResult<()> {
        let py = task.py();
        let turned = match stepped {
            Ok(()) => {
                let _scope = turned::Scope::begin(&self.event_loop, &self.call_soon, task);
                switches.thread_loop.bind(py).call_method1(intern!(py, "turn"), (&self.event_loop, task)).map(drop)
            }
            Err(error) => Err(error),
        };
        self.call_soon.get().was_scheduled();
        self.note_turn();
        let Err(error) = turned else { return Ok(()) };
        // An exception that came from outside of the task, Ctrl-C for one: the task ends first.
        if !is_done(task)? {
            let ended = switches.thread_loop.bind(py).call_method1(intern!(py, "end"), (&self.event_loop, task));
            if let Err(again) = ended {
                self.retired.store(true, Ordering::Relaxed);
                return Err(again);
            }
        }
        Err(error)
    }
}

fn is_done(task: &Bound<'_, PyAny>) -> PyResult<bool> {
    task.call_method0(intern!(task.py(), "done"))?.is_truthy()
}

#[pymethods]
impl ThreadLoop {
    /// Take a loop over: nobody else may turn it.
    #[new]
    fn new(event_loop: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = event_loop.py();
        generation::watch_forks();
        let switches = Switches::of(py)?;
        let call_soon = Bound::new(py, CallSoon::new(&event_loop, switches)?)?;
        event_loop.setattr(intern!(py, "call_soon"), CallSoon::function(&call_soon)?)?;
        let close = Bound::new(py, Close::new(&event_loop)?)?;
        event_loop.setattr(intern!(py, "close"), &close)?;
        let is_running = Bound::new(py, IsRunning::new(&event_loop)?)?;
        event_loop.setattr(intern!(py, "is_running"), &is_running)?;
        let hooks = Pair::of(&event_loop)?;
        let words = PyDict::new(py);
        words.set_item(intern!(py, "loop"), &event_loop)?;
        words.set_item(intern!(py, "name"), &switches.task_name)?;
        words.set_item(intern!(py, "context"), &switches.own_context)?;
        Ok(Self {
            event_loop: event_loop.unbind(),
            call_soon: call_soon.unbind(),
            close: close.unbind(),
            is_running: is_running.unbind(),
            words: words.unbind(),
            hooks,
            generation: generation::current(),
            epoch: EPOCH.load(Ordering::Relaxed),
            retired: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            turned: AtomicU64::new(0),
        })
    }

    #[getter]
    fn event_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    /// Whether calls may begin here.
    #[getter]
    fn current(&self) -> bool {
        self.is_current()
    }

    /// Whether a call runs here, on this loop.
    #[getter]
    fn busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whether this loop belongs to the process that this one was forked from.
    #[getter]
    fn inherited(&self) -> bool {
        generation::is_inherited(self.generation)
    }

    #[pyo3(name = "run")]
    fn run_in_python<'py>(&self, coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.run(coroutine)
    }

    /// Something has begun here that goes on in later calls: the loop is not renewed before it has ended.
    fn hold(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    /// What `hold` was called for has ended.
    fn let_go(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    /// No call may begin here any more.
    fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// The loop has been closed: let go of what would keep it alive.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        self.retire();
        if self.call_soon.get().release() {
            self.close.get().release();
            self.is_running.get().release();
            self.event_loop.bind(py).delattr(intern!(py, "call_soon"))?;
            self.event_loop.bind(py).delattr(intern!(py, "close"))?;
            self.event_loop.bind(py).delattr(intern!(py, "is_running"))?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        visit.call(&self.call_soon)?;
        visit.call(&self.close)?;
        visit.call(&self.is_running)?;
        visit.call(&self.words)?;
        self.hooks.as_ref().map_or(Ok(()), |hooks| hooks.traverse(&visit))
    }
}

/// Runs a coroutine from plain code, wherever that is: on this thread's loop, on the parent's of a worker, or nested.
#[inline]
pub(crate) fn block_on<'py>(
    coroutine: &Bound<'py, PyAny>,
    running: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = coroutine.py();
    if let Some(outer) = running {
        return nest::run(&outer, coroutine);
    }
    if let Some(parent) = thread_state::parent(py)? {
        return parent.call_method1(intern!(py, "run"), (coroutine,));
    }
    let own = ThreadLoop::of_this_thread(py)?;
    if own.get().busy.load(Ordering::Relaxed) {
        // A signal's handler, or a destructor, between two lines of the code that turns it.
        return nest::beside(own.get().event_loop.bind(py), coroutine);
    }
    own.get().run(coroutine)
}
