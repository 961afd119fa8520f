//! The `simul` command: many repositories with one line. Results go to stdout, everything else to stderr.
//!
//! # Layout
//! - [`run`]: the whole command, as both the `simul` binary and the Python package's entry point call it.
//! - `args`: what can be written on the command line; `sources`, `auth`, `size`: what it means.
//! - `work/`: sources one after another and side by side: sync, then read; stopping early.
//! - `command/`: one file for each command. `output/`: rows on stdout. `progress/`: what is happening, on stderr.
//! - `interrupt`: Ctrl-C once and twice. [`exit`]: exit codes.

mod args;
mod auth;
mod command;
pub mod exit;
mod interrupt;
mod output;
mod progress;
mod run;
mod size;
mod sources;
mod terminal;
mod work;

pub use run::run;
