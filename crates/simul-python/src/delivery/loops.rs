//! A loop's inbox, its slab of waiters, and the drain that runs on the loop's own thread.
//!
//! The loop's reader callback holds the only lasting reference to a [`LoopInbox`]; closing the loop drops the callback,
//! and that drop is how we learn that the loop is gone. The loop itself carries a weak reference in an attribute, so
//! that an inbox is found by the loop object and never by its address.

use super::bell::{SharedBell, WakeFd};
use super::target::Target;
use super::waiter::LoopWaiter;
use super::{blocking, call, dispatcher, late};
use crate::bind::errors;
use crate::bind::job::Job;
use crate::bridge::crossing::Crossing;
use crate::detection::forgotten;
use pyo3::exceptions::PyOSError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use simul_core::{Error, Kind};
use simul_wake::inbox::Notice;
use simul_wake::{Bell, Inbox, Slab, SlotKey, Ticket, gate, generation};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most that one turn of the loop delivers; the rest waits for the next turn, so that a heartbeat stays on time.
const BATCH: usize = 256;
const BATCH_TIME: Duration = Duration::from_millis(1);

static DRAINS: AtomicU64 = AtomicU64::new(0);

/// How many batches have been delivered.
pub(crate) fn drains() -> u64 {
    DRAINS.load(Ordering::Relaxed)
}

/// Who sits in a slot.
pub(crate) enum Sitter {
    /// A task that awaits.
    Waiter(Py<LoopWaiter>),
    /// A callback added while this loop was running; the ticket is there once it has joined the Job.
    Callback { job: Py<Job>, function: Py<PyAny>, context: Py<PyAny>, ticket: Option<Ticket> },
    /// A task that awaits a worker.
    Crossing(Py<Crossing>),
}

#[derive(Default)]
struct State {
    slab: Slab<Sitter>,
    /// How many of those who sit await a worker.
    crossings: usize,
    backlog: VecDeque<Notice>,
    /// A turn for the backlog has been asked for.
    armed: bool,
}

/// The loop's half of an inbox.
#[pyclass(frozen, weakref, module = "simul._simul", name = "_LoopInbox")]
pub(crate) struct LoopInbox {
    inbox: ManuallyDrop<Arc<Inbox>>,
    /// None for loops that watch no descriptors: the dispatcher wakes those.
    wake: Option<Arc<WakeFd>>,
    /// Touched by attached threads only, never across a call into Python.
    state: Mutex<State>,
    call_soon: Mutex<Option<Py<PyAny>>>,
}

/// The attribute by which a loop knows its inbox.
const ATTRIBUTE: &str = "_simul_inbox";

