//! Queues: [`Queue`] in the order of coming, [`LifoQueue`] the newest first, [`PriorityQueue`] the smallest first.
//!
//! # Layout
//! - [`handle`]: [`Queue`], what it can do.
//! - [`calls`]: the calls that may have to wait, and what they are granted.
//! - [`shelf`]: the state: items, lines of those who wait, what is owed to `join`.
//! - [`store`]: where items lie: [`Fifo`], [`Lifo`].
//! - [`heap`]: [`Heap`], which asks an [`Order`] with the lock open.
//!
//! # Invariants
//! - An item is in one place: with the caller, in the store, on its way to the one getter that it was handed to, or back
//!   at the front.
//! - While a live getter waits nothing lies in the store; while a live putter waits there is no room that is not promised.
//! - A put is granted room, not admission: its item is its own until it is resumed, so a put that fails has put nothing.

pub mod calls;
pub mod handle;
pub mod heap;
pub mod shelf;
pub mod store;

pub use calls::{Finished, Get, Items, Joined, Parcel, Put, Room};
pub use handle::{LifoQueue, PriorityQueue, Queue, Rejected};
pub use heap::{Heap, Natural, Order};
pub use shelf::{QueueStatistics, Refused};
pub use store::{Fifo, Lifo, Store, View};
