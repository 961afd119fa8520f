use crate::group::sh;
use simul_engine::child::{live_groups, spawn_group};
use std::io::{Read, Write};
use std::process::Stdio;

/// Runs `body` in a forked copy of this process; true if it returned true.
fn forked(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child makes few calls, takes no lock of the test harness, and leaves by _exit.
    match unsafe { libc::fork() } {
        0 => {
            let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(false);
            // SAFETY: ends the forked copy without running the harness's exit code.
            unsafe { libc::_exit(i32::from(!fine)) }
        }
        child => {
            let mut status = 0;
            // SAFETY: waits for the process just forked.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
        }
    }
}

#[test]
fn an_inherited_group_is_left_alone_and_a_new_one_works() {
    let mut group = spawn_group(sh("cat").stdin(Stdio::piped())).unwrap();
    let mut copy = Some(unsafe_copy(&group));
    assert!(forked(|| {
        let mut inherited = copy.take().unwrap();
        inherited.kill();
        let refused = inherited.wait().is_err() && inherited.take_stdout().is_none();
        drop(inherited);
        let mut own = spawn_group(sh("exit 5")).unwrap();
        let counted = live_groups() == 1;
        refused && counted && own.wait().unwrap().code() == Some(5) && live_groups() == 0
    }));
    std::mem::forget(copy);
    group.take_stdin().unwrap().write_all(b"alive").unwrap();
    let mut said = String::new();
    group.take_stdout().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "alive");
    assert!(group.wait().unwrap().success());
}

/// The bits of `group`, as a fork would leave them in the child; the parent forgets its own.
fn unsafe_copy(group: &simul_engine::child::Group) -> simul_engine::child::Group {
    // SAFETY: exactly one of the two is used in each process: the copy in the forked one, the original here.
    unsafe { std::ptr::read(group) }
}
