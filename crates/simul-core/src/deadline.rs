//! A total budget of time, counted on an injected clock.

use crate::Clock;
use std::time::Duration;

/// The moment by which everything below must have ended.
///
/// # Example
/// ```
/// use simul_core::{Clock, Deadline, FakeClock};
/// use std::time::Duration;
/// let clock = FakeClock::default();
/// let deadline = Deadline::after(&clock, Duration::from_secs(5));
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(deadline.remaining(&clock), Duration::from_secs(3));
/// clock.advance(Duration::from_secs(9));
/// assert!(deadline.expired(&clock));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    at: Duration,
}

impl Deadline {
    /// `budget` from now; a budget too large to count never expires.
    pub fn after(clock: &dyn Clock, budget: Duration) -> Self {
        Self { at: clock.now().saturating_add(budget) }
    }

    /// What is left, zero once expired.
    pub fn remaining(&self, clock: &dyn Clock) -> Duration {
        self.at.saturating_sub(clock.now())
    }

    /// Whether nothing is left.
    pub fn expired(&self, clock: &dyn Clock) -> bool {
        self.remaining(clock).is_zero()
    }

    /// The earlier of two deadlines.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        std::cmp::min(self, other)
    }
}
