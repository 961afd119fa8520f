//! What `Lock` and `RLock` share: the call that waits for one holder, and the look around before it waits.

use super::operation::{Asker, Begun, Call, Operation};
use super::party::{Parties, Party, refuse_deadlock};
use crate::bind::errors;
use pyo3::exceptions::{PyRuntimeError, PyWarning};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use simul_sync::wait::Source;
use simul_sync::{Entered, Wait};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something that one holds at a time.
pub(crate) trait Exclusive: Send + Sync + 'static {
    type Source: Source<Grant = ()> + 'static;
    /// As users know the call.
    const ACQUIRE: &'static str;

    /// Takes it, or a place in the line. `depth`: how often, where that is counted.
    fn enter(&self, party: &Party, depth: usize) -> Entered<Self::Source>;

    /// Touched by attached threads only, never across a call into Python.
    fn parties(&self) -> &Mutex<Parties>;

    fn known(&self) -> MutexGuard<'_, Parties> {
        let mut known = self.parties().lock().unwrap_or_else(PoisonError::into_inner);
        known.forget_inherited();
        known
    }
}

/// What `acquire` answers with, and what a `with` is given.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    True,
    None,
}

/// One call that waits for it.
pub(crate) struct Acquire<E: Exclusive> {
    of: Arc<E>,
    answer: Answer,
    depth: usize,
    wait: Option<Wait<E::Source>>,
    /// Among those who wait; 0 while it is not.
    number: u64,
}

impl<E: Exclusive> Acquire<E> {
    pub(crate) fn call(of: Arc<E>, answer: Answer, depth: usize) -> Operation {
        Operation::new(Box::new(Self { of, answer, depth, wait: None, number: 0 }))
    }

    fn held(&self, py: Python<'_>, party: Party) -> PyResult<Py<PyAny>> {
        self.of.known().hold_alone(party);
        Ok(match self.answer {
            Answer::True => true.into_pyobject(py)?.to_owned().into_any().unbind(),
            Answer::None => py.None(),
        })
    }
}

/// Blocks until it is held, whatever interrupts.
///
/// # Returns
/// The last of what would have interrupted. Returned, since whoever caught it could not know whether it is held.
///
/// # Errors
/// What makes it impossible: simul's own errors, and a warning that was made one.
pub(crate) fn have_again<E: Exclusive>(of: &Arc<E>, py: Python<'_>, depth: usize) -> PyResult<Option<PyErr>> {
    let ours = errors::class(py, "SimulError")?;
    let mut interrupted = None;
    loop {
        let call = Bound::new(py, Acquire::call(of.clone(), Answer::True, depth))?;
        match Operation::wait(&call, None) {
            Ok(_) => return Ok(interrupted),
            // Refused, and it would be again: only what comes from outside (Ctrl-C, a signal's handler) passes.
            Err(error) if error.is_instance(py, &ours) || error.is_instance_of::<PyWarning>(py) => return Err(error),
            Err(error) => interrupted = Some(error),
        }
    }
}

impl<E: Exclusive> Call for Acquire<E> {
    fn name(&self) -> &'static str {
        E::ACQUIRE
    }

    fn begin(&mut self, py: Python<'_>, asker: Asker) -> PyResult<Begun> {
        let party = Party::here(py)?;
        let wait = match self.of.enter(&party, self.depth) {
            Entered::Now(()) => return self.held(py, party).map(Begun::Now),
            Entered::Later(wait) => wait,
        };
        // Asked in the line already, so that whoever was ahead is seen; leaving it is dropping the place.
        refuse_deadlock(py, || self.of.known(), E::ACQUIRE, asker)?;
        let header = wait.as_header();
        self.number = self.of.known().wait(party, header.clone());
        self.wait = Some(wait);
        Ok(Begun::Later(header))
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let party = self.of.known().leave(self.number);
        let Some(mut wait) = self.wait.take() else { return Err(PyRuntimeError::new_err("this call has ended")) };
        wait.take().map_err(|error| errors::to_pyerr(py, &error))?;
        match party {
            Some(party) => self.held(py, party),
            None => self.held(py, Party::here(py)?),
        }
    }

    fn traverse(&self, _visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The parties belong to the lock, which shows them; shown twice, they would look like garbage.
        Ok(())
    }
}

impl<E: Exclusive> Drop for Acquire<E> {
    fn drop(&mut self) {
        if self.wait.is_some() {
            // Out of the line first: a party that cannot be granted anything is no reason to refuse others.
            self.wait = None;
            let left = self.of.known().leave(self.number);
            drop(left);
        }
    }
}
