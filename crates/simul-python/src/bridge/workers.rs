//! The threads that run the calls of `to_thread`.
//!
//! They are Python threads (`simul.bridge.workers.serve`) that ask here for their next call, so that no Rust frame
//! stands below the user's code, through which the interpreter could not end a thread at exit. An idle worker sleeps
//! without the interpreter; the one that became idle last is woken first, since its caches are warm; one that nobody
//! wakes for a while ends.
//!
//! A call that names no limiter counts against a limit of the process. It does not count while it waits for its loop,
//! so calls that need further calls cannot starve each other.

use super::crossing::Crossing;
use super::crossing_state::Seat;
use crate::delivery::exit;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use simul_wake::inbox::Notice;
use simul_wake::{gate, generation};
use std::collections::VecDeque;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How many calls without a limiter run at once.
const LIMIT: usize = 256;
/// How long an idle worker stays.
const IDLE: Duration = Duration::from_secs(10);
/// How often a thread that has just become idle looks for a call before it sleeps: a wake-up costs more than that.
const SPINS: usize = 30;

/// One thread, as the others see it.
struct Seatmate {
    /// Wanted; read without the interpreter.
    called: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Seatmate {
    fn call(&self) {
        self.called.store(true, Ordering::Release);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

struct State {
    /// The one that became idle last stands last.
    idle: Vec<Arc<Seatmate>>,
    /// Admitted, for the next worker.
    queue: VecDeque<Py<Crossing>>,
    /// Not admitted: the limit is reached.
    waiting: VecDeque<Py<Crossing>>,
    /// How many of those were cancelled since they were looked through, at most.
    withdrawn: usize,
    /// Admitted calls that count.
    counted: usize,
    /// A worker is on its way to the queue, new or woken. It calls the next one when it has taken a call: many short
    /// calls at once are run by few threads, which do not all wake to fight for the interpreter.
    coming: bool,
    threads: usize,
    started: usize,
    /// Functions that the exit waits for.
    owed: usize,
    /// The exit waits.
    exiting: bool,
    limit: usize,
    idle_time: Duration,
}

struct Pool {
    generation: u32,
    /// Never held across a call into Python, nor while a thread attaches.
    state: Mutex<State>,
    nothing_owed: Condvar,
}

static POOL: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());

/// The pool of this process, if it has one.
fn existing() -> Option<&'static Pool> {
    // SAFETY: null or from Box::into_raw below; never freed once published, one a generation.
    let held = unsafe { POOL.load(Ordering::Acquire).as_ref() }?;
    (!generation::is_inherited(held.generation)).then_some(held)
}

/// The pool of this process. Called attached, so that two threads do not make two.
fn pool() -> &'static Pool {
    existing().unwrap_or_else(|| {
        generation::watch_forks();
        let state = Mutex::new(State {
            idle: Vec::new(),
            queue: VecDeque::new(),
            waiting: VecDeque::new(),
            withdrawn: 0,
            counted: 0,
            coming: false,
            threads: 0,
            started: 0,
            owed: 0,
            exiting: false,
            limit: LIMIT,
            idle_time: IDLE,
        });
        let made = Pool { generation: generation::current(), state, nothing_owed: Condvar::new() };
        let made = Box::into_raw(Box::new(made));
        POOL.store(made, Ordering::Release);
        // SAFETY: published just now, never freed.
        unsafe { &*made }
    })
}

/// What is to be done when the lock is free.
#[derive(Default)]
struct Orders {
    wake: Option<Arc<Seatmate>>,
    start: Option<usize>,
}

