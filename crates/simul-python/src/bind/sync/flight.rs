//! What `simul.SmartLock` keeps its books with: who leads, who waits, and whether anybody still does. What touches
//! coroutines is in `simul/sync/smart_lock.py`.

use super::operation::{Asker, Begun, Call, Operation};
use crate::bind::errors;
use crate::delivery::target::Target;
use crate::delivery::{blocking, nesting, own_turn, running};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use simul_sync::Wait;
use simul_sync::flight::{self, Joined, Term, Told};
use simul_wake::AsHeader;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// An object that is given to all who wait. Attached threads alone touch it, the last one drops it.
type Outcome = Arc<Py<PyAny>>;

const NAME: &str = "SmartLock.run_once";

/// How often one who waits on another thread looks whether the loop that carries the work still turns.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Which loop carries the work.
struct Carried {
    term: Term,
    event_loop: Py<PyAny>,
    /// The thread that turned it when the work began.
    thread: u64,
    /// It is turned to the end of the work whatever happens: a loop of simul's own.
    is_sure: bool,
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

    /// This lead's work is carried no more.
    fn ended(&self, term: Term) {
        let before = self.carried().take_if(|carried| carried.term == term);
        drop(before);
    }

    /// Refuses a wait for work whose loop stands still until this very thread goes on.
    fn refuse_nested(&self, py: Python<'_>, asker: Asker) -> PyResult<()> {
        let Some(needs) = self.carried().as_ref().map(|carried| carried.event_loop.clone_ref(py)) else {
            return Ok(());
        };
        let running = match asker {
            Asker::Task => None,
            Asker::Thread => running::event_loop(py)?,
        };
        nesting::refuse(py, "SmartLock.run_once()", needs.bind(py), running.as_ref())
    }

    /// The call that is told the outcome, and the lead for who has it.
    fn seated(slf: &Bound<'_, Self>, (lead, wait): Joined<(), Outcome>) -> (Operation, Option<Lead>) {
        let seat = Operation::new(Box::new(Seat { flight: slf.clone().unbind(), wait: Some(wait) }));
        let lead = lead.map(|lead| Lead {
            flight: slf.clone().unbind(),
            term: lead.term(),
            inner: Arc::new(Mutex::new(Some(lead))),
        });
        (seat, lead)
    }
}

#[pymethods]
impl Flight {
    #[new]
    fn new() -> Self {
        Self { inner: simul_sync::Flight::new(), carried: Mutex::new(None) }
    }

    /// Wait from now on: the call that is told the outcome, and the lead for who has it.
    ///
    /// The call returns ``(outcome, shared)``, or a ``Vacant`` where whoever carried the work has gone.
    fn join(slf: &Bound<'_, Self>) -> (Operation, Option<Lead>) {
        Self::seated(slf, slf.get().inner.join(()))
    }

