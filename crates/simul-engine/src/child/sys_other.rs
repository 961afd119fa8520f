//! Systems without process groups: the child alone is killed. Compiles by design; untested.

use super::group::Leader;
use super::options::ChildOptions;
use std::io;
use std::process::Child;
use std::time::Duration;

pub(super) fn start(options: &mut ChildOptions) -> io::Result<Child> {
    options.command.spawn()
}

pub(super) fn kill_group(leader: &mut Child) {
    // Fails when it has ended already, which is what was wanted.
    let _ = leader.kill();
}

/// Waits by asking: a blocking wait would hold the lock that killing needs.
pub(super) fn await_exit(leader: &Leader) -> io::Result<()> {
    loop {
        match &mut *leader.lock() {
            Some(child) if child.try_wait()?.is_none() => {}
            _ => return Ok(()),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(super) async fn await_exit_async(_leader: u32) -> Option<io::Result<()>> {
    None
}
