//! Engine threads block every signal, so that Python's handlers run on Python's threads.

#[cfg(unix)]
fn swap_mask(how: libc::c_int, set: &libc::sigset_t) -> libc::sigset_t {
    // SAFETY: both sets are valid for the call; the old one is written before it is read.
    unsafe {
        let mut old = std::mem::zeroed();
        libc::pthread_sigmask(how, set, &mut old);
        old
    }
}

#[cfg(unix)]
fn every_signal() -> libc::sigset_t {
    // SAFETY: sigfillset initialises the set.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigfillset(&mut set);
        set
    }
}

/// Blocks every signal on this thread, for good.
pub fn block_all() {
    #[cfg(unix)]
    swap_mask(libc::SIG_SETMASK, &every_signal());
}

/// Runs `start` with every signal blocked, so that the threads it starts are born so and no signal slips in between.
pub fn blocked<T>(start: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    {
        struct Restore(libc::sigset_t);
        impl Drop for Restore {
            fn drop(&mut self) {
                swap_mask(libc::SIG_SETMASK, &self.0);
            }
        }
        let _restore = Restore(swap_mask(libc::SIG_SETMASK, &every_signal()));
        start()
    }
    #[cfg(not(unix))]
    start()
}
