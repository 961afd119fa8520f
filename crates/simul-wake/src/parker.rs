//! A thread that sleeps until it is done, poked, or out of time.

use crate::sync::{Condvar, Mutex, lock};
use std::time::Duration;

/// Why a parked thread woke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// What it waited for has ended.
    Done,
    /// Somebody needs this thread for something else (an upcall); what it waits for goes on.
    Poked,
    /// The time was up first.
    TimedOut,
}

#[derive(Debug, Default)]
struct State {
    done: bool,
    poked: bool,
}

/// One thread's bed; `done` is remembered, so that a wake-up before the sleep is not lost.
#[derive(Debug)]
pub struct Parker {
    state: Mutex<State>,
    wake: Condvar,
}

impl Default for Parker {
    fn default() -> Self {
        Self { state: Mutex::new(State::default()), wake: Condvar::new() }
    }
}

impl Parker {
    /// Ends the sleep for good.
    pub fn done(&self) {
        lock(&self.state).done = true;
        self.wake.notify_one();
    }

    /// Wakes the thread for an errand; it is expected to park again.
    pub fn poke(&self) {
        lock(&self.state).poked = true;
        self.wake.notify_one();
    }

    /// Sleeps; `None` means without limit.
    pub fn park(&self, limit: Option<Duration>) -> Woken {
        let mut state = lock(&self.state);
        loop {
            if state.done {
                return Woken::Done;
            }
            if std::mem::take(&mut state.poked) {
                return Woken::Poked;
            }
            match limit {
                None => state = self.wake.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner),
                Some(limit) => {
                    // One wait, no clock arithmetic: callers with a deadline come back and ask again with what is left.
                    let (guard, result) =
                        self.wake.wait_timeout(state, limit).unwrap_or_else(std::sync::PoisonError::into_inner);
                    state = guard;
                    if result.timed_out() && !state.done && !state.poked {
                        return Woken::TimedOut;
                    }
                }
            }
        }
    }
}
