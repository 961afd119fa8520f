//! How the engine asks for Python code: a hook, an `on_event`, a body iterator.
//!
//! The engine side ([`Request`]) owns no Python object. It finds a Job of the family that somebody waits for, and that
//! waiter's thread runs the call: the awaiting loop in its drain, or the thread in `wait()`. With nobody waiting, the
//! dispatcher does.

use super::dispatcher::{Dispatcher, Errand, dispatcher};
use crate::bind::errors;
use pyo3::prelude::*;
use simul_engine::panics;
use simul_wake::inbox::Notice;
use simul_wake::{AsHeader, SlotKey, generation};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

type Call = Box<dyn Fn(Python<'_>) -> PyResult<()> + Send + Sync>;

const IDLE: u8 = 0;
const RUNNING: u8 = 1;
const AGAIN: u8 = 2;

/// The Python half: what is to be called. Held and dropped by attached threads only.
pub(crate) struct Upcall {
    call: Call,
    /// Calls never overlap: one that is asked for while another runs makes that one go round again.
    state: AtomicU8,
}

impl Upcall {
    /// Runs the call on this thread, unless it runs already on another, which then goes round again.
    pub(crate) fn run(&self, py: Python<'_>) -> PyResult<()> {
        if self.state.swap(AGAIN, Ordering::AcqRel) != IDLE {
            return Ok(());
        }
        let mut outcome = Ok(());
        loop {
            self.state.store(RUNNING, Ordering::Release);
            // A panic must not leave it running for ever.
            let called = panics::caught(|| (self.call)(py));
            outcome = outcome.and(called.unwrap_or_else(|panic| Err(errors::to_pyerr(py, &panic))));
            if self.state.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return outcome;
            }
        }
    }
}

/// A family of Jobs that share one upcall; dropped by an attached thread.
pub(crate) struct Family {
    upcall: Arc<Upcall>,
    request: Request,
    generation: u32,
}

/// The engine's half: asks for the call, from any thread, without the interpreter.
#[derive(Clone)]
pub(crate) struct Request {
    jobs: Arc<Mutex<Vec<Weak<dyn AsHeader>>>>,
    dispatcher: &'static Dispatcher,
    key: SlotKey,
}

impl Family {
    /// A family without Jobs; `call` must return soon and may be called from any attached thread.
    pub(crate) fn new(
        py: Python<'_>,
        call: impl Fn(Python<'_>) -> PyResult<()> + Send + Sync + 'static,
    ) -> PyResult<Self> {
        let upcall = Arc::new(Upcall { call: Box::new(call), state: AtomicU8::new(IDLE) });
        let dispatcher = dispatcher(py)?;
        let key = dispatcher.keep(Errand::Upcall(upcall.clone()));
        let request = Request { jobs: Arc::default(), dispatcher, key };
        Ok(Self { upcall, request, generation: generation::current() })
    }

    /// What the engine calls to be heard.
    pub(crate) fn request(&self) -> Request {
        self.request.clone()
    }

    /// What a Job of this family runs when its waiter is asked.
    pub(crate) fn upcall(&self) -> Arc<Upcall> {
        self.upcall.clone()
    }

    /// Lets this Job's waiters run the call.
    pub(crate) fn add(&self, job: Weak<dyn AsHeader>) {
        if generation::is_inherited(self.generation) {
            // A lock of the parent's threads: its family is made anew by whoever owns it.
            return;
        }
        let mut jobs = self.request.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.len() == jobs.capacity() {
            // Now and then, so that many Jobs cost no more each than few.
            jobs.retain(|known| known.strong_count() > 0);
        }
        jobs.push(job);
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if !generation::is_inherited(self.generation) {
            drop(self.request.dispatcher.forget(self.request.key));
        }
    }
}

impl Request {
    /// Asks for the call; many requests before it runs may be answered by one call.
    pub(crate) fn send(&self) {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = jobs.iter().filter_map(Weak::upgrade).any(|job| job.header().upcall());
        drop(jobs);
        if !heard {
            self.dispatcher.inbox().push(Notice::Upcall(self.key));
        }
    }
}
