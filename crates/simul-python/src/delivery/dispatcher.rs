//! The one thread of ours that runs Python code: for callbacks and upcalls that no loop and no waiting thread can run.
//!
//! It is a Python thread (`simul._dispatch.serve`) that asks here for its next errand: so no Rust frame stands below
//! the user's code, through which the interpreter could not end that thread at exit. Started by the first need.

use super::call;
use super::loops::LoopInbox;
use super::upcall::Upcall;
use crate::bind::job::Job;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use simul_engine::signals;
use simul_wake::inbox::Notice;
use simul_wake::{Bell, Inbox, Parker, Slab, SlotKey, gate, generation};
use std::collections::VecDeque;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Something to do on the dispatcher's thread.
pub(crate) enum Errand {
    /// A done callback that was added where no loop was running.
    Callback { job: Py<Job>, function: Py<PyAny>, context: Py<PyAny> },
    /// Python code that the engine asks for, each time anew.
    Upcall(Arc<Upcall>),
    /// A loop that watches no descriptors: wake it by `call_soon_threadsafe`.
    WakeLoop { event_loop: Py<PyWeakrefReference>, inbox: Py<PyWeakrefReference> },
}

struct PokeBell(Arc<Parker>);

impl Bell for PokeBell {
    fn ring(&self) {
        self.0.poke();
    }
}

pub(crate) struct Dispatcher {
    inbox: Arc<Inbox>,
    parker: Arc<Parker>,
    /// Touched by attached threads only, never across a call into Python; so is the backlog.
    errands: Mutex<Slab<Errand>>,
    backlog: Mutex<VecDeque<Notice>>,
}

static DISPATCHER: AtomicPtr<Dispatcher> = AtomicPtr::new(ptr::null_mut());

fn current() -> Option<&'static Dispatcher> {
    // SAFETY: null or from Box::into_raw below; never freed once published, one a generation.
    let held = unsafe { DISPATCHER.load(Ordering::Acquire).as_ref() }?;
    (!generation::is_inherited(held.inbox.generation())).then_some(held)
}

/// The dispatcher of this process, started if need be.
pub(crate) fn dispatcher(py: Python<'_>) -> PyResult<&'static Dispatcher> {
    if let Some(running) = current() {
        return Ok(running);
    }
    generation::watch_forks();
    let parker = Arc::new(Parker::default());
    let ours = Box::into_raw(Box::new(Dispatcher {
        inbox: Arc::new(Inbox::new(Box::new(PokeBell(parker.clone())))),
        parker,
        errands: Mutex::default(),
        backlog: Mutex::default(),
    }));
    let before = DISPATCHER.swap(ours, Ordering::AcqRel);
    let serve = py.import("simul._dispatch")?.getattr("serve")?;
    let start = || py.import("_thread")?.call_method1("start_new_thread", (serve, (generation::current(),)));
    if let Err(error) = signals::blocked(start) {
        // Nobody serves it: the next need tries again.
        DISPATCHER.store(before, Ordering::Release);
        return Err(error);
    }
    // SAFETY: published just now, never freed.
    Ok(unsafe { &*ours })
}

/// What `serve` calls: function and argument, and the context to call it in.
type Next = (Py<PyAny>, Option<Py<Job>>, Option<Py<PyAny>>);

/// The next errand of the dispatcher of this generation; waits for one. None ends the thread.
#[pyfunction]
pub(crate) fn next_errand(py: Python<'_>, generation: u32) -> PyResult<Option<Next>> {
    loop {
        if generation::is_inherited(generation) {
            // The copy of the thread in a child that was forked by a callback: the errands are the parent's.
            return Ok(None);
        }
        let Some(dispatcher) = current() else { return Ok(None) };
        let notice = dispatcher.backlog.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(notice) = notice {
            if let Some(next) = dispatcher.prepare(py, notice)? {
                return Ok(Some(next));
            }
            continue;
        }
        let _inside = py.detach(|| {
            dispatcher.parker.park(None);
            // Re-attaching to an interpreter that goes away would kill this thread inside of a Rust frame.
            gate::enter().unwrap_or_else(|| gate::park_forever())
        });
        let arrived = dispatcher.inbox.drain();
        dispatcher.backlog.lock().unwrap_or_else(PoisonError::into_inner).extend(arrived);
    }
}

impl Dispatcher {
    fn errands(&self) -> MutexGuard<'_, Slab<Errand>> {
        self.errands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The half that other threads push to.
    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// Keeps an errand until it is asked for.
    pub(crate) fn keep(&self, errand: Errand) -> SlotKey {
        self.errands().insert(errand)
    }

    /// Takes an errand back; its objects are dropped by the caller.
    pub(crate) fn forget(&self, key: SlotKey) -> Option<Errand> {
        self.errands().remove(key)
    }

    fn prepare(&self, py: Python<'_>, notice: Notice) -> PyResult<Option<Next>> {
        match notice {
            Notice::Done(key) => Ok(match self.forget(key) {
                Some(Errand::Callback { job, function, context }) => Some((function, Some(job), Some(context))),
                _ => None,
            }),
            Notice::Upcall(key) => {
                let again = match self.errands().get(key) {
                    Some(Errand::Upcall(upcall)) => Again::Upcall(upcall.clone()),
                    Some(Errand::WakeLoop { event_loop, inbox }) => {
                        Again::WakeLoop(event_loop.clone_ref(py), inbox.clone_ref(py))
                    }
                    Some(Errand::Callback { .. }) | None => return Ok(None),
                };
                again.prepare(py)
            }
        }
    }
}

/// An errand that stays after it was run.
enum Again {
    Upcall(Arc<Upcall>),
    WakeLoop(Py<PyWeakrefReference>, Py<PyWeakrefReference>),
}

impl Again {
    fn prepare(self, py: Python<'_>) -> PyResult<Option<Next>> {
        match self {
            Again::Upcall(upcall) => Ok(Some((Bound::new(py, call::Thunk(upcall))?.into_any().unbind(), None, None))),
            Again::WakeLoop(event_loop, inbox) => {
                if let (Some(event_loop), Some(inbox)) = (event_loop.bind(py).upgrade(), inbox.bind(py).upgrade()) {
                    // A loop that was closed meanwhile needs no waking.
                    let _ = event_loop.call_method1(pyo3::intern!(py, "call_soon_threadsafe"), (inbox,));
                }
                Ok(None)
            }
        }
    }
}

/// Wakes a loop that watches no descriptors.
#[derive(Clone)]
pub(crate) struct LoopBell {
    dispatcher: &'static Dispatcher,
    key: Arc<OnceLock<SlotKey>>,
}

impl LoopBell {
    pub(crate) fn new(py: Python<'_>) -> PyResult<Self> {
        Ok(Self { dispatcher: dispatcher(py)?, key: Arc::default() })
    }

    /// Names the loop that is to be woken and the inbox that is to be drained there.
    pub(crate) fn rings_for(&self, event_loop: &Bound<'_, PyAny>, inbox: &Bound<'_, LoopInbox>) -> PyResult<()> {
        let event_loop = PyWeakrefReference::new(event_loop)?.unbind();
        let inbox = PyWeakrefReference::new(inbox)?.unbind();
        let key = self.dispatcher.keep(Errand::WakeLoop { event_loop, inbox });
        // Set once: the bell is made for one loop.
        let _ = self.key.set(key);
        Ok(())
    }
}

impl Bell for LoopBell {
    fn ring(&self) {
        if let Some(key) = self.key.get() {
            self.dispatcher.inbox.push(Notice::Upcall(*key));
        }
    }
}
