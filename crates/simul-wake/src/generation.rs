//! Which process this is, counted in forks.
//!
//! After `fork()` the child owns copies of everything, but none of the threads that kept it going: a lock may be held
//! for ever, a socket belongs to the parent. So everything carries the generation it was born in, and whoever meets an
//! older one leaves it alone. The child's handler does atomic stores and `close(2)` only, which are
//! async-signal-safe.

use std::sync::Once;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(1);
static WATCH: Once = Once::new();

/// How many sockets the child closes. More are still correct: the peer then sees a close once the child exits too.
const FDS: usize = 4096;
static FD_TABLE: [AtomicI32; FDS] = [const { AtomicI32::new(-1) }; FDS];

/// The number of this process: 1, and one more in each forked child.
#[inline]
pub fn current() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Whether something born in `generation` belongs to a process that this one was forked from.
#[inline]
pub fn is_inherited(generation: u32) -> bool {
    generation != current()
}

/// Installs the fork handler, once; the engine calls this before it makes anything that a fork could break.
pub fn watch_forks() {
    WATCH.call_once(|| {
        #[cfg(unix)]
        // SAFETY: the handler is a plain function that lives as long as the process and is async-signal-safe.
        unsafe {
            libc::pthread_atfork(None, None, Some(after_fork_in_child));
        }
    });
}

/// For models, which cannot fork: from now on this process is a child.
#[cfg(simul_loom)]
pub fn pretend_fork() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

#[cfg(unix)]
extern "C" fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    crate::gate::reset_after_fork();
    for place in &FD_TABLE {
        let fd = place.swap(-1, Ordering::Relaxed);
        if fd >= 0 {
            // SAFETY: the table holds open sockets of the engine; its owner removes an entry before it closes the fd,
            // and the owner's copy in this child is never touched again (older generation).
            unsafe {
                libc::close(fd);
            }
        }
    }
}

/// Keeps a socket in the table of what a forked child closes, so that a close here is seen by the peer at once even if
/// a child lives on. Drop it before the socket closes.
#[derive(Debug)]
pub struct CloseInChild {
    place: Option<usize>,
    generation: u32,
}

impl CloseInChild {
    /// Registers `fd`; a full table is no error (see [`self`]).
    pub fn new(fd: i32) -> Self {
        let generation = current();
        let start = fd.unsigned_abs() as usize % FDS;
        let place = (0..FDS)
            .map(|step| (start + step) % FDS)
            .find(|&place| FD_TABLE[place].compare_exchange(-1, fd, Ordering::Relaxed, Ordering::Relaxed).is_ok());
        Self { place, generation }
    }
}

impl Drop for CloseInChild {
    fn drop(&mut self) {
        if let (Some(place), false) = (self.place, is_inherited(self.generation)) {
            FD_TABLE[place].store(-1, Ordering::Relaxed);
        }
    }
}
