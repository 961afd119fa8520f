//! How many process groups are alive: the far end at which `jobs` is judged.

use std::sync::atomic::{AtomicUsize, Ordering};

static LIVE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Groups of this process that have been spawned and not yet been killed and reaped.
pub fn live_groups() -> usize {
    LIVE.load(Ordering::Acquire)
}

/// The most groups that were ever alive together in this process.
pub fn max_live_groups() -> usize {
    MOST.load(Ordering::Acquire)
}

/// One living group.
#[derive(Debug)]
pub(super) struct Live(());

impl Live {
    pub(super) fn begin() -> Self {
        let now = LIVE.fetch_add(1, Ordering::AcqRel) + 1;
        MOST.fetch_max(now, Ordering::AcqRel);
        Self(())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Forgets the groups of the process that this one was forked from.
pub(super) fn restart() {
    LIVE.store(0, Ordering::Release);
    MOST.store(0, Ordering::Release);
}
