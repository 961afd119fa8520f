//! The half of asyncio's future that a task asks for: whose loop it is, whether it is being waited for, and whom to wake.
//!
//! What an `await` yields has this, and its class hands the calls of the task on to it. What ends the wait is its own.

use super::call;
use pyo3::PyClass;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// A function of the task, and the context in which it is to run.
type Callback = (Py<PyAny>, Option<Py<PyAny>>);

/// Never looked at across a call into Python: it stands behind a lock.
#[derive(Default)]
pub(crate) struct Wakeups {
    event_loop: Option<Py<PyAny>>,
    callbacks: Vec<Callback>,
    blocking: bool,
}

impl Wakeups {
    /// A task of this loop waits.
    pub(crate) fn begin(&mut self, event_loop: Bound<'_, PyAny>) {
        self.event_loop = Some(event_loop.unbind());
        self.blocking = true;
    }

    pub(crate) fn event_loop(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.event_loop.as_ref().map(|event_loop| event_loop.clone_ref(py))
    }

    /// The task waits once more: a step that yields says so each time.
    pub(crate) fn block(&mut self) {
        self.blocking = true;
    }

    pub(crate) fn add(&mut self, function: Py<PyAny>, context: Option<Py<PyAny>>) {
        self.callbacks.push((function, context));
    }

    /// Nobody is woken any more; to be dropped where no lock is held.
    #[must_use]
    pub(crate) fn take_callbacks(&mut self) -> Vec<Callback> {
        std::mem::take(&mut self.callbacks)
    }

    /// As `take_callbacks`, and the loop is let go of.
    #[must_use]
    pub(crate) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        for (function, context) in &self.callbacks {
            visit.call(function)?;
            visit.call(context)?;
        }
        Ok(())
    }
}

/// A class of what an `await` yields.
pub(crate) trait Awaited: PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync {
    /// Looks at its wake-ups, under its lock.
    fn wakeups<T>(&self, look: impl FnOnce(&mut Wakeups) -> T) -> T;

    fn event_loop(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.wakeups(|wakeups| wakeups.event_loop(py))
    }

    fn blocking(&self) -> bool {
        self.wakeups(|wakeups| wakeups.blocking)
    }

    fn set_blocking(&self, blocking: bool) {
        self.wakeups(|wakeups| wakeups.blocking = blocking);
    }

    /// Takes a callback away, and says how often it was there.
    fn remove(&self, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        // Compared outside of the lock: equality may run Python code.
        let held = self.wakeups(Wakeups::take_callbacks);
        let before = held.len();
        let mut kept = Vec::with_capacity(before);
        for one in held {
            if !one.0.bind(function.py()).eq(function)? {
                kept.push(one);
            }
        }
        let removed = before - kept.len();
        self.wakeups(|wakeups| wakeups.callbacks.extend(kept));
        Ok(removed)
    }

    /// Wakes the task, by `call_soon` only.
    fn tell(slf: &Bound<'_, Self>, call_soon: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        for (function, context) in slf.get().wakeups(Wakeups::take_callbacks) {
            let context = context.as_ref().map(|context| context.bind(py));
            call::call_soon(call_soon, function.bind(py), slf.as_any(), context)?;
        }
        Ok(())
    }

    /// As `tell`, where the loop is not at hand; nobody is woken where it has gone.
    fn tell_its_loop(slf: &Bound<'_, Self>) -> PyResult<()> {
        match slf.get().event_loop(slf.py()) {
            Some(event_loop) => {
                Self::tell(slf, &event_loop.bind(slf.py()).getattr(pyo3::intern!(slf.py(), "call_soon"))?)
            }
            None => Ok(()),
        }
    }
}
