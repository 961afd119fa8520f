//! What is happening, on stderr.

mod board;
mod json;
mod live;
mod plain;
mod watch;

pub(crate) use watch::Watch;
