//! A running process group.

#[cfg(unix)]
use super::guardian;
use super::live::Live;
use super::options::ChildOptions;
use super::{sys, worker};
use crate::CancelToken;
use std::any::Any;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use tokio_util::sync::WaitForCancellationFuture;

/// A child process and everything that it started.
///
/// # Cancellation
/// Dropping it kills the whole group at once; a thread of the engine then reaps the leader, so that the drop itself
/// never waits. What [`ChildOptions::hold`] was given goes after that.
///
/// # Threads and loops
/// Spawned by one thread that lives as long as the process, so it may be dropped, killed and awaited on any thread.
/// In a process forked from the one that spawned it, the handle does nothing at all.
#[derive(Debug)]
pub struct Group {
    /// `None` once waited for, or taken by drop.
    body: Option<Body>,
    leader: Arc<Leader>,
    exit: Option<ExitStatus>,
    /// The process that spawned the group.
    owner: u32,
}

#[derive(Debug)]
struct Body {
    leader: Arc<Leader>,
    // Dropped in this order: the count falls before a permit admits the next group.
    _live: Live,
    _holds: Vec<Box<dyn Any + Send>>,
}

/// The process that may still be signalled. The lock is held for single system calls that do not block.
#[derive(Debug)]
pub(super) struct Leader {
    id: u32,
    /// `None` once reaped: from then on its id may belong to a stranger.
    child: Mutex<Option<Child>>,
}

/// Starts a process group.
///
/// # Errors
/// Those of [`std::process::Command::spawn`].
///
/// # Cost
/// Blocks for one fork and exec, on the thread `simul-spawn`.
pub fn spawn_group(options: impl Into<ChildOptions>) -> io::Result<Group> {
    let (reply, answer) = mpsc::sync_channel(1);
    let options = options.into();
    worker::SPAWN.run(move || drop(reply.send(Group::start(options))))?;
    answer.recv().unwrap_or_else(|_| Err(io::Error::other("the spawning thread gave no answer")))
}

/// Starts a process group without blocking the calling task's thread.
///
/// # Errors
/// As [`spawn_group`].
///
/// # Cancellation
/// Dropped before its answer, the group that may have started is killed.
pub async fn spawn_group_async(options: impl Into<ChildOptions>) -> io::Result<Group> {
    let (reply, answer) = tokio::sync::oneshot::channel();
    let options = options.into();
    worker::SPAWN.run(move || drop(reply.send(Group::start(options))))?;
    answer.await.unwrap_or_else(|_| Err(io::Error::other("the spawning thread gave no answer")))
}

impl Group {
    fn start(mut options: ChildOptions) -> io::Result<Self> {
        let live = Live::begin();
        #[cfg(unix)]
        guardian::ready();
        let child = sys::start(&mut options)?;
        #[cfg(unix)]
        guardian::watch(child.id());
        let leader = Arc::new(Leader { id: child.id(), child: Mutex::new(Some(child)) });
        let body = Body { leader: leader.clone(), _live: live, _holds: options.holds };
        Ok(Self { body: Some(body), leader, exit: None, owner: std::process::id() })
    }

    /// The leader's process id, which is the group's id too.
    pub fn id(&self) -> u32 {
        self.leader.id
    }

