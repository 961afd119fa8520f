//! Process groups, judged at the far end: a pipe that every process of a group holds reaches its end only when the
//! last of them is gone, so no test has to wait for a length of time.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod fork;
mod group;
mod limits;
mod rerun;
