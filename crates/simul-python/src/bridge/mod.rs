//! Calls between plain code, event loops and threads.
//!
//! # Layout
//! - [`switches`]: asyncio's own functions, looked up once.
//! - [`thread_state`]: what a thread keeps, in the interpreter's own record of it.
//! - [`first_step`]: one call of one coroutine on this thread's loop.
//! - [`inner_task`]: a task whose first step runs inside of its maker's.
//! - [`own_context`]: the context object that means "the caller's".
//! - [`generator_hooks`]: what a running loop has to hear of async generators.
//! - [`turned`]: the call for which a loop is turned, and when that may stop.
//! - [`call_soon`]: how a first step is captured instead of scheduled.
//! - [`close`]: how it is heard that somebody closes such a loop.
//! - [`is_running`]: what such a loop answers in a first step.
//! - [`guard`]: a coroutine on a side loop, kept from waiting for a loop that stands still beneath it.
//! - [`set_wait`]: the same for what `asyncio.wait` waits for.
//! - [`nest`]: a call where a loop is running.
//! - [`mode`]: what `set_sync` and `set_async` have said.
//! - [`smart`]: the wrapper that `smartasync` makes.
//! - [`crossing`]: one call of `to_thread`: what its task awaits and what its worker runs.
//! - [`crossing_left`]: such a call whose await ends first.
//! - [`crossing_state`]: how far such a call has come.
//! - [`passage`]: the same call as its worker sees it.
//! - [`workers`]: the threads that run such calls.
//! - [`context`]: context variables across threads.
//! - [`visit`]: a worker in its task's context, beside others.

pub(crate) mod call_soon;
mod close;
pub(crate) mod context;
pub(crate) mod crossing;
pub(crate) mod crossing_left;
pub(crate) mod crossing_state;
pub(crate) mod first_step;
pub(crate) mod generator_hooks;
pub(crate) mod guard;
pub(crate) mod inner_task;
mod is_running;
pub(crate) mod mode;
pub(crate) mod nest;
pub(crate) mod own_context;
pub(crate) mod passage;
mod set_wait;
pub(crate) mod smart;
pub(crate) mod switches;
pub(crate) mod thread_state;
pub(crate) mod turned;
pub(crate) mod visit;
pub(crate) mod workers;

use pyo3::prelude::*;

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<first_step::ThreadLoop>()?;
    module.add_class::<smart::SmartAsync>()?;
    module.add_class::<smart::SmartMethod>()?;
    module.add_class::<crossing::Crossing>()?;
    module.add_class::<workers::Worker>()?;
    module.add_function(wrap_pyfunction!(first_step::begin_epoch, module)?)?;
    module.add_function(wrap_pyfunction!(workers::worker_statistics, module)?)?;
    module.add_function(wrap_pyfunction!(workers::worker_limits, module)?)?;
    module.add_function(wrap_pyfunction!(visit::work_in_copies, module)?)?;
    module.add_function(wrap_pyfunction!(workers::workers_at_exit, module)?)?;
    module.add_function(wrap_pyfunction!(workers::ensure_exit_hook, module)?)?;
    module.add_function(wrap_pyfunction!(first_step::refuse_calls, module)?)?;
    module.add_function(wrap_pyfunction!(first_step::calls_beginning, module)?)?;
    thread_state::register(module)?;
    own_context::register(module)?;
    inner_task::register(module)?;
    mode::register(module)?;
    nest::register(module)
}
