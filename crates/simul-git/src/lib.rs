//! Many git repositories at once: sync, history, blame, tables and a report. Every number equals git's.
//!
//! # Layout
//! - [`error`]: [`RepoError`], why one repository could not be had, beside the results of the others.
//! - [`history`]: commits with git's own numbers, blame, ownership, branches and tags of a repository on this machine.
//! - [`program`]: [`Git`], the git program, its version floor and its hardened environment.
//! - [`record`]: what one row of each table holds, before it becomes a column.
//! - [`table`]: the tables themselves, in Arrow's format, and the files that hold them.
//! - [`report`]: a folder of tables with its page (feature `report`).

pub mod error;
pub mod history;
pub mod program;
pub mod record;
#[cfg(feature = "report")]
pub mod report;
pub mod table;

pub use error::{RepoError, RepoErrorKind};
pub use program::Git;
