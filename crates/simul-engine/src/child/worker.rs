//! The two threads behind process groups: `simul-spawn`, whose life is the children's (`PR_SET_PDEATHSIG` follows the
//! spawning thread, not the process), and `simul-reap`, which waits for killed groups so that no Tokio worker does.

use super::live;
use crate::per_process::PerProcess;
use crate::signals;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

type Task = Box<dyn FnOnce() + Send>;

/// A named thread that runs tasks in order and lives as long as the process. A forked process starts its own.
pub(super) struct Worker {
    name: &'static str,
    /// Runs in a forked process before the thread starts there.
    after_fork: fn(),
    tasks: PerProcess<mpsc::Sender<Task>>,
}

pub(super) static SPAWN: Worker = Worker::new("simul-spawn", live::restart);
pub(super) static REAP: Worker = Worker::new("simul-reap", || {});

impl Worker {
    const fn new(name: &'static str, after_fork: fn()) -> Self {
        Self { name, after_fork, tasks: PerProcess::new() }
    }

    /// Runs `task` on the thread, starting it first if this process has none.
    pub(super) fn run(&self, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let tasks = self.tasks.try_get(|forked| {
            if forked {
                (self.after_fork)();
            }
            self.start()
        })?;
        tasks.send(Box::new(task)).map_err(|_| io::Error::other(format!("the thread {} has ended", self.name)))
    }

    /// Starts the thread; it ends when its sender is dropped, which only a sender that lost the race for being first is.
    fn start(&self) -> io::Result<mpsc::Sender<Task>> {
        let (tasks, inbox) = mpsc::channel::<Task>();
        signals::blocked(|| {
            std::thread::Builder::new().name(self.name.into()).spawn(move || {
                for task in inbox {
                    // A panic must not end this thread: its end would kill every child.
                    let _ = catch_unwind(AssertUnwindSafe(task));
                }
            })
        })?;
        Ok(tasks)
    }
}
