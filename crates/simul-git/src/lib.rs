//! Many git repositories at once: sync, history, blame, tables and a report. Every number equals git's.
//!
//! # Layout
//! - [`cache`]: where mirrors live.
//! - [`error`]: [`RepoError`], why one repository could not be had, beside the results of the others.
//! - [`events`]: what is happening to each repository, for anybody who listens.
//! - [`history`]: commits with git's own numbers, blame, ownership, branches and tags of a repository on this machine.
//! - [`limits`]: how much one repository may take.
//! - [`manager`]: [`RepoManager`], all of it together.
//! - [`program`]: [`Git`], the git program, its version floor and its hardened environment.
//! - [`record`]: what one row of each table holds, before it becomes a column.
//! - [`report`]: a folder of tables with its page (feature `report`).
//! - [`source`]: what the caller's string names.
//! - [`table`]: the tables themselves, in Arrow's format, and the files that hold them.
//! - [`transport`]: mirrors, by hardened git children.

pub mod cache;
pub mod error;
pub mod events;
pub mod history;
pub mod limits;
pub mod manager;
pub mod program;
pub mod record;
#[cfg(feature = "report")]
pub mod report;
pub mod source;
pub mod table;
pub mod transport;

pub use error::{RepoError, RepoErrorKind};
pub use manager::RepoManager;
pub use program::Git;
