//! Progress, read through an iterator or told to `on_event`.

use super::manager::RepoManager;
use super::outcome;
use crate::bind::job::Job;
use crate::delivery::upcall::Family;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use simul_engine::timer::{SystemTimer, Timer};
use simul_wake::generation;
use std::sync::Arc;
use std::time::Duration;

/// `on_event` is told at most so often: events of one repository that came in between are one event.
const PACE: Duration = Duration::from_millis(100);

/// A subscription; `simul.git.Events` iterates over it.
#[pyclass(frozen, module = "simul._simul")]
pub(super) struct Events(Arc<simul_git::events::Events>);

impl Events {
    pub(super) fn new(events: simul_git::events::Events) -> Self {
        Self(Arc::new(events))
    }
}

#[pymethods]
impl Events {
    /// The next event, if there is one now.
    fn try_next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.try_next().map(|event| outcome::event(py, event)).transpose()
    }

    /// Resolves to True when there is an event, to False when none will come. It takes no event, so that none is lost with
    /// a Job that is dropped.
    fn ready(&self, py: Python<'_>) -> PyResult<Job> {
        let events = self.0.clone();
        Job::start(
            py,
            || simul_engine::spawn("events.ready", async move { Ok(events.ready().await) }),
            |py, is_ready| Ok(is_ready.into_pyobject(py)?.to_owned().into_any().unbind()),
        )
    }
}

/// Tells `on_event` what happens, on the thread of somebody who waits for the manager.
pub(super) struct Relay {
    family: Family,
    /// Asks for the call whenever there is something to tell; ends with the relay.
    asking: simul_engine::Job<()>,
    generation: u32,
}

impl Relay {
    /// `events` lasts as long as the manager.
    pub(super) fn start(manager: &Bound<'_, RepoManager>, events: simul_git::events::Events) -> PyResult<Self> {
        let py = manager.py();
        let events = Arc::new(events);
        // Weak, because the call is reachable from a thread of ours: a callback that knows its manager would keep both.
        // Pending Jobs keep the manager.
        let (told, manager) = (events.clone(), PyWeakrefReference::new(manager)?.unbind());
        let family = Family::new(py, move |py| tell(py, manager.bind(py), &told))?;
        let request = family.request();
        let asking = simul_engine::spawn("events.relay", async move {
            while events.ready().await {
                // A waiter that was asked may leave before it is heard: asked again, another one is found.
                request.send();
                SystemTimer.sleep(PACE).await;
            }
            Ok(())
        });
        Ok(Self { family, asking, generation: generation::current() })
    }

    /// Whether it still asks: neither inherited by a fork, nor ended with the engine.
    pub(super) fn is_alive(&self) -> bool {
        !generation::is_inherited(self.generation) && !self.asking.done()
    }

    /// The Jobs whose waiters tell `on_event`.
    pub(super) fn family(&self) -> &Family {
        &self.family
    }

    /// Tells what has not been told yet, before a result is given out.
    pub(super) fn flush(&self, py: Python<'_>) -> PyResult<()> {
        self.family.upcall().run(py)
    }
}

fn tell(py: Python<'_>, manager: &Bound<'_, PyWeakrefReference>, events: &simul_git::events::Events) -> PyResult<()> {
    let Some(manager) = manager.upgrade_as::<RepoManager>()? else { return Ok(()) };
    let Some(on_event) = manager.get().on_event() else { return Ok(()) };
    let on_event = on_event.bind(py);
    while let Some(event) = events.try_next() {
        match on_event.call1((outcome::event(py, event)?,)) {
            Ok(_) => {}
            // A faulty callback breaks no transfer; Ctrl-C and exits are no faults.
            Err(error) if error.is_instance_of::<PyException>(py) => error.write_unraisable(py, Some(on_event)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
