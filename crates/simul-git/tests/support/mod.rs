//! What tests of git share: a real git server over HTTP that can misbehave, and repositories to serve.
#![allow(
    dead_code,
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    reason = "each user of this folder takes the parts that it needs"
)]

pub mod repos;
pub mod server;
