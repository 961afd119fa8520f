//! The engine: simul's own Tokio runtime, running work ([`Job`]), cancel tokens, bounded lanes and child processes.
//!
//! # Layout
//! - [`cancel`]: [`CancelToken`], how running work learns that nobody wants it any more.

pub mod cancel;

pub use cancel::CancelToken;
