//! The engine: simul's own Tokio runtime, running work ([`Job`]), timers, cancel tokens, bounded lanes and child
//! processes. Usable from Rust with no Python.
//!
//! # Layout
//! - [`runtime`]: start (lazy, or [`setup`]), [`shutdown`], one runtime a process; a forked child starts its own.
//! - [`job`]: [`Job`], work that is already running: await it or [`Job::wait`].
//! - [`drive`]: the task that polls the work, catches its panics and drops it when it is cancelled.
//! - [`lane`]: [`blocking`], bounded threads for work that blocks.
//! - [`timer`]: [`Timer`], sleeping as an argument, with a fake for tests.
//! - [`cancel`]: [`CancelToken`], how running work learns that nobody wants it any more.
//! - [`child`]: process groups that are killed with whoever asked for them.
//! - [`per_process`]: globals that a forked process makes anew.
//! - [`panics`]: a panic inside a Job becomes `Kind::Internal` and prints nothing.
//! - [`signals`]: engine threads block every signal, so that Python's handlers run on Python's threads.
//! - [`testing`] (feature): ready values, timers and TCP reads as Jobs.

pub mod cancel;
pub mod child;
pub mod drive;
pub mod job;
pub mod lane;
pub mod panics;
pub mod per_process;
pub mod runtime;
pub mod signals;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timer;

pub use cancel::CancelToken;
pub use job::{Job, spawn};
pub use lane::blocking;
pub use runtime::{Options, Setup, setup, shutdown};
pub use timer::Timer;
