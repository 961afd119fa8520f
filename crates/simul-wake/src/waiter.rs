//! The four ways to wait.

use crate::inbox::{Inbox, Notice};
use crate::sync::Arc;
use crate::{Parker, SlotKey};
use std::fmt;
use std::task::Waker;

/// Whoever waits for a [`Core`](crate::Core): woken once, without the interpreter.
pub enum Waiter {
    /// A slot of an event loop.
    Slot(Arc<Inbox>, SlotKey),
    /// A thread parked in `wait()`.
    Thread(Arc<Parker>),
    /// A Rust task.
    Task(Waker),
    /// Anything else: runs on the thread that settles, so it must be short and must not block.
    Hook(Box<dyn FnOnce() + Send>),
}

impl Waiter {
    pub(crate) fn wake(self) {
        match self {
            Waiter::Slot(inbox, key) => inbox.push(Notice::Done(key)),
            Waiter::Thread(parker) => parker.done(),
            Waiter::Task(waker) => waker.wake(),
            Waiter::Hook(hook) => hook(),
        }
    }

    /// Asks this waiter's thread to run an upcall.
    ///
    /// # Returns
    /// Whether it is one that can.
    pub(crate) fn poke(&self) -> bool {
        match self {
            Waiter::Slot(inbox, key) => inbox.push(Notice::Upcall(*key)),
            Waiter::Thread(parker) => parker.poke(),
            Waiter::Task(_) | Waiter::Hook(_) => return false,
        }
        true
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Waiter::Slot(..) => "Slot",
            Waiter::Thread(_) => "Thread",
            Waiter::Task(_) => "Task",
            Waiter::Hook(_) => "Hook",
        })
    }
}
