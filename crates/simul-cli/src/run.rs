//! The whole command.

use crate::args::{Area, Arguments};
use crate::interrupt::Interrupt;
use crate::{command, exit, terminal};
use clap::Parser;
use std::ffi::OsString;

/// Runs the command: `args` begin with the program's name.
///
/// # Returns
/// The exit code, as [`exit`](crate::exit) lists them. Never ends the process, so that a host such as Python can clean up.
///
/// # Threads and loops
/// One call at a time in a process, since it watches SIGINT and SIGTERM while it runs.
///
/// # Example
/// ```
/// assert_eq!(simul_cli::run(["simul", "--version"].map(Into::into).into_iter()), 0);
/// assert_eq!(simul_cli::run(["simul", "repos", "juggle"].map(Into::into).into_iter()), 2);
/// ```
pub fn run(args: impl Iterator<Item = OsString>) -> i32 {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(message) => return said(&message),
    };
    let _watching = Interrupt::watch();
    let Area::Repos(repos) = arguments.area;
    command::run(repos).unwrap_or_else(|failure| {
        if !failure.message.is_empty() {
            terminal::say(&format!("simul: {}", failure.message));
        }
        failure.code
    })
}

/// What clap has to say: help and versions are answers, the rest is wrong usage.
fn said(message: &clap::Error) -> i32 {
    use clap::error::ErrorKind;
    // A reader that has gone does not want the text.
    let _ = message.print();
    match message.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => exit::OK,
        _ => exit::USAGE,
    }
}