impl LoopInbox {
    /// The inbox of this loop, made at its first use.
    pub(crate) fn of<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        late::watch();
        if let Some(found) = Self::find(event_loop)? {
            if !generation::is_inherited(found.get().inbox.generation()) {
                return Ok(found);
            }
            let error = Error::new(
                Kind::Forked,
                "this event loop was used before the process forked and shares its selector with the parent: \
                 make a new loop in the child (asyncio.run does)",
            );
            return Err(errors::to_pyerr(py, &error));
        }
        Self::install(event_loop)
    }

    pub(super) fn find<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, Self>>> {
        let py = event_loop.py();
        let held = match event_loop.getattr_opt(pyo3::intern!(py, ATTRIBUTE))? {
            Some(held) => held,
            None => match registry(py)?.call_method1(pyo3::intern!(py, "get"), (event_loop,))? {
                held if held.is_none() => return Ok(None),
                held => held,
            },
        };
        let inbox = match held.cast::<PyWeakrefReference>() {
            Ok(weak) => match weak.upgrade() {
                Some(inbox) => inbox,
                None => return Ok(None),
            },
            Err(_) => held,
        };
        Ok(Some(inbox.cast_into::<Self>()?))
    }

    fn install<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let py = event_loop.py();
        forgotten::meet(event_loop);
        generation::watch_forks();
        let wake = WakeFd::new().map_err(|error| PyOSError::new_err(error.to_string()))?;
        let call_soon = event_loop.getattr(pyo3::intern!(py, "call_soon"))?.unbind();
        let make = |inbox: Inbox, wake: Option<Arc<WakeFd>>| {
            Bound::new(
                py,
                Self {
                    inbox: ManuallyDrop::new(Arc::new(inbox)),
                    wake,
                    state: Mutex::new(State::default()),
                    call_soon: Mutex::new(Some(call_soon.clone_ref(py))),
                },
            )
        };
        let ours = make(Inbox::new(Box::new(SharedBell(wake.clone()))), Some(wake.clone()))?;
        // The loop keeps the context of a reader for as long as it lives: not that of whoever came first.
        let empty_context = py.import("contextvars")?.getattr("Context")?.call0()?;
        let add_reader = event_loop.getattr(pyo3::intern!(py, "add_reader"))?;
        let held = match empty_context.call_method1("run", (add_reader, wake.number(), &ours)) {
            Ok(_) => (PyWeakrefReference::new(&ours)?.into_any(), ours),
            // A loop without readers (Windows' Proactor) is woken by the dispatcher and holds its inbox itself.
            Err(error) if error.is_instance_of::<pyo3::exceptions::PyNotImplementedError>(py) => {
                let bell = dispatcher::LoopBell::new(py)?;
                let ours = make(Inbox::new(Box::new(bell.clone())), None)?;
                bell.rings_for(event_loop, &ours)?;
                (ours.clone().into_any(), ours)
            }
            Err(error) => return Err(error),
        };
        let (holder, ours) = held;
        if event_loop.setattr(pyo3::intern!(py, ATTRIBUTE), &holder).is_err() {
            // A loop with slots; asked for by weak reference instead.
            registry(py)?.set_item(event_loop, &holder)?;
        }
        Ok(ours)
    }

    /// The half that other threads see.
    pub(crate) fn shared(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a seat.
    pub(crate) fn sit(&self, sitter: Sitter) -> SlotKey {
        let mut state = self.state();
        state.crossings += usize::from(matches!(sitter, Sitter::Crossing(_)));
        state.slab.insert(sitter)
    }

    /// Whether just one task of this loop awaits a worker.
    pub(crate) fn has_one_crossing(&self) -> bool {
        self.state().crossings == 1
    }

    /// Remembers how a callback leaves its Job when the loop closes.
    pub(crate) fn joined(&self, key: SlotKey, joined: Ticket) {
        if let Some(Sitter::Callback { ticket, .. }) = self.state().slab.get_mut(key) {
            *ticket = Some(joined);
        }
    }

    /// Gives a seat back; what sat there is returned, since its destructor must not run under the lock.
    pub(crate) fn stand_up(&self, key: SlotKey) -> Option<Sitter> {
        let mut state = self.state();
        let left = state.slab.remove(key);
        state.crossings -= usize::from(matches!(left, Some(Sitter::Crossing(_))));
        left
    }

    fn call_soon(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.call_soon.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|held| held.clone_ref(py))
    }

    /// Delivers up to a batch, then asks for another turn if something is left.
    fn deliver(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        // While the interpreter exits, a daemon thread must not be killed in the middle of this: it stops here.
        let _inside = match gate::enter() {
            Some(inside) => Some(inside),
            None if blocking::is_main_thread(py)? => None,
            None => py.detach(|| gate::park_forever()),
        };
        let Some(call_soon) = this.call_soon(py) else { return Ok(()) };
        let call_soon = call_soon.bind(py);
        DRAINS.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let mut outcome: PyResult<()> = Ok(());
        for _ in 0..BATCH {
            let Some(notice) = this.state().backlog.pop_front() else { break };
            outcome = this.announce(py, call_soon, notice);
            // An error is KeyboardInterrupt, or a loop that a callback has closed: the others keep their turn.
            if outcome.is_err() || started.elapsed() >= BATCH_TIME {
                break;
            }
        }
        let more = {
            let state = this.state();
            !state.backlog.is_empty() && !state.armed
        };
        if more {
            let again = slf.getattr(pyo3::intern!(py, "_deliver_backlog"))?;
            outcome = match outcome.and_then(|()| call_soon.call1((again,)).map(drop)) {
                Ok(()) => {
                    this.state().armed = true;
                    Ok(())
                }
                Err(error) => {
                    // A signal handler has raised: what is left gets its turn by the bell, which raises nothing.
                    if let Some(wake) = &this.wake {
                        wake.ring();
                    }
                    Err(error)
                }
            };
        }
        outcome
    }

    /// Whether this bell is the one of this inbox.
    pub(super) fn is_woken_by(&self, bell: &Arc<WakeFd>) -> bool {
        self.wake.as_ref().is_some_and(|wake| Arc::ptr_eq(wake, bell))
    }

    /// Wakes those who wait for a call on a primitive, on the loop's own thread while it runs. What else has arrived gets
    /// its turn of the loop: it may be much.
    pub(super) fn deliver_here(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        let notices = this.inbox.drain();
        let Some(call_soon) = this.call_soon(py) else { return Ok(()) };
        let call_soon = call_soon.bind(py);
        let mut outcome = Ok(());
        for notice in notices {
            if outcome.is_ok() && this.is_for_a_primitive(notice) {
                outcome = this.announce(py, call_soon, notice);
            } else {
                this.state().backlog.push_back(notice);
            }
        }
        let more = {
            let state = this.state();
            !state.backlog.is_empty() && !state.armed
        };
        if more && let Some(wake) = &this.wake {
            wake.ring();
        }
        outcome
    }

    fn is_for_a_primitive(&self, notice: Notice) -> bool {
        let Notice::Done(key) = notice else { return false };
        match self.state().slab.get(key) {
            Some(Sitter::Waiter(waiter)) => waiter.get().waits_for_a_primitive(),
            _ => false,
        }
    }

    fn announce(&self, py: Python<'_>, call_soon: &Bound<'_, PyAny>, notice: Notice) -> PyResult<()> {
        match notice {
            Notice::Done(key) => match self.stand_up(key) {
                None => Ok(()),
                Some(Sitter::Waiter(waiter)) => {
                    // The outcome becomes an object here, where the batch's cap counts it.
                    if let Some(target) = waiter.get().target(py) {
                        target.convert(py);
                    }
                    LoopWaiter::wake(waiter.bind(py), call_soon)
                }
                Some(Sitter::Callback { job, function, context, .. }) => {
                    call::call_soon(call_soon, function.bind(py), job.bind(py).as_any(), Some(context.bind(py)))
                }
                Some(Sitter::Crossing(crossing)) => Crossing::arrived(crossing.bind(py), call_soon),
            },
            Notice::Upcall(key) => {
                let target = match self.state().slab.get(key) {
                    Some(Sitter::Waiter(waiter)) => waiter.get().target(py),
                    Some(Sitter::Callback { job, .. }) => Some(Target::Job(job.clone_ref(py))),
                    Some(Sitter::Crossing(_)) | None => None,
                };
                target.map_or(Ok(()), |target| target.run_upcall(py))
            }
        }
    }
}

