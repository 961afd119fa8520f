//! The real `simul` binary: exit codes, what goes to stdout and what to stderr, and what stays behind.

mod fixture;
mod interrupt;
mod report;
mod rows;
mod usage;