impl State {
    /// Calls a worker for what is queued, a new one if none is idle.
    fn pair(&mut self) -> Orders {
        while self.counted < self.limit
            && let Some(next) = self.waiting.pop_front()
        {
            self.counted += 1;
            self.queue.push_back(next);
        }
        let mut orders = Orders::default();
        if self.queue.is_empty() || self.coming {
            return orders;
        }
        self.coming = true;
        orders.wake = self.idle.pop();
        if orders.wake.is_none() {
            self.started += 1;
            orders.start = Some(self.started);
        }
        orders
    }
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, py: Python<'_>, orders: Orders) {
        if let Some(worker) = orders.wake {
            worker.call();
        }
        if let Some(number) = orders.start {
            self.start(py, number);
        }
    }

    fn start(&self, py: Python<'_>, number: usize) {
        let started = Self::start_thread(py, number);
        if let Err(error) = started {
            let stranded = {
                let mut state = self.state();
                state.coming = false;
                // Else whoever becomes idle next takes what is queued.
                let stranded = if state.threads == 0 { state.queue.pop_back() } else { None };
                state.counted -= usize::from(stranded.as_ref().is_some_and(|crossing| crossing.get().counted));
                stranded
            };
            if let Some(stranded) = stranded {
                Crossing::refused(stranded.bind(py), error);
            }
        }
    }

    fn start_thread(py: Python<'_>, number: usize) -> PyResult<()> {
        // The engine's hook closes the gate; ours must run before it.
        exit::ensure_hook(py)?;
        let worker = Bound::new(py, Worker::new())?;
        py.import("simul.bridge.workers")?.call_method1("start", (worker, number))?;
        Ok(())
    }
}

/// A call wants to run.
///
/// # Arguments
/// * `alone` - No other call of its loop is under way.
pub(super) fn admit(crossing: &Bound<'_, Crossing>, alone: bool) {
    let pool = pool();
    let orders = {
        let mut state = pool.state();
        match crossing.get().counted {
            true => state.waiting.push_back(crossing.clone().unbind()),
            false => state.queue.push_back(crossing.clone().unbind()),
        }
        state.pair()
    };
    let py = crossing.py();
    // With the interpreter free: a worker that comes up on this very processor takes it at once, and does not come only
    // to wait for it. Where several calls begin one after the other it takes the first and finds the next ones in the
    // queue; it would go back to sleep between them.
    if alone
        && let Some(worker) = &orders.wake
        && let Some(_inside) = gate::enter()
    {
        py.detach(|| worker.call());
    } else {
        pool.follow(py, orders);
    }
}

/// A call that may wait for its turn was cancelled. Those that were are let go of when they are the half of all, since
/// the others may take long, and each keeps its task's variables.
pub(super) fn withdraw() {
    let Some(pool) = existing() else { return };
    let gone = {
        let mut state = pool.state();
        state.withdrawn += 1;
        if state.withdrawn * 2 <= state.waiting.len() {
            return;
        }
        state.withdrawn = 0;
        let (wanted, gone) = std::mem::take(&mut state.waiting).into_iter().partition(|one| one.get().is_queued());
        state.waiting = wanted;
        gone
    };
    // Dropped here, since that may run Python code.
    drop::<VecDeque<Py<Crossing>>>(gone);
}

/// A worker is about to wait for its loop: others may run meanwhile.
pub(super) fn step_aside(crossing: &Bound<'_, Crossing>) {
    let pool = pool();
    let orders = {
        let mut state = pool.state();
        state.counted -= usize::from(crossing.get().counted);
        state.pair()
    };
    pool.follow(crossing.py(), orders);
}

/// It goes on, also where that makes one too many: nobody may queue for what he had already.
pub(super) fn step_back(crossing: &Bound<'_, Crossing>) {
    pool().state().counted += usize::from(crossing.get().counted);
}

/// The exit waits for one call more, or less.
pub(super) fn owe(more: bool) {
    let pool = pool();
    let mut state = pool.state();
    match more {
        true => state.owed += 1,
        false => state.owed -= 1,
    }
    if state.owed == 0 && state.exiting {
        pool.nothing_owed.notify_all();
    }
}

/// One worker, as its own thread sees it.
#[pyclass(frozen, module = "simul._simul", name = "_Worker")]
pub(crate) struct Worker {
    generation: u32,
    mate: Arc<Seatmate>,
    own: Mutex<Own>,
}

