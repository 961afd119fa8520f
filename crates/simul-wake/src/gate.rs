//! The interpreter's exit, seen from Rust.
//!
//! A thread that re-attaches to an interpreter which is being torn down is killed in the middle of a Rust frame. So
//! every section that is about to attach enters the gate; the exit hook closes it, waits for those inside, and from
//! then on nobody attaches and nothing is delivered: what comes late is leaked with its thread.

use crate::generation;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Top bit: closed. The rest: how many are inside.
static GATE: AtomicUsize = AtomicUsize::new(0);
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Whether the interpreter is exiting.
#[inline]
pub fn is_closed() -> bool {
    GATE.load(Ordering::Acquire) & CLOSED != 0
}

/// A section that may attach to the interpreter.
#[derive(Debug)]
pub struct Inside {
    generation: u32,
}

/// Enters, unless the gate is closed.
#[inline]
pub fn enter() -> Option<Inside> {
    let before = GATE.fetch_add(1, Ordering::AcqRel);
    if before & CLOSED != 0 {
        GATE.fetch_sub(1, Ordering::AcqRel);
        return None;
    }
    Some(Inside { generation: generation::current() })
}

impl Drop for Inside {
    fn drop(&mut self) {
        // A section in which the process was forked is not one of the child's.
        if !generation::is_inherited(self.generation) {
            GATE.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Closes the gate and waits, at most `patience`, until nobody is inside. Call it detached from the interpreter.
///
/// # Returns
/// Whether everybody left in time.
pub fn close(patience: Duration) -> bool {
    GATE.fetch_or(CLOSED, Ordering::AcqRel);
    let started = Instant::now();
    while GATE.load(Ordering::Acquire) != CLOSED {
        if started.elapsed() >= patience {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    true
}

/// A forked child starts with an open gate and nobody inside: the threads that were inside are not in this process.
pub(crate) fn reset_after_fork() {
    GATE.store(0, Ordering::Release);
}

/// Never returns: for a thread that would have to attach after the gate was closed. The process is about to end.
pub fn park_forever() -> ! {
    loop {
        std::thread::park();
    }
}
