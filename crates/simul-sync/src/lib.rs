//! Locks, semaphores, events and queues that serve any number of threads and event loops at once. No Tokio, no Python.
//!
//! # Layout
//! - [`mod@line`]: who waits, first come, first served.
//! - [`wait`]: one place in a line: awaited, waited for, or left; what was granted to it is taken once or given back.
//! - [`lazy`]: a call that begins when it is first polled or waited for.
//! - [`body`]: the state behind a lock, made anew in a forked child.
//! - [`mod@lock`]: a [`Lock`], one holder at a time.
//! - [`flight`]: a [`Flight`], work that is done once for all who ask meanwhile.
//! - [`queue`]: a [`Queue`] of items, in the order of coming, the newest first, or the smallest first.
//!
//! # Invariants
//! - A permit or an item is in one place at a time: free, held, or on its way to the one waiter that it was granted to.
//! - Nobody overtakes a live waiter: what becomes free is granted under the state's lock, and only waking comes after it.
//! - No code of the caller's runs under a state's lock.

pub mod body;
pub mod flight;
pub mod lazy;
pub mod line;
pub mod lock;
pub mod queue;
mod sync;
pub mod wait;

pub use flight::Flight;
pub use lazy::Lazy;
pub use lock::Lock;
pub use queue::{LifoQueue, PriorityQueue, Queue};
pub use wait::{Entered, Wait};
