//! `get()`, `put()` and `join()` as coroutine objects.

use super::class::Queue;
use super::items::{Item, Kept};
use crate::bind::errors;
use crate::bind::sync::operation::{Asker, Begun, Call};
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use simul_core::{Error, Kind};
use simul_sync::queue::{Finished, Items, Refused, Room};
use simul_sync::{Entered, Wait};

/// The exception for what a queue refuses; `not_now` is the class for one that is empty, or full.
pub(super) fn refused(py: Python<'_>, why: Refused<PyErr>, not_now: &'static str) -> PyErr {
    let made = match why {
        Refused::NotNow if not_now == "QueueEmpty" => errors::raise(py, not_now, "the queue is empty"),
        Refused::NotNow => errors::raise(py, not_now, "the queue is full"),
        Refused::ShutDown => errors::raise(py, "QueueShutDown", "the queue has been shut down"),
        Refused::Order(error) => Ok(error),
    };
    made.unwrap_or_else(|failed| failed)
}

/// What a waiter was failed with.
fn failed(py: Python<'_>, error: &Error) -> PyErr {
    match error.kind() {
        Kind::Closed => refused(py, Refused::ShutDown, "QueueShutDown"),
        _ => errors::to_pyerr(py, error),
    }
}

fn ended() -> PyErr {
    PyRuntimeError::new_err("this call has ended")
}

pub(super) struct Get {
    queue: Py<Queue>,
    wait: Option<Wait<Items<Item, Kept>>>,
}

impl Get {
    pub(super) fn new(queue: Py<Queue>) -> Self {
        Self { queue, wait: None }
    }
}

impl Call for Get {
    fn name(&self) -> &'static str {
        "Queue.get"
    }

    fn begin(&mut self, py: Python<'_>, _asker: Asker) -> PyResult<Begun> {
        let queue = self.queue.get().inner();
        match queue.enter_get().map_err(|why| refused(py, why, "QueueEmpty"))? {
            Entered::Now(parcel) => queue.open(parcel).map(|item| Begun::Now(item.0)).ok_or_else(ended),
            Entered::Later(wait) => {
                let header = wait.as_header();
                self.wait = Some(wait);
                Ok(Begun::Later(header))
            }
        }
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let mut wait = self.wait.take().ok_or_else(ended)?;
        let parcel = wait.take().map_err(|error| failed(py, &error))?;
        self.queue.get().inner().open(parcel).map(|item| item.0).ok_or_else(ended)
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.queue)
    }
}

pub(super) struct Put {
    queue: Py<Queue>,
    /// None once it is in.
    item: Option<Item>,
    wait: Option<Wait<Room<Item, Kept>>>,
}

impl Put {
    pub(super) fn new(queue: Py<Queue>, item: Py<PyAny>) -> Self {
        Self { queue, item: Some(Item(item)), wait: None }
    }
}

impl Call for Put {
    fn name(&self) -> &'static str {
        "Queue.put"
    }

    fn begin(&mut self, py: Python<'_>, _asker: Asker) -> PyResult<Begun> {
        let queue = self.queue.get().inner();
        match queue.enter_put(&mut self.item).map_err(|why| refused(py, why, "QueueFull"))? {
            Entered::Now(()) => Ok(Begun::Now(py.None())),
            Entered::Later(wait) => {
                let header = wait.as_header();
                self.wait = Some(wait);
                Ok(Begun::Later(header))
            }
        }
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let mut wait = self.wait.take().ok_or_else(ended)?;
        wait.take().map_err(|error| failed(py, &error))?;
        let item = self.item.take().ok_or_else(ended)?;
        match self.queue.get().inner().fill(item) {
            Ok(()) => Ok(py.None()),
            Err(rejected) => Err(refused(py, rejected.why, "QueueFull")),
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.queue)?;
        self.item.as_ref().map_or(Ok(()), |item| visit.call(&item.0))
    }
}

pub(super) struct Join {
    queue: Py<Queue>,
    wait: Option<Wait<Finished<Item, Kept>>>,
}

impl Join {
    pub(super) fn new(queue: Py<Queue>) -> Self {
        Self { queue, wait: None }
    }
}

impl Call for Join {
    fn name(&self) -> &'static str {
        "Queue.join"
    }

    fn begin(&mut self, py: Python<'_>, _asker: Asker) -> PyResult<Begun> {
        match self.queue.get().inner().enter_join() {
            Entered::Now(()) => Ok(Begun::Now(py.None())),
            Entered::Later(wait) => {
                let header = wait.as_header();
                self.wait = Some(wait);
                Ok(Begun::Later(header))
            }
        }
    }

    fn take(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let mut wait = self.wait.take().ok_or_else(ended)?;
        wait.take().map_err(|error| failed(py, &error))?;
        Ok(py.None())
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.queue)
    }
}
