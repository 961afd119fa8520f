//! Transport, against a real git server over HTTP and judged at the far end.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod fixture;
mod follow;
mod hostile;
mod login;
mod manager;
mod together;
mod words;
