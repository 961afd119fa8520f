//! How anything that finished reaches whoever waits for it. No Tokio, no Python.
//!
//! # Layout
//! - [`core`]: [`Core`], a Job's state: settled once, by the work or by a cancel; holds the list of its waiters.
//! - [`waiter`]: [`Waiter`], the four ways to wait: a loop's slot, a parked thread, a Rust task, a hook.
//! - [`inbox`]: [`Inbox`], a loop's lock-free stack of finished slots; one wake-up a burst.
//! - [`slab`]: [`Slab`], the loop's own table from slot to whoever sits there; stale slots are recognised.
//! - [`parker`]: [`Parker`], a thread that sleeps until it is done, poked, or out of time.
//! - [`generation`]: which process this is, counted in forks; nothing of an older generation is touched.
//! - [`gate`]: the interpreter's exit, after which nothing is delivered any more.
//!
//! # Invariants
//! - An outcome is written once and taken once.
//! - No waiter is forgotten: a waiter that joined is woken by settling, unless it left before.
//! - A push that finds an inbox empty rings its bell, exactly once until the inbox is drained.
//!
//! The models under `tests/loom.rs` (`./dev loom`) check these against every interleaving.

pub mod core;
pub mod gate;
pub mod generation;
pub mod inbox;
pub mod parker;
pub mod slab;
mod sync;
pub mod waiter;

pub use self::core::{AsHeader, Core, Header, Join, Phase, Ticket, Wake};
pub use inbox::{Bell, Inbox};
pub use parker::{Parker, Woken};
pub use slab::{Slab, SlotKey};
pub use waiter::Waiter;
