//! What an `await` or a `wait()` waits for: a Job, or a call on a primitive.

use crate::bind::job::Job;
use crate::bind::sync::operation::Operation;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use simul_wake::{Header, Join, Ticket, Waiter};

/// What somebody waits for.
pub(crate) enum Target {
    Job(Py<Job>),
    Operation(Py<Operation>),
}

impl Target {
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Job(job) => Self::Job(job.clone_ref(py)),
            Self::Operation(operation) => Self::Operation(operation.clone_ref(py)),
        }
    }

    /// None for an operation that has not joined its line.
    fn header(&self) -> Option<&Header> {
        match self {
            Self::Job(job) => Some(job.get().header()),
            Self::Operation(operation) => operation.get().header(),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Job(job) => job.get().name(),
            Self::Operation(operation) => operation.get().name(),
        }
    }

    pub(crate) fn touch(&self) {
        if let Self::Job(job) = self {
            job.get().touch();
        }
    }

    pub(crate) fn is_inherited(&self) -> bool {
        self.header().is_some_and(Header::is_inherited)
    }

    pub(crate) fn has_ended(&self) -> bool {
        match self {
            Self::Job(job) => job.get().has_ended(),
            Self::Operation(operation) => operation.get().has_ended(),
        }
    }

    /// Waits from now on.
    pub(crate) fn join(&self, waiter: Waiter) -> Join {
        self.header().map_or(Join::Ended, |header| header.join(waiter, true))
    }

    /// Waits no longer; the work is dropped with the last who waits, if that is wanted.
    pub(crate) fn leave(&self, ticket: Ticket, drop_if_last: bool) {
        if let Some(header) = self.header().filter(|header| !header.is_inherited()) {
            header.leave(ticket, drop_if_last);
        }
    }

    /// The loop of the task that waited has closed: a place in a line, or what was granted to it, goes on to others.
    pub(crate) fn loop_closed(&self) {
        if let Self::Operation(operation) = self {
            operation.get().abandon();
        }
    }

    /// The outcome, after the end.
    pub(crate) fn outcome(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Job(job) => job.get().outcome(py),
            Self::Operation(operation) => operation.get().outcome(py),
        }
    }

    /// Makes the object of an outcome where the batch's cap counts it.
    pub(crate) fn convert(&self, py: Python<'_>) {
        if let Self::Job(job) = self {
            job.get().convert(py);
        }
    }

    pub(crate) fn run_upcall(&self, py: Python<'_>) -> PyResult<()> {
        match self {
            Self::Job(job) => job.get().run_upcall(py),
            Self::Operation(_) => Ok(()),
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Job(job) => visit.call(job),
            Self::Operation(operation) => visit.call(operation),
        }
    }
}
