//! Locks, semaphores, events and queues that serve any number of threads and event loops at once. No Tokio, no Python.
//!
//! # Layout
//! - [`mod@line`]: who waits, first come, first served.
//! - [`wait`]: one place in a line: awaited, waited for, or left; what was granted to it is taken once or given back.
//! - [`lazy`]: a call that begins when it is first polled or waited for.
//! - [`body`]: the state behind a lock, made anew in a forked child.
//! - [`flight`]: a [`Flight`], work that is done once for all who ask meanwhile.
//! - [`queue`]: a [`Queue`] of items, in the order of coming, the newest first, or the smallest first.
//! - [`mod@lock`]: a [`Lock`], one holder at a time; [`rlock`]: an [`RLock`], whose owner may take it again.
//! - [`semaphore`]: a [`Semaphore`], so many at a time; [`limiter`]: a [`CapacityLimiter`], which knows its borrowers.
//! - [`event`]: an [`Event`], a flag to wait for; [`barrier`]: a [`Barrier`], so many wait for each other.
//! - [`condition`]: a [`Condition`], told of a change of what a lock guards.
//!
//! # Invariants
//! - A permit or an item is in one place at a time: free, held, or on its way to the one waiter that it was granted to.
//! - Nobody overtakes a live waiter: what becomes free is granted under the state's lock, and only waking comes after it.
//! - No code of the caller's runs under a state's lock.

pub mod barrier;
pub mod body;
pub mod condition;
pub mod event;
pub mod flight;
pub mod lazy;
pub mod limiter;
pub mod line;
pub mod lock;
pub mod queue;
pub mod rlock;
pub mod semaphore;
mod sync;
pub mod wait;

pub use barrier::Barrier;
pub use condition::Condition;
pub use event::Event;
pub use flight::Flight;
pub use lazy::Lazy;
pub use limiter::CapacityLimiter;
pub use lock::Lock;
pub use queue::{LifoQueue, PriorityQueue, Queue};
pub use rlock::RLock;
pub use semaphore::Semaphore;
pub use wait::{Entered, Wait};
