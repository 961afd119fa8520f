//! What `simul.SmartLock` keeps its books with: who leads, who waits, and whether anybody still does. What touches
//! coroutines is in `simul/sync/smart_lock.py`.

use super::operation::{Asker, Begun, Call, Operation};
use crate::bind::errors;
use crate::delivery::{nesting, own_turn, running};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use simul_sync::Wait;
use simul_sync::flight;
use simul_wake::AsHeader;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An object that is given to all who wait. Attached threads alone touch it, the last one drops it.
type Outcome = Arc<Py<PyAny>>;

const NAME: &str = "SmartLock.run_once";

/// Which work is under way, and on which loop.
struct Carried {
    number: u64,
    /// None until somebody carries it.
    event_loop: Option<Py<PyAny>>,
}

/// The books of one flight.
#[pyclass(frozen, weakref, module = "simul._simul", name = "Flight")]
pub(crate) struct Flight {
    inner: simul_sync::Flight<(), Outcome>,
    /// Touched by attached threads only, never across a call into Python.
    carried: Mutex<Option<Carried>>,
}

impl Flight {
    fn carried(&self) -> MutexGuard<'_, Option<Carried>> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing of this number is carried any more.
    fn ended(&self, number: u64) {
        let before = self.carried().take_if(|carried| carried.number == number);
        drop(before);
    }

    /// Refuses a wait for work whose loop stands still until this very thread goes on.
    fn refuse_nested(&self, py: Python<'_>, asker: Asker) -> PyResult<()> {
        let needs = match &*self.carried() {
            Some(Carried { event_loop: Some(event_loop), .. }) => event_loop.clone_ref(py),
            _ => return Ok(()),
        };
        let running = match asker {
            Asker::Task => None,
            Asker::Thread => running::event_loop(py)?,
        };
        nesting::refuse(py, "SmartLock.run_once()", needs.bind(py), running.as_ref())
    }
}

#[pymethods]
impl Flight {
    #[new]
    fn new() -> Self {
        Self { inner: simul_sync::Flight::new(), carried: Mutex::new(None) }
    }

    /// Wait from now on: the call that is told the outcome, and the lead for who is first.
    ///
    /// The call returns ``(outcome, shared)``, or None where whoever carried the work has gone: ask again.
    fn join(slf: &Bound<'_, Self>) -> (Operation, Option<Lead>) {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let this = slf.get();
        let (lead, wait) = this.inner.join(());
        let seat = Operation::new(Box::new(Seat { flight: slf.clone().unbind(), wait: Some(wait) }));
        let lead = lead.map(|lead| {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let before = this.carried().replace(Carried { number, event_loop: None });
            drop(before);
            let inner = Arc::new(Mutex::new(Some(lead)));
            Lead { flight: slf.clone().unbind(), inner, number }
        });
        (seat, lead)
    }

    /// How many wait.
    fn waiting(&self) -> usize {
        self.inner.waiting(&())
    }

    /// Give the work up, if there is any: who waits gets CancelledError, and who asks next leads anew.
    fn reset(&self, py: Python<'_>) -> PyResult<bool> {
        let before = self.carried().take();
        drop(before);
        own_turn::within(py, || self.inner.reset(&()))
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a flight cannot be pickled or copied"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.carried.try_lock().as_deref() {
            Ok(Some(carried)) => visit.call(&carried.event_loop),
            _ => Ok(()),
        }
    }
}

/// One who waits.
struct Seat {
    flight: Py<Flight>,
    wait: Option<Wait<flight::Place<(), Outcome>>>,
}

impl Call for Seat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn begin(&mut self, py: Python<'_>, asker: Asker) -> PyResult<Begun> {
        let Some(wait) = &self.wait else { return Err(PyRuntimeError::new_err("this call has ended")) };
        let header = wait.as_header();
        if !header.header().is_inherited() && !header.header().is_done() {
            self.flight.get().refuse_nested(py, asker)?;
        }
        Ok(Begun::Later(header))
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let Some(mut wait) = self.wait.take() else { return Err(PyRuntimeError::new_err("this call has ended")) };
        match wait.take().map_err(|error| errors::to_pyerr(py, &error))? {
            Some(landing) => Ok((landing.value.clone_ref(py), landing.shared).into_pyobject(py)?.into_any().unbind()),
            None => Ok(py.None()),
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.flight)
    }
}

type Held = Arc<Mutex<Option<flight::Lead<(), Outcome>>>>;

fn take(held: &Held) -> Option<flight::Lead<(), Outcome>> {
    held.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The duty to have the work done. Dropped without an outcome, it lets those who wait ask again.
#[pyclass(frozen, module = "simul._simul", name = "Lead")]
pub(crate) struct Lead {
    flight: Py<Flight>,
    inner: Held,
    number: u64,
}

#[pymethods]
impl Lead {
    /// Say which loop carries the work: a wait that would hold it up is refused from now on.
    fn carried_by(&self, event_loop: Py<PyAny>) {
        let mut carried = self.flight.get().carried();
        let before = match &mut *carried {
            Some(carried) if carried.number == self.number => carried.event_loop.replace(event_loop),
            _ => Some(event_loop),
        };
        drop(carried);
        drop(before);
    }

    /// A call that ends when nobody waits any more. Given up by its loop's close, it gives the lead up.
    fn watch(&self) -> PyResult<Operation> {
        let held = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lead) = &*held else { return Err(PyRuntimeError::new_err("this lead has been given up")) };
        let header = lead.as_header();
        drop(held);
        Ok(Operation::new(Box::new(Watch { inner: self.inner.clone(), header })))
    }

    /// Give all who wait the outcome.
    ///
    /// Returns:
    ///     How many waited.
    fn land(&self, py: Python<'_>, outcome: Py<PyAny>) -> PyResult<usize> {
        self.flight.get().ended(self.number);
        let Some(lead) = take(&self.inner) else { return Ok(0) };
        // Held until the end: its destructor may run Python code.
        let outcome = Arc::new(outcome);
        own_turn::within(py, || lead.land(outcome.clone()))
    }

    /// Give the lead up: all who wait ask again.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        self.flight.get().ended(self.number);
        let lead = take(&self.inner);
        own_turn::within(py, || drop(lead))
    }

    /// Whether nobody waits any more.
    fn unwanted(&self) -> bool {
        let held = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().is_none_or(flight::Lead::is_unwanted)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.flight)
    }
}

/// Sits in the slab of the loop that carries the work.
struct Watch {
    inner: Held,
    header: Arc<dyn AsHeader>,
}

impl Call for Watch {
    fn name(&self) -> &'static str {
        "SmartLock.work"
    }

    fn begin(&mut self, _py: Python<'_>, _asker: Asker) -> PyResult<Begun> {
        Ok(Begun::Later(self.header.clone()))
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(py.None())
    }

    fn traverse(&self, _visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(take(&self.inner));
    }
}
