//! What ends the groups of a process that was killed.
//!
//! `PR_SET_PDEATHSIG` reaches a group's leader only; what the leader started would go on (a git helper downloads to its
//! end). So each process that has groups keeps one small shell beside it, orphaned on purpose, that is told of each
//! group's birth and end over a socket. When the process dies, however it dies, the socket ends and the shell kills the
//! groups that are left. Everything here is a second belt: failing to start it or to tell it changes nothing else.

use super::options::ChildOptions;
use super::sys;
use crate::per_process::PerProcess;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

static SOCKET: PerProcess<Option<UnixStream>> = PerProcess::new();

/// Runs as an orphan: the shell that starts it ends at once, so that the host never meets a child that it does not know.
const SCRIPT: &str = r#"
exec 3<&0 </dev/null
trap '' HUP INT QUIT TERM
(
    cd /
    groups=
    while read -r sign id <&3; do
        case $sign in
        +) groups="$groups $id" ;;
        -)
            left=
            for group in $groups; do
                [ "$group" = "$id" ] || left="$left $group"
            done
            groups=$left
            ;;
        esac
    done
    for group in $groups; do
        kill -s KILL -- "-$group"
    done
) >/dev/null 2>&1 &
"#;

/// Starts the shell, if this process has none. Runs on the thread `simul-spawn`, before a group is born, so that a group
/// goes unwatched only for the moment in which it starts.
pub(super) fn ready() {
    SOCKET.get(|_| start());
}

/// A group was born.
pub(super) fn watch(group: u32) {
    tell(SOCKET.peek().and_then(Option::as_ref), '+', group);
}

/// A group is dead and its leader about to be reaped: from then on its id may be anybody's.
pub(super) fn forget(group: u32) {
    tell(SOCKET.peek().and_then(Option::as_ref), '-', group);
}

fn tell(socket: Option<&UnixStream>, sign: char, group: u32) {
    if let Some(socket) = socket {
        sys::send_or_drop(socket, format!("{sign} {group}\n").as_bytes());
    }
}

fn start() -> Option<UnixStream> {
    let (ours, its) = UnixStream::pair().ok()?;
    let mut command = Command::new("/bin/sh");
    command.env_clear().args(["-c", SCRIPT]);
    let mut options = ChildOptions::new(command).stdin(OwnedFd::from(its));
    let mut shell = sys::start(&mut options).ok()?;
    shell.wait().ok()?.success().then_some(ours)
}
