//! Many git repositories at once: sync, history, blame, tables and a report. Every number equals git's.
//!
//! # Layout
//! - [`error`]: [`RepoError`], why one repository could not be had, beside the results of the others.
//! - [`record`]: what one row of each table holds, before it becomes a column.

pub mod error;
pub mod record;

pub use error::{RepoError, RepoErrorKind};
