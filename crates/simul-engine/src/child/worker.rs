//! The two threads behind process groups: `simul-spawn`, whose life is the children's (`PR_SET_PDEATHSIG` follows the
//! spawning thread, not the process), and `simul-reap`, which waits for killed groups so that no Tokio worker does.

use super::live;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::mpsc;

type Task = Box<dyn FnOnce() + Send>;

/// A named thread that runs tasks in order and lives as long as the process.
pub(super) struct Worker {
    name: &'static str,
    /// Runs in a forked process before the thread starts there.
    after_fork: fn(),
    current: AtomicPtr<Running>,
}

struct Running {
    /// The process that started the thread: a forked child inherits this record but not the thread.
    process: u32,
    tasks: mpsc::Sender<Task>,
}

pub(super) static SPAWN: Worker = Worker::new("simul-spawn", live::restart);
pub(super) static REAP: Worker = Worker::new("simul-reap", || {});

impl Worker {
    const fn new(name: &'static str, after_fork: fn()) -> Self {
        Self { name, after_fork, current: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Runs `task` on the thread, starting it first if this process has none.
    pub(super) fn run(&self, task: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let running = self.running()?;
        running.tasks.send(Box::new(task)).map_err(|_| io::Error::other(format!("the thread {} has ended", self.name)))
    }

    fn running(&self) -> io::Result<&'static Running> {
        let seen = self.current.load(Ordering::Acquire);
        // SAFETY: the pointer is null or came from Box::into_raw below and, once stored, is never freed.
        if let Some(running) = unsafe { seen.as_ref() }
            && running.process == std::process::id()
        {
            return Ok(running);
        }
        if !seen.is_null() {
            (self.after_fork)();
        }
        let (tasks, inbox) = mpsc::channel::<Task>();
        super::sys::with_signals_blocked(|| {
            std::thread::Builder::new().name(self.name.into()).spawn(move || {
                for task in inbox {
                    // A panic must not end this thread: its end would kill every child.
                    let _ = catch_unwind(AssertUnwindSafe(task));
                }
            })
        })?;
        let mine = Box::into_raw(Box::new(Running { process: std::process::id(), tasks }));
        match self.current.compare_exchange(seen, mine, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: just made, and never freed from here on.
            Ok(_) => Ok(unsafe { &*mine }),
            Err(winner) => {
                // SAFETY: `mine` was never shared; dropping its sender ends the surplus thread.
                drop(unsafe { Box::from_raw(mine) });
                // SAFETY: whoever stored it never frees it.
                Ok(unsafe { &*winner })
            }
        }
    }
}
