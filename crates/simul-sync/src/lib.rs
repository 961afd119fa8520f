//! Locks, semaphores, events and queues that serve any number of threads and event loops at once. No Tokio, no Python.
//!
//! A call that may have to wait (`acquire`, `get`, `put`, `wait`) returns a [`Lazy`], which has done nothing yet.
//! `.await` it in a task of whatever runtime, or block a thread with [`wait`](Lazy::wait) or
//! [`wait_timeout`](Lazy::wait_timeout); both on the same object, in one line. Dropped, it has taken nothing.
//!
//! # Example
//! A lock that a thread and a task of Tokio share:
//! ```
//! use simul_sync::Lock;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> simul_core::Result<()> {
//!     let lock = Lock::new();
//!     let held = lock.acquire().await?;
//!     let there = lock.clone();
//!     let thread = std::thread::spawn(move || there.acquire().wait().map(drop));
//!     drop(held);
//!     thread.join().expect("the thread does not panic")?;
//!     let _held_again = lock.acquire().await?;
//!     Ok(())
//! }
//! ```
//!
//! The same without a runtime. What drives it needs nothing but a waker:
//! ```
//! use simul_sync::{Event, Queue};
//! use std::pin::pin;
//! use std::sync::Arc;
//! use std::task::{Context, Poll, Wake, Waker};
//!
//! struct Unpark(std::thread::Thread);
//!
//! impl Wake for Unpark {
//!     fn wake(self: Arc<Self>) {
//!         self.0.unpark();
//!     }
//! }
//!
//! fn block_on<F: Future>(work: F) -> F::Output {
//!     let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
//!     let (mut work, mut context) = (pin!(work), Context::from_waker(&waker));
//!     loop {
//!         match work.as_mut().poll(&mut context) {
//!             Poll::Ready(output) => return output,
//!             Poll::Pending => std::thread::park(),
//!         }
//!     }
//! }
//!
//! let (queue, done) = (Queue::new(1), Event::new());
//! let there = (queue.clone(), done.clone());
//! let thread = std::thread::spawn(move || {
//!     block_on(async {
//!         for number in 0..3 {
//!             there.0.put(number).await?;
//!         }
//!         there.1.wait().await
//!     })
//! });
//! let sum = block_on(async {
//!     let mut sum = 0;
//!     for _ in 0..3 {
//!         sum += queue.get().await?;
//!     }
//!     done.set();
//!     simul_core::Result::Ok(sum)
//! })?;
//! assert_eq!(sum, 3);
//! thread.join().expect("the thread does not panic")?;
//! # Ok::<(), simul_core::Error>(())
//! ```
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
