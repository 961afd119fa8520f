//! Where every repository stands, from events.

use indexmap::IndexMap;
use simul_git::events::{Event, Phase};
use std::time::Duration;

/// Counts and the repositories that are being worked on.
#[derive(Debug, Default)]
pub(crate) struct Board {
    rows: IndexMap<String, Event>,
    pub(crate) total: usize,
    pub(crate) done: usize,
    pub(crate) failed: usize,
}

/// What an event changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// A repository went into another phase.
    Phase,
    /// More of the same phase.
    Step,
    /// Nothing that is shown.
    Nothing,
}

impl Board {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, ..Self::default() }
    }

    pub(crate) fn apply(&mut self, event: &Event) -> Change {
        let before = self.rows.get(&event.repo).map(|row| row.phase);
        if before.is_some_and(Phase::is_end) {
            return Change::Nothing;
        }
        match event.phase {
            Phase::Done => self.done += 1,
            Phase::Failed => self.failed += 1,
            _ => {}
        }
        self.rows.insert(event.repo.clone(), event.clone());
        if before == Some(event.phase) { Change::Step } else { Change::Phase }
    }

    /// Repositories that are being worked on, in the order they began.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Event> {
        self.rows.values().filter(|event| !event.phase.is_end() && event.phase != Phase::Queued)
    }

    pub(crate) fn queued(&self) -> usize {
        self.total.saturating_sub(self.done + self.failed + self.active().count())
    }

    pub(crate) fn bytes_per_second(&self) -> f64 {
        self.active()
            .filter(|event| event.phase == Phase::Receiving)
            .filter_map(|event| event.rate_bytes_per_second)
            .sum()
    }

    /// How long the rest takes if it goes on so; none before anything has ended.
    pub(crate) fn left(&self, elapsed: Duration) -> Option<Duration> {
        let ended = self.done + self.failed;
        let rest = self.total.checked_sub(ended).filter(|rest| *rest > 0)?;
        (ended > 0).then(|| elapsed.mul_f64(rest as f64 / ended as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_counts_every_repository_once() {
        let mut board = Board::new(3);
        assert_eq!(board.queued(), 3);
        for (repo, phase, change) in [
            ("a", Phase::Queued, Change::Phase),
            ("a", Phase::Receiving, Change::Phase),
            ("a", Phase::Receiving, Change::Step),
            ("b", Phase::Walking, Change::Phase),
            ("a", Phase::Done, Change::Phase),
            ("a", Phase::Done, Change::Nothing),
            ("b", Phase::Failed, Change::Phase),
        ] {
            assert_eq!(board.apply(&Event::new(repo, phase)), change, "{repo} {phase:?}");
        }
        assert_eq!((board.done, board.failed, board.active().count(), board.queued()), (1, 1, 0, 1));
        assert_eq!(board.left(Duration::from_secs(10)), Some(Duration::from_secs(5)));
    }
}
