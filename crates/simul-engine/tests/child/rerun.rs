//! Runs one test of this binary again in a process of its own.

use std::process::{Command, Stdio};

const ROLE: &str = "SIMUL_CHILD_TEST_ROLE";

/// Whether this process was started by [`again`].
pub(crate) fn is_again() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// This test binary, set to run exactly `test`.
pub(crate) fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ROLE, "1").stdin(Stdio::null());
    command
}

/// Runs `test` alone and asserts that it passed.
pub(crate) fn passes_alone(test: &str) {
    let output = again(test).output().unwrap();
    assert!(
        output.status.success(),
        "{test}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{test} did not run");
}
