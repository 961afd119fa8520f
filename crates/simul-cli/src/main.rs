//! The `simul` command.

#[expect(clippy::disallowed_methods, reason = "the process's last act, after everything has been cleaned up")]
fn main() {
    std::process::exit(simul_cli::run(std::env::args_os()));
}
