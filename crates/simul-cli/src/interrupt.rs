//! Ctrl-C: once lets running work finish, twice stops it, a third time gives up on cleaning up. SIGTERM stops at once.
//!
//! Children run in process groups of their own, so a Ctrl-C of the terminal reaches this process alone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);
static TERMINATED: AtomicBool = AtomicBool::new(false);

/// Watches the signals until dropped, then puts back what was there: a host such as Python has handlers of its own.
#[derive(Debug)]
pub(crate) struct Interrupt {
    #[cfg(unix)]
    before: Vec<(libc::c_int, unix::Action)>,
}

impl Interrupt {
    pub(crate) fn watch() -> Self {
        INTERRUPTS.store(0, Ordering::SeqCst);
        TERMINATED.store(false, Ordering::SeqCst);
        Self {
            #[cfg(unix)]
            before: [libc::SIGINT, libc::SIGTERM].into_iter().filter_map(unix::watch).collect(),
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        #[cfg(unix)]
        for (signal, action) in self.before.drain(..) {
            unix::restore(signal, &action);
        }
    }
}

/// No new repository starts.
pub(crate) fn draining() -> bool {
    INTERRUPTS.load(Ordering::SeqCst) > 0 || terminated()
}

/// What runs is stopped.
pub(crate) fn stopping() -> bool {
    INTERRUPTS.load(Ordering::SeqCst) > 1 || terminated()
}

/// It was SIGTERM.
pub(crate) fn terminated() -> bool {
    TERMINATED.load(Ordering::SeqCst)
}

#[cfg(unix)]
mod unix {
    use super::{INTERRUPTS, Ordering, TERMINATED};

    /// What a signal did before.
    pub(super) struct Action(libc::sigaction);

    impl std::fmt::Debug for Action {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Action")
        }
    }

    extern "C" fn on_signal(signal: libc::c_int) {
        if signal == libc::SIGTERM {
            TERMINATED.store(true, Ordering::SeqCst);
        } else if INTERRUPTS.fetch_add(1, Ordering::SeqCst) >= 2 {
            // SAFETY: _exit is async-signal-safe. The kernel kills the children with this process.
            unsafe { libc::_exit(crate::exit::INTERRUPTED) }
        }
    }

    /// None if the signal is ignored (as for a command that a shell put into the background): it stays ignored.
    pub(super) fn watch(signal: libc::c_int) -> Option<(libc::c_int, Action)> {
        // SAFETY: both structures live through the call; the handler only stores to atomics or calls _exit.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &mut before) != 0 || before.sa_sigaction == libc::SIG_IGN {
                return None;
            }
            let mut ours: libc::sigaction = std::mem::zeroed();
            ours.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as libc::sighandler_t;
            ours.sa_flags = libc::SA_RESTART;
            libc::sigemptyset(&mut ours.sa_mask);
            (libc::sigaction(signal, &ours, std::ptr::null_mut()) == 0).then_some((signal, Action(before)))
        }
    }

    pub(super) fn restore(signal: libc::c_int, action: &Action) {
        // SAFETY: the structure came from sigaction for the same signal.
        unsafe {
            libc::sigaction(signal, &action.0, std::ptr::null_mut());
        }
    }
}