/// Touched by the worker's own thread only.
#[derive(Default)]
struct Own {
    /// Counted among the threads.
    known: bool,
    /// Woken for the queue.
    woken: bool,
    /// Counted no longer: it ends.
    gone: bool,
    running: Option<Py<Crossing>>,
    /// Whom to tell of the call that has ended.
    announce: Option<Seat>,
}

impl Worker {
    fn new() -> Self {
        Self {
            generation: generation::current(),
            mate: Arc::new(Seatmate { called: AtomicBool::new(false), thread: OnceLock::new() }),
            own: Mutex::default(),
        }
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, py: Python<'_>, outcome: Result<Py<PyAny>, Py<PyBaseException>>) -> PyResult<()> {
        if generation::is_inherited(self.generation) {
            return Ok(());
        }
        let Some(running) = self.own().running.take() else { return Ok(()) };
        let seat = Crossing::ended(running.bind(py), outcome)?;
        self.own().announce = seat;
        Self::finished(running.get());
        Ok(())
    }

    fn finished(crossing: &Crossing) {
        pool().state().counted -= usize::from(crossing.counted);
    }

    /// The next call of the queue, or none; then this worker is among the idle ones.
    fn look(&self, py: Python<'_>, pool: &Pool) -> Option<Py<Crossing>> {
        let (first, woken) = {
            let mut own = self.own();
            (!std::mem::replace(&mut own.known, true), std::mem::take(&mut own.woken))
        };
        let (next, orders) = {
            let mut state = pool.state();
            state.threads += usize::from(first);
            if first || woken {
                state.coming = false;
            }
            // What waits for the limit may come in before this one looks.
            while state.counted < state.limit
                && let Some(next) = state.waiting.pop_front()
            {
                state.counted += 1;
                state.queue.push_back(next);
            }
            let next = state.queue.pop_front();
            if next.is_none() {
                state.idle.push(self.mate.clone());
            }
            (next, state.pair())
        };
        pool.follow(py, orders);
        next
    }

    /// Sleeps until somebody calls; false if nobody did for too long.
    fn sleep(&self, pool: &Pool, limit: Duration) -> bool {
        for _ in 0..SPINS {
            if self.mate.called.load(Ordering::Acquire) {
                return true;
            }
            std::hint::spin_loop();
        }
        let end = Instant::now() + limit;
        while !self.mate.called.load(Ordering::Acquire) {
            // A wake-up may be left over from an earlier sleep.
            let left = end.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                thread::park_timeout(left);
                continue;
            }
            let mut state = pool.state();
            if let Some(place) = state.idle.iter().position(|mate| Arc::ptr_eq(mate, &self.mate)) {
                state.idle.remove(place);
                state.threads -= 1;
                return false;
            }
            drop(state);
            // Somebody has chosen this worker, and calls any moment now.
            thread::yield_now();
        }
        true
    }
}

/// What `serve` calls.
type Next = (Py<Crossing>, Py<PyAny>, Py<PyTuple>, Py<PyDict>);

