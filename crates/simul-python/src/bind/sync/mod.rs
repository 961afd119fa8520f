//! `simul.sync`: locks, semaphores, events and queues.
//!
//! # Layout
//! - [`operation`]: a call that may have to wait, as a coroutine object; [`plain`]: such a call where all are alike.
//! - [`ready`]: what there is to await where nothing is waited for.
//! - [`held`]: `with` and `async with`, for all that is acquired and released.
//! - [`party`]: who holds and who waits, for those who would wait for ever; [`exclusive`]: the call that asks it.
//! - [`flight`]: the books of `SmartLock`; [`run_once`]: what its calls return.
//! - [`mod@lock`], [`rlock`], [`semaphore`], [`limiter`], [`event`], [`condition`], [`barrier`]: the primitives.
//! - [`queue`]: `Queue`, `LifoQueue`, `PriorityQueue`.

pub(crate) mod barrier;
pub(crate) mod condition;
pub(crate) mod event;
pub(crate) mod exclusive;
pub(crate) mod flight;
pub(crate) mod held;
pub(crate) mod limiter;
pub(crate) mod lock;
pub(crate) mod operation;
pub(crate) mod party;
pub(crate) mod plain;
pub(crate) mod queue;
pub(crate) mod ready;
pub(crate) mod rlock;
pub(crate) mod run_once;
pub(crate) mod semaphore;

use pyo3::prelude::*;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<operation::Operation>()?;
    module.add_class::<flight::Flight>()?;
    module.add_class::<flight::Lead>()?;
    module.add_class::<flight::Vacant>()?;
    module.add_class::<run_once::Flown>()?;
    module.add_class::<held::Held>()?;
    module.add_class::<lock::Lock>()?;
    module.add_class::<queue::class::Queue>()?;
    module.add_class::<queue::class::LifoQueue>()?;
    module.add_class::<queue::class::PriorityQueue>()?;
    module.add_class::<rlock::RLock>()?;
    module.add_class::<semaphore::Semaphore>()?;
    module.add_class::<semaphore::BoundedSemaphore>()?;
    module.add_class::<limiter::CapacityLimiter>()?;
    module.add_class::<event::Event>()?;
    module.add_class::<barrier::Barrier>()?;
    module.add_class::<condition::Condition>()
}
