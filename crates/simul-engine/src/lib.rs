//! The engine: simul's own Tokio runtime, running work ([`Job`]), cancel tokens, bounded lanes and child processes.
//!
//! # Layout
//! - [`cancel`]: [`CancelToken`], how running work learns that nobody wants it any more.
//! - [`child`]: process groups that are killed with whoever asked for them.

pub mod cancel;
pub mod child;

pub use cancel::CancelToken;
