//! Words that every simul crate shares: errors, time, deadlines and secrets. No Tokio, no I/O.
//!
//! # Layout
//! - [`error`]: [`Error`], one word wide: what kind, what was being done, in which context, because of what.
//! - [`kind`]: [`Kind`], the list that Python's exception classes mirror.
//! - [`clock`]: [`Clock`] and [`FakeClock`]; nothing above this crate reads the wall clock by itself.
//! - [`deadline`]: [`Deadline`], a total budget of time.
//! - [`secret`]: [`Secret`], text that no `Debug`, `Display` or log can show, and [`redact_url`].
#![forbid(unsafe_code)]

pub mod clock;
pub mod deadline;
pub mod error;
pub mod kind;
pub mod secret;

pub use clock::{Clock, FakeClock, SystemClock};
pub use deadline::Deadline;
pub use error::{Error, Result, ResultExt};
pub use kind::Kind;
pub use secret::{Secret, redact_url};
