//! A Job whose outcome Python code gives: a thread of `to_thread`, a task of a flight.

use super::errors;
use super::job::Job;
use crate::delivery::upcall::{Family, Request};
use pyo3::exceptions::{PyBaseException, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use simul_wake::{Core, Header};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Wake, Waker};

type Outcome = Result<Py<PyAny>, Py<PyBaseException>>;

/// The half that settles; the Job is the half that waits.
#[pyclass(frozen, weakref, module = "simul._simul", name = "_Promise")]
pub(crate) struct Promise {
    /// Left alone, never dropped, in a forked child.
    core: ManuallyDrop<Arc<Core<Outcome>>>,
    /// Weak, so that the last reference elsewhere is the last.
    job: OnceLock<Py<PyWeakrefReference>>,
    name: &'static str,
    needs: Mutex<Option<Py<PyAny>>>,
    /// Held for as long as the dispatcher may be asked for it.
    _on_cancel: Option<Family>,
}

/// Wakes as the driver of the work: the work was cancelled.
struct Cancelled {
    core: Weak<Core<Outcome>>,
    request: Request,
    told: AtomicBool,
}

impl Wake for Cancelled {
    fn wake(self: Arc<Self>) {
        if !self.told.swap(true, Ordering::AcqRel) {
            self.request.send();
        }
        // Python code needs a while to come to its end; whoever waits for it need not.
        if let Some(core) = self.core.upgrade() {
            core.header().dropped();
        }
    }
}

/// The names of promises are few and live for ever, as `&'static str` of Rust's Jobs do.
fn interned(name: String) -> &'static str {
    static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.iter().find(|known| **known == name) {
        return known;
    }
    if names.len() >= 256 {
        return "call";
    }
    let name: &'static str = Box::leak(name.into_boxed_str());
    names.push(name);
    name
}

impl Promise {
    fn header(&self) -> &Header {
        self.core.header()
    }

    fn settle(&self, outcome: Outcome) -> bool {
        !self.header().is_inherited() && self.core.settle(Ok(outcome))
    }
}

#[pymethods]
impl Promise {
    /// A pending Job's other half.
    #[new]
    #[pyo3(signature = (name, needs=None, on_cancel=None))]
    fn new(py: Python<'_>, name: String, needs: Option<Py<PyAny>>, on_cancel: Option<Py<PyAny>>) -> PyResult<Self> {
        simul_wake::generation::watch_forks();
        let core: Arc<Core<Outcome>> = Arc::new(Core::default());
        let on_cancel = match on_cancel {
            None => None,
            Some(function) => {
                let family = Family::new(py, move |py| function.call0(py).map(drop))?;
                let told = AtomicBool::new(false);
                let driver = Cancelled { core: Arc::downgrade(&core), request: family.request(), told };
                core.header().driven_by(&Waker::from(Arc::new(driver)));
                Some(family)
            }
        };
        Ok(Self {
            core: ManuallyDrop::new(core),
            job: OnceLock::new(),
            name: interned(name),
            needs: Mutex::new(needs),
            _on_cancel: on_cancel,
        })
    }

    /// The Job, while somebody holds it. The first to ask must: a Job that nobody holds drops its work.
    #[getter]
    fn job<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some(known) = self.job.get() {
            return Ok(known.bind(py).upgrade());
        }
        let needs = self.needs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let convert = |py: Python<'_>, outcome: Outcome| {
            outcome.map_err(|raised| PyErr::from_value(raised.into_bound(py).into_any()))
        };
        let job = Job::of_core(py, (*self.core).clone(), self.name, convert).needing(needs);
        let job = Bound::new(py, job)?;
        // Nobody else made one meanwhile: nothing above lets another thread run between the question and this answer
        // without being handed the same core, and a second Job of one core is a second holder, no error.
        let _ = self.job.set(PyWeakrefReference::new(&job)?.unbind());
        Ok(Some(job.into_any()))
    }

    /// Ends the Job with a result; False if it had ended or was cancelled.
    fn set_result(&self, py: Python<'_>, value: Py<PyAny>) -> bool {
        let _ = py;
        self.settle(Ok(value))
    }

    /// Ends the Job with an exception, which is raised as this very object.
    fn set_exception(&self, exception: &Bound<'_, PyAny>) -> PyResult<bool> {
        let exception = exception
            .cast::<PyBaseException>()
            .map_err(|_| PyTypeError::new_err("set_exception() takes an exception object"))?;
        Ok(self.settle(Err(exception.clone().unbind())))
    }

    /// Whether nobody waits for the outcome any more, or somebody cancelled.
    fn cancelled(&self) -> bool {
        self.header().is_inherited() || self.header().is_cancelled()
    }

    /// Whether it has ended, one way or another.
    fn done(&self) -> bool {
        self.header().is_inherited() || self.header().is_done()
    }

    fn __repr__(&self) -> String {
        format!("<promise of {}>", self.name)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(needs) = self.needs.try_lock() {
            visit.call(&*needs)?;
        }
        Ok(())
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if self.header().is_inherited() {
            return;
        }
        if !self.header().is_done() {
            // Whoever waits must not wait for ever.
            Python::try_attach(|py| {
                let message = format!("{} ended without an outcome: the code that was to give it is gone", self.name);
                if let Ok(error) = errors::raise(py, "InternalError", &message) {
                    self.settle(Err(error.into_value(py)));
                }
            });
        }
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.core) };
    }
}
