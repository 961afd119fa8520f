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
            Waiter::Slot(inbox, key) => {
                // A loop that has closed needs no telling.
                inbox.push(Notice::Done(key));
            }
            Waiter::Thread(parker) => parker.done(),
            Waiter::Task(waker) => waker.wake(),
            Waiter::Hook(hook) => hook(),
        }
    }

    /// Asks a thread in `wait()` to run an upcall; false if this is none.
    pub(crate) fn poke_thread(&self) -> bool {
        match self {
            Waiter::Thread(parker) => {
                parker.poke();
                true
            }
            _ => false,
        }
    }

    /// Asks a loop to run an upcall; false if this is none, or it has closed.
    pub(crate) fn poke_loop(&self) -> bool {
        match self {
            Waiter::Slot(inbox, key) => inbox.push(Notice::Upcall(*key)),
            _ => false,
        }
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