    /// Block until the call of ``join`` has ended, and call ``look()`` now and then.
    ///
    /// Raises:
    ///     simul.TimeoutError: It did not end in time, and was given up.
    #[pyo3(signature = (seat, timeout, look))]
    fn wait(
        &self,
        seat: &Bound<'_, Operation>,
        timeout: Option<&Bound<'_, PyAny>>,
        look: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let py = seat.py();
        let operation = seat.get();
        let deadline = blocking::timeout(timeout)?.and_then(|timeout| Instant::now().checked_add(timeout));
        if let Some(value) = operation.begin(py, Asker::Thread)? {
            return Ok(value);
        }
        let target = Target::Operation(seat.clone().unbind());
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let slice = left.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY));
            let waited = match blocking::wait(py, &target, Some(slice)) {
                Ok(()) => return operation.outcome(py),
                Err(error) => {
                    let expired = error.get_type(py).is(&errors::class(py, "TimeoutError")?);
                    // A handler of a signal may raise anything.
                    match expired && left.is_none_or(|left| left > slice) {
                        true => look.call0().map(drop),
                        false => Err(error),
                    }
                }
            };
            if let Err(error) = waited {
                operation.abandon();
                return Err(error);
            }
        }
    }

    /// The loop that carries the work, and the thread that it was on; None where there is none, where it is sure to
    /// turn, or where it stands still below this very call: then the wait itself is refused.
    fn carrier(&self, py: Python<'_>) -> Option<(Py<PyAny>, u64)> {
        let (event_loop, thread) = match self.carried().as_ref().filter(|carried| !carried.is_sure) {
            Some(carried) => (carried.event_loop.clone_ref(py), carried.thread),
            None => return None,
        };
        (!nesting::is_blocked(event_loop.bind(py))).then_some((event_loop, thread))
    }

    /// Take the work from a loop that does not turn: who waits is told so, and the first to ask leads.
    fn relieve(&self, py: Python<'_>, event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
        let term = match self.carried().as_ref() {
            Some(carried) if carried.event_loop.is(event_loop) => carried.term,
            _ => return Ok(false),
        };
        self.ended(term);
        own_turn::within(py, || self.inner.vacate((), term))
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
            Told::Landed(landing) => {
                Ok((landing.value.clone_ref(py), landing.shared).into_pyobject(py)?.into_any().unbind())
            }
            Told::Vacant(vacant) => {
                let inner = Mutex::new(Some(vacant));
                Ok(Py::new(py, Vacant { flight: self.flight.clone_ref(py), inner })?.into_any())
            }
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

/// A place in a flight whose carrier has gone. Dropped, it leaves the flight.
#[pyclass(frozen, module = "simul._simul", name = "Vacant")]
pub(crate) struct Vacant {
    flight: Py<Flight>,
    inner: Mutex<Option<flight::Vacant<(), Outcome>>>,
}

#[pymethods]
impl Vacant {
    /// Go on waiting, and take the lead if nobody has it: as ``Flight.join``.
    fn claim(&self, py: Python<'_>) -> PyResult<(Operation, Option<Lead>)> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        match inner {
            Some(inner) => Ok(Flight::seated(self.flight.bind(py), inner.claim())),
            None => Err(PyRuntimeError::new_err("this place has been claimed")),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.flight)
    }
}

/// The duty to have the work done. Dropped without an outcome, it leaves the flight vacant.
#[pyclass(frozen, module = "simul._simul", name = "Lead")]
pub(crate) struct Lead {
    flight: Py<Flight>,
    inner: Held,
    term: Term,
}

#[pymethods]
impl Lead {
    /// Say which loop carries the work from now on, and whether it is sure to turn until the work's end.
    #[pyo3(signature = (event_loop, *, sure))]
    fn carried_by(&self, event_loop: Py<PyAny>, sure: bool) {
        let carried = Carried { term: self.term, event_loop, thread: running::thread_ident(), is_sure: sure };
        let before = self.flight.get().carried().replace(carried);
        drop(before);
    }

    /// A call that ends when the lead is unwanted. Given up by its loop's close, it gives the lead up, and the seat of
    /// those who wait on that loop.
    fn watch(&self, seat: Option<Py<Operation>>) -> PyResult<Operation> {
        let held = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lead) = &*held else { return Err(PyRuntimeError::new_err("this lead has been given up")) };
        let header = lead.as_header();
        drop(held);
        Ok(Operation::new(Box::new(Watch { inner: self.inner.clone(), header, seat })))
    }

    /// Give all who wait the outcome.
    ///
    /// Returns:
    ///     How many waited.
    fn land(&self, py: Python<'_>, outcome: Py<PyAny>) -> PyResult<usize> {
        self.flight.get().ended(self.term);
        let Some(lead) = take(&self.inner) else { return Ok(0) };
        // Held until the end: its destructor may run Python code.
        let outcome = Arc::new(outcome);
        own_turn::within(py, || lead.land(outcome.clone()))
    }

    /// Give the lead up: one of those who wait takes it.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        self.flight.get().ended(self.term);
        let lead = take(&self.inner);
        own_turn::within(py, || drop(lead))
    }

    /// Whether nobody waits any more, or another leads.
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
    seat: Option<Py<Operation>>,
}

impl Call for Watch {
    fn name(&self) -> &'static str {
        "SmartLock.work"
    }

    fn begin(&mut self, _py: Python<'_>, _asker: Asker) -> PyResult<Begun> {
        Ok(Begun::Later(self.header.clone()))
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        // Heard: what becomes of the seat is for those who sit there to say.
        self.seat = None;
        Ok(py.None())
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.seat)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Held still only where the loop was closed: else it was landed or given up before.
        let Some(lead) = take(&self.inner) else { return };
        // First, so that they are not the ones to whom the lead goes.
        if let Some(seat) = &self.seat {
            seat.get().abandon();
        }
        drop(lead);
    }
}
