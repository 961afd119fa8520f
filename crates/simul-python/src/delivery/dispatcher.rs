//! The one thread of ours that attaches to the interpreter: for callbacks and upcalls that no loop and no waiting
//! thread can run. Started by the first need.

use super::loops::LoopInbox;
use super::upcall::Upcall;
use crate::bind::job::Job;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use simul_core::{Error, Kind};
use simul_engine::signals;
use simul_wake::inbox::Notice;
use simul_wake::{Bell, Inbox, Parker, Slab, SlotKey, gate, generation};
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
    /// Touched by attached threads only, never across a call into Python.
    errands: Mutex<Slab<Errand>>,
}

static DISPATCHER: AtomicPtr<Dispatcher> = AtomicPtr::new(ptr::null_mut());

/// The dispatcher of this process, started if need be.
pub(crate) fn dispatcher() -> PyResult<&'static Dispatcher> {
    generation::watch_forks();
    let held = DISPATCHER.load(Ordering::Acquire);
    // SAFETY: null or from Box::into_raw below; never freed, one a generation.
    if let Some(held) = unsafe { held.as_ref() }
        && !generation::is_inherited(held.inbox.generation())
    {
        return Ok(held);
    }
    let parker = Arc::new(Parker::default());
    let ours = Box::into_raw(Box::new(Dispatcher {
        inbox: Arc::new(Inbox::new(Box::new(PokeBell(parker.clone())))),
        errands: Mutex::new(Slab::default()),
    }));
    if DISPATCHER.compare_exchange(held, ours, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // SAFETY: never published.
        drop(unsafe { Box::from_raw(ours) });
        return dispatcher();
    }
    // SAFETY: published just now, never freed.
    let ours: &'static Dispatcher = unsafe { &*ours };
    signals::blocked(|| {
        std::thread::Builder::new().name("simul-dispatch".to_owned()).spawn(move || ours.serve(&parker))
    })
    .map_err(|error| {
        crate::bind::errors::now(
            Error::new(Kind::Internal, "no thread for callbacks could be started").with_source(error),
        )
    })?;
    Ok(ours)
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

    fn serve(&self, parker: &Parker) {
        loop {
            parker.park(None);
            let notices = self.inbox.drain();
            if notices.is_empty() {
                continue;
            }
            let Some(_inside) = gate::enter() else { return };
            let attached = Python::try_attach(|py| {
                for notice in notices {
                    if let Err(error) = self.run(py, notice) {
                        error.write_unraisable(py, None);
                    }
                }
            });
            if attached.is_none() {
                return;
            }
        }
    }

    fn run(&self, py: Python<'_>, notice: Notice) -> PyResult<()> {
        let errand = match notice {
            Notice::Done(key) => self.forget(key),
            Notice::Upcall(key) => self.errands().get(key).map(|errand| errand.clone_ref(py)),
        };
        match errand {
            None => Ok(()),
            Some(Errand::Callback { job, function, context }) => {
                context.bind(py).call_method1(pyo3::intern!(py, "run"), (function, job)).map(drop)
            }
            Some(Errand::Upcall(upcall)) => upcall.run(py),
            Some(Errand::WakeLoop { event_loop, inbox }) => {
                if let (Some(event_loop), Some(inbox)) = (event_loop.bind(py).upgrade(), inbox.bind(py).upgrade()) {
                    // A loop that was closed meanwhile needs no waking.
                    let _ = event_loop.call_method1(pyo3::intern!(py, "call_soon_threadsafe"), (inbox,));
                }
                Ok(())
            }
        }
    }
}

impl Errand {
    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Errand::Callback { job, function, context } => Errand::Callback {
                job: job.clone_ref(py),
                function: function.clone_ref(py),
                context: context.clone_ref(py),
            },
            Errand::Upcall(upcall) => Errand::Upcall(upcall.clone()),
            Errand::WakeLoop { event_loop, inbox } => {
                Errand::WakeLoop { event_loop: event_loop.clone_ref(py), inbox: inbox.clone_ref(py) }
            }
        }
    }
}

/// Wakes a loop that watches no descriptors.
#[derive(Clone)]
pub(crate) struct LoopBell {
    dispatcher: &'static Dispatcher,
    event_loop: Arc<OnceLock<SlotKey>>,
    weak: Arc<Mutex<Option<Py<PyWeakrefReference>>>>,
}

impl LoopBell {
    pub(crate) fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            dispatcher: dispatcher()?,
            event_loop: Arc::new(OnceLock::new()),
            weak: Arc::new(Mutex::new(Some(PyWeakrefReference::new(event_loop)?.unbind()))),
        })
    }

    /// Names the inbox that is to be drained.
    pub(crate) fn rings_for(&self, inbox: &Bound<'_, LoopInbox>) -> PyResult<()> {
        let event_loop = self.weak.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(event_loop) = event_loop {
            let inbox = PyWeakrefReference::new(inbox)?.unbind();
            let key = self.dispatcher.keep(Errand::WakeLoop { event_loop, inbox });
            // Set once: the bell is made for one loop.
            let _ = self.event_loop.set(key);
        }
        Ok(())
    }
}

impl Bell for LoopBell {
    fn ring(&self) {
        if let Some(key) = self.event_loop.get() {
            self.dispatcher.inbox.push(Notice::Upcall(*key));
        }
    }
}