#[pymethods]
impl Worker {
    /// The next call to run, its context entered; waits for one. None ends the thread.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Next>> {
        loop {
            if generation::is_inherited(self.generation) {
                // The function has forked, and this is the child: the other calls are the parent's.
                return Ok(None);
            }
            let _ = self.mate.thread.get_or_init(thread::current);
            let pool = pool();
            let announce = self.own().announce.take();
            let tell = move || {
                if let Some((inbox, key)) = announce {
                    inbox.push(Notice::Done(key));
                }
            };
            let crossing = match self.look(py, pool) {
                Some(next) => {
                    tell();
                    next
                }
                None => {
                    let limit = pool.state().idle_time;
                    // The bell rings when the interpreter is free: its loop needs it at once.
                    let (given, _inside) = py.detach(|| {
                        tell();
                        let given = self.sleep(pool, limit);
                        // Re-attaching to an interpreter that goes away would kill this thread inside of a Rust frame.
                        (given, gate::enter().unwrap_or_else(|| gate::park_forever()))
                    });
                    if !given {
                        self.own().gone = true;
                        return Ok(None);
                    }
                    self.mate.called.store(false, Ordering::Relaxed);
                    self.own().woken = true;
                    continue;
                }
            };
            let crossing = crossing.bind(py);
            match Crossing::take(crossing) {
                Ok(Some((function, arguments, keywords))) => {
                    self.own().running = Some(crossing.clone().unbind());
                    return Ok(Some((crossing.clone().unbind(), function, arguments, keywords)));
                }
                Ok(None) => {}
                Err(error) => Crossing::refused(crossing, error),
            }
            Self::finished(crossing.get());
        }
    }

    /// The function has returned.
    fn returned(&self, py: Python<'_>, value: Py<PyAny>) -> PyResult<()> {
        self.ended(py, Ok(value))
    }

    /// The thread ends, by an exception that came from outside between two functions. What it was about to run fails
    /// by that; others go on.
    fn broken(&self, error: Bound<'_, PyBaseException>) -> PyResult<()> {
        if generation::is_inherited(self.generation) {
            return Ok(());
        }
        let py = error.py();
        self.ended(py, Err(error.unbind()))?;
        let (announce, known, woken) = {
            let mut own = self.own();
            if std::mem::replace(&mut own.gone, true) {
                return Ok(());
            }
            (own.announce.take(), own.known, own.woken)
        };
        if let Some((inbox, key)) = announce {
            inbox.push(Notice::Done(key));
        }
        let pool = pool();
        let orders = {
            let mut state = pool.state();
            state.threads -= usize::from(known);
            state.idle.retain(|mate| !Arc::ptr_eq(mate, &self.mate));
            if woken || !known {
                state.coming = false;
            }
            state.pair()
        };
        pool.follow(py, orders);
        Ok(())
    }

    /// The function has raised.
    fn failed(&self, error: Bound<'_, PyBaseException>) -> PyResult<()> {
        let py = error.py();
        self.ended(py, Err(error.unbind()))
    }
}

/// Waits until no function runs that somebody may count on; called while the interpreter exits.
///
/// Returns False after a while, so that signals are handled.
#[pyfunction]
#[pyo3(name = "_workers_at_exit")]
pub(crate) fn workers_at_exit(py: Python<'_>) -> bool {
    let Some(pool) = existing() else { return true };
    py.detach(|| {
        let mut state = pool.state();
        state.exiting = true;
        if state.owed == 0 || gate::is_closed() {
            return true;
        }
        let (state, _) =
            pool.nothing_owed.wait_timeout(state, Duration::from_millis(50)).unwrap_or_else(PoisonError::into_inner);
        state.owed == 0
    })
}

/// How many workers there are, how many of them are idle, how many calls count and how many wait.
#[pyfunction]
#[pyo3(name = "_worker_statistics")]
pub(crate) fn worker_statistics(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let figures = PyDict::new(py);
    let pool = pool();
    let (threads, idle, running, waiting, started) = {
        let state = pool.state();
        (state.threads, state.idle.len(), state.counted, state.waiting.len() + state.queue.len(), state.started)
    };
    figures.set_item("threads", threads)?;
    figures.set_item("idle", idle)?;
    figures.set_item("counted", running)?;
    figures.set_item("waiting", waiting)?;
    figures.set_item("started", started)?;
    Ok(figures)
}

/// Sets the limit of calls that name no limiter, and how long idle workers stay; for tests.
#[pyfunction]
#[pyo3(name = "_worker_limits", signature = (limit=LIMIT, idle_seconds=IDLE.as_secs_f64()))]
pub(crate) fn worker_limits(limit: usize, idle_seconds: f64) {
    let pool = pool();
    let mut state = pool.state();
    state.limit = limit.max(1);
    state.idle_time = Duration::try_from_secs_f64(idle_seconds).unwrap_or(IDLE);
}

/// Registers the engine's hook for the exit now, so that hooks that are registered later run before it.
#[pyfunction]
#[pyo3(name = "_ensure_exit_hook")]
pub(crate) fn ensure_exit_hook(py: Python<'_>) -> PyResult<()> {
    exit::ensure_hook(py)
}
