//! How a result reaches Python. No engine thread attaches to the interpreter, and none owns a Python object.
//!
//! # Layout
//! - [`loops`]: a loop's inbox, its slab of waiters and the drain that runs on the loop's own thread.
//! - [`bell`]: the eventfd (or pipe) that a loop watches.
//! - [`call`]: `call_soon`, the one way in which tasks are woken.
//! - [`wakeups`]: whom what an `await` yields is to wake.
//! - [`waiter`]: what one `await` of a Job yields to its task.
//! - [`blocking`]: the thread parked in `Job.wait()`; signals, exit and cancellation there.
//! - [`dispatcher`]: the one thread of ours that attaches, for callbacks that no loop can run.
//! - [`site`]: the line of the user's code that made a Job.
//! - [`running`]: the running loop and its current task.
//! - [`target`]: what is waited for: a Job, or a call on a primitive.
//! - [`thrown`]: the exception of a `throw`.
//! - [`nesting`]: loops of this thread that stand still while the bridge turns another one.
//! - [`own_turn`]: tasks of the loop that runs here are woken with no bell.
//! - [`upcall`]: how the engine asks for Python code.
//! - [`overdue`]: exceptions of signal handlers that are raised a moment later.
//! - [`interpreter`]: which interpreter may load simul.
//! - [`exit`]: the hook that closes the gate before the interpreter goes.
//! - [`late`]: threads that come back when it has gone.

pub(crate) mod bell;
pub(crate) mod blocking;
pub(crate) mod call;
pub(crate) mod dispatcher;
pub(crate) mod exit;
pub(crate) mod interpreter;
pub(crate) mod late;
pub(crate) mod loops;
pub(crate) mod nesting;
pub(crate) mod overdue;
pub(crate) mod own_turn;
pub(crate) mod running;
pub(crate) mod site;
pub(crate) mod target;
pub(crate) mod thrown;
pub(crate) mod upcall;
pub(crate) mod waiter;
pub(crate) mod wakeups;