    /// The writing end of the child's stdin, if it was piped and not taken before.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.with_child(|child| child.stdin.take())
    }

    /// The reading end of the child's stdout, if it was piped and not taken before.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.with_child(|child| child.stdout.take())
    }

    /// The reading end of the child's stderr, if it was piped and not taken before.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.with_child(|child| child.stderr.take())
    }

    /// Kills every process of the group. Never blocks; nothing happens once the leader was reaped.
    pub fn kill(&self) {
        if self.owner == std::process::id() {
            self.leader.kill();
        }
    }

    /// Blocks until the leader has exited, kills what is left of its group, and reaps it.
    ///
    /// # Errors
    /// Those of the system; "no child processes" means that the host reaps all children itself (SIGCHLD ignored, or
    /// a `waitpid(-1)`).
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.check_owner()?;
        if self.body.is_some() {
            // As std does: a child that reads its stdin to the end must see that end.
            drop(self.take_stdin());
            let exited = sys::await_exit(&self.leader);
            self.finish(exited)?;
        }
        self.status()
    }

    /// Ends as [`Group::wait`] does, without blocking a thread (on Linux).
    ///
    /// # Errors
    /// As [`Group::wait`].
    ///
    /// # Cancellation
    /// Cancel safe: the group goes on and may be waited for again.
    pub async fn wait_async(&mut self) -> io::Result<ExitStatus> {
        self.check_owner()?;
        if self.body.is_some() {
            drop(self.take_stdin());
            let exited = match sys::await_exit_async(self.leader.id).await {
                Some(exited) => exited,
                None => {
                    let (reply, answer) = tokio::sync::oneshot::channel();
                    let leader = self.leader.clone();
                    std::thread::Builder::new()
                        .name("simul-wait".into())
                        .spawn(move || drop(reply.send(sys::await_exit(&leader))))?;
                    answer.await.unwrap_or_else(|_| Err(io::Error::other("the waiting thread gave no answer")))
                }
            };
            self.finish(exited)?;
        }
        self.status()
    }

    /// Kills the group when `cancel` is raised, for as long as the guard lives. Needs no thread and no task: the kill
    /// is made by the thread that cancels.
    #[must_use]
    pub fn kill_on_cancel<'a>(&self, cancel: &'a CancelToken) -> KillOnCancel<'a> {
        let waker = Waker::from(Arc::new(Kill { leader: self.leader.clone(), owner: self.owner }));
        let mut raised = Box::pin(cancel.cancelled());
        if let Poll::Ready(()) = raised.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.kill();
        }
        KillOnCancel { _raised: raised }
    }

    /// The leader has exited (or cannot be waited for): kill the rest, reap.
    fn finish(&mut self, exited: io::Result<()>) -> io::Result<()> {
        let Some(body) = self.body.take() else { return Ok(()) };
        self.exit = Some(body.leader.reap(exited)?);
        Ok(())
    }

    fn with_child<T>(&mut self, take: impl FnOnce(&mut Child) -> Option<T>) -> Option<T> {
        if self.owner != std::process::id() {
            return None;
        }
        self.leader.lock().as_mut().and_then(take)
    }

    fn status(&self) -> io::Result<ExitStatus> {
        self.exit.ok_or_else(|| io::Error::other("the process could not be waited for before"))
    }

    fn check_owner(&self) -> io::Result<()> {
        if self.owner == std::process::id() {
            return Ok(());
        }
        Err(io::Error::other("this process was forked from the one that spawned the group"))
    }
}

impl Body {
    /// Waits for a killed group and reaps it; what it held goes last.
    fn bury(self) {
        let exited = sys::await_exit(&self.leader);
        // Nobody is left to hear of an error.
        let _ = self.leader.reap(exited);
    }
}

impl Leader {
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kill(&self) {
        if let Some(child) = &mut *self.lock() {
            sys::kill_group(child);
        }
    }

    /// Kills what the exited leader left behind, then reaps it.
    fn reap(&self, exited: io::Result<()>) -> io::Result<ExitStatus> {
        let mut slot = self.lock();
        let Some(mut child) = slot.take() else { return Err(io::Error::other("reaped already")) };
        // It could not be waited for: somebody else reaped it, and nothing may be signalled under its id.
        exited?;
        sys::kill_group(&mut child);
        #[cfg(unix)]
        guardian::forget(self.id);
        child.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else { return };
        if self.owner != std::process::id() {
            // Inherited by fork: the group, its permits and locks belong to the parent.
            std::mem::forget(body);
            return;
        }
        self.leader.kill();
        // No thread to be had: the body was dropped with the task, killed but unreaped until this process ends.
        let _ = worker::REAP.run(move || body.bury());
    }
}

struct Kill {
    leader: Arc<Leader>,
    owner: u32,
}

impl Wake for Kill {
    fn wake(self: Arc<Self>) {
        if self.owner == std::process::id() {
            self.leader.kill();
        }
    }
}

/// Keeps a [`Group`] tied to a [`CancelToken`]; see [`Group::kill_on_cancel`].
pub struct KillOnCancel<'a> {
    _raised: Pin<Box<WaitForCancellationFuture<'a>>>,
}

impl std::fmt::Debug for KillOnCancel<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KillOnCancel").finish_non_exhaustive()
    }
}
