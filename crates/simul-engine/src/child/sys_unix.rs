//! Unix: sessions, signals to groups, waiting without reaping.

use super::group::Leader;
use super::options::ChildOptions;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Child;

/// Starts the child as leader of a new session and group. Runs on the thread `simul-spawn`.
pub(super) fn start(options: &mut ChildOptions) -> io::Result<Child> {
    let passed: Vec<RawFd> = options.passed.iter().map(AsRawFd::as_raw_fd).collect();
    let file_bytes = options.file_bytes;
    let parent = rustix::process::getpid();
    // SAFETY: the closure runs between fork and exec and makes async-signal-safe system calls only; it allocates
    // nothing (`passed` was filled before) and takes no lock.
    unsafe {
        options.command.pre_exec(move || prepare(parent, &passed, file_bytes));
    }
    options.command.spawn()
}

fn prepare(parent: Pid, passed: &[RawFd], file_bytes: Option<u64>) -> io::Result<()> {
    rustix::process::setsid()?;
    #[cfg(target_os = "linux")]
    {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above: then no signal will ever come.
        if rustix::process::getppid() != Some(parent) {
            return Err(rustix::io::Errno::SRCH.into());
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = parent;
    reset_signals();
    for &descriptor in passed {
        // SAFETY: the parent keeps the descriptor open until the spawn has returned.
        let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty())?;
    }
    if let Some(bytes) = file_bytes {
        let limit = rustix::process::Rlimit { current: Some(bytes), maximum: Some(bytes) };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limit)?;
    }
    Ok(())
}

/// Engine threads block every signal and a host may ignore some; a child must not inherit either.
fn reset_signals() {
    // SAFETY: both calls are async-signal-safe, the set is initialised by sigemptyset before it is read, and the
    // process has one thread.
    unsafe {
        for signal in
            [libc::SIGPIPE, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP, libc::SIGCHLD, libc::SIGXFSZ]
        {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}

/// Sends without waiting and without SIGPIPE; what cannot be sent at once is dropped.
pub(super) fn send_or_drop(socket: &UnixStream, bytes: &[u8]) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // The standard library sets SO_NOSIGPIPE on sockets of the others.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let flags = libc::MSG_DONTWAIT;
    // SAFETY: the descriptor is open and the bytes are readable for as long as the call takes.
    unsafe {
        libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags);
    }
}

fn pid(process: u32) -> Pid {
    Pid::from_raw(process.cast_signed()).expect("a child's process id is above zero")
}

/// Kills everything in the group that `leader`, not reaped yet, leads.
pub(super) fn kill_group(leader: &mut Child) {
    // Fails when all of them have ended already, which is what was wanted.
    let _ = rustix::process::kill_process_group(pid(leader.id()), Signal::KILL);
}

/// Blocks until `leader` has exited, without reaping it.
pub(super) fn await_exit(leader: &Leader) -> io::Result<()> {
    let leader = WaitId::Pid(pid(leader.id()));
    rustix::io::retry_on_intr(|| {
        rustix::process::waitid(leader.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    })?;
    Ok(())
}

/// Ends when `leader` has exited, without reaping it; `None` where the system cannot tell a task.
#[cfg(target_os = "linux")]
pub(super) async fn await_exit_async(leader: u32) -> Option<io::Result<()>> {
    use rustix::process::{PidfdFlags, pidfd_open};
    use tokio::io::{Interest, unix::AsyncFd};
    let descriptor = pidfd_open(pid(leader), PidfdFlags::empty()).ok()?;
    // SAFETY: an OwnedFd is open, and the same descriptor, for as long as the registration owns it.
    let ready = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }.ok()?;
    Some(ready.readable().await.map(drop))
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn await_exit_async(_leader: u32) -> Option<io::Result<()>> {
    None
}
