//! Mirrors: clone once, then fetch only what is new, by hardened git children.
//!
//! # Layout
//! - [`mirror`]: [`Mirrors::sync`], the whole of one repository's transfer.
//! - [`login`]: which token goes to which host.
//! - `askpass`: how a token reaches git: over a pipe, when the prompt names the bound host.
//! - `run`: one child, watched: progress, limits, questions, end.
//! - `command`: the words and the environment that git gets.
//! - `progress`: what git says on stderr, as numbers.
//! - `percent`: a transfer's progress as one number.
//! - `classify`: what a failed git means.
//! - `lock`: one writer for each mirror, over threads and processes.
//! - `partial`: clones that are not complete, and their removal.
//! - `refs`: what a mirror's branches and tags point to.
//! - `flight`: callers who want the same thing at once share one piece of work.

mod askpass;
mod classify;
mod command;
mod flight;
mod lock;
pub mod login;
pub mod mirror;
mod partial;
pub(crate) mod percent;
mod progress;
mod refs;
mod run;

pub use login::Logins;
pub use mirror::{Mirrors, Synced};
