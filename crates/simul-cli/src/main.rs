//! The `simul` command.
fn main() {}