#[pymethods]
impl LoopInbox {
    /// The loop's reader callback: the descriptor is readable.
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        if generation::is_inherited(this.inbox.generation()) {
            // A child that still turns its parent's loop: the events are the parent's.
            return Ok(());
        }
        if let Some(wake) = &this.wake {
            wake.silence();
        }
        let notices = this.inbox.drain();
        this.state().backlog.extend(notices);
        Self::deliver(slf)
    }

    fn _deliver_backlog(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().state().armed = false;
        Self::deliver(slf)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(call_soon) = self.call_soon.try_lock() {
            visit.call(&*call_soon)?;
        }
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        for sitter in state.slab.iter() {
            match sitter {
                Sitter::Waiter(waiter) => visit.call(waiter)?,
                Sitter::Callback { job, function, context, .. } => {
                    visit.call(job)?;
                    visit.call(function)?;
                    visit.call(context)?;
                }
                Sitter::Crossing(crossing) => visit.call(crossing)?,
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let call_soon = self.call_soon.lock().unwrap_or_else(PoisonError::into_inner).take();
        let sitters = self.state().slab.take_all();
        for sitter in &sitters {
            if let Sitter::Crossing(crossing) = sitter {
                crossing.get().loop_closed();
            }
        }
        drop((call_soon, sitters));
    }
}

impl Drop for LoopInbox {
    /// The loop has closed (or the interpreter collects it): its waiters leave, nothing is written any more.
    fn drop(&mut self) {
        if generation::is_inherited(self.inbox.generation()) {
            return;
        }
        self.inbox.close();
        let sitters = self.state().slab.take_all();
        Python::try_attach(|_py| {
            for sitter in sitters {
                match &sitter {
                    Sitter::Waiter(waiter) => waiter.get().loop_closed(),
                    Sitter::Callback { job, ticket: Some(ticket), .. } if !job.get().is_inherited() => {
                        job.get().header().leave(*ticket, false);
                    }
                    Sitter::Callback { .. } => {}
                    Sitter::Crossing(crossing) => crossing.get().loop_closed(),
                }
            }
        });
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.inbox) };
    }
}

/// Inboxes of loops that take no attributes.
fn registry(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static REGISTRY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    REGISTRY
        .get_or_try_init(py, || Ok(py.import("weakref")?.getattr("WeakKeyDictionary")?.call0()?.unbind()))
        .map(|registry| registry.bind(py))
}
