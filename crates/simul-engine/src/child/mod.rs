//! Child processes, each the leader of a process group that never outlives whoever asked for it.
//!
//! A [`Group`] is killed whole (leader and all that it started) when it is dropped, when its [`crate::CancelToken`]
//! is raised, when its leader exits, and when this process dies. The group is always killed *before* the leader is
//! reaped: until then the leader's id cannot be given to a stranger.
//!
//! # Layout
//! - [`options`]: [`ChildOptions`], what to run and with which ends of pipes.
//! - [`group`]: [`Group`], the running group: wait, kill, drop.
//! - `guardian`: what ends the groups of a process that was killed.
//! - [`output`]: [`AsyncOutput`], a child's stdout or stderr read by a Tokio task.
//! - `live`: how many groups are alive, and the most there ever were.
//! - `worker`: the two threads, one that spawns and one that buries.
//! - `sys`: what differs between systems.

pub mod group;
#[cfg(unix)]
mod guardian;
mod live;
pub mod options;
pub mod output;
#[cfg_attr(unix, path = "sys_unix.rs")]
#[cfg_attr(not(unix), path = "sys_other.rs")]
mod sys;
mod worker;

pub use group::{Group, KillOnCancel, spawn_group, spawn_group_async};
pub use live::{live_groups, max_live_groups};
pub use options::ChildOptions;
pub use output::AsyncOutput;
