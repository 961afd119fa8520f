//! `simul.sync`: locks, semaphores, events and queues.
//!
//! # Layout
//! - [`operation`]: a call that may have to wait, as a coroutine object.
//! - [`ready`]: what there is to await where nothing is waited for.
//! - [`party`]: who holds and who waits, for those who would wait for ever.
//! - [`flight`]: the books of `SmartLock`.
//! - [`mod@lock`]: `Lock`, one holder at a time.
//! - [`queue`]: `Queue`, `LifoQueue`, `PriorityQueue`.

pub(crate) mod flight;
pub(crate) mod lock;
pub(crate) mod operation;
pub(crate) mod party;
pub(crate) mod queue;
pub(crate) mod ready;

use pyo3::prelude::*;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<operation::Operation>()?;
    module.add_class::<flight::Flight>()?;
    module.add_class::<flight::Lead>()?;
    module.add_class::<lock::Lock>()?;
    module.add_class::<queue::class::Queue>()?;
    module.add_class::<queue::class::LifoQueue>()?;
    module.add_class::<queue::class::PriorityQueue>()
}
