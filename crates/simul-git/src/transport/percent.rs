//! A transfer's progress as one number.

use crate::events::Phase;

/// The percentage of a whole sync, which never goes back: receiving up to 80, resolving up to 99, done 100.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Percent(u8);

impl Percent {
    /// Takes in one more observation.
    pub(crate) fn update(&mut self, phase: Phase, done: u64, total: Option<u64>) -> u8 {
        let share = total.filter(|total| *total > 0).map_or(0.0, |total| (done as f64 / total as f64).clamp(0.0, 1.0));
        let now = match phase {
            Phase::Receiving => 80.0 * share,
            Phase::Resolving => 80.0 + 19.0 * share,
            Phase::Checking => 99.0,
            Phase::Done => 100.0,
            _ => 0.0,
        };
        self.0 = self.0.max(now as u8);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentage_never_goes_back() {
        let mut percent = Percent::default();
        let seen: Vec<u8> = [
            (Phase::Counting, 25, Some(25)),
            (Phase::Receiving, 10, Some(20)),
            (Phase::Receiving, 5, Some(20)),
            (Phase::Receiving, 20, Some(20)),
            (Phase::Counting, 1, Some(20)),
            (Phase::Resolving, 1, Some(2)),
            (Phase::Resolving, 9, Some(2)),
            (Phase::Done, 0, None),
        ]
        .into_iter()
        .map(|(phase, done, total)| percent.update(phase, done, total))
        .collect();
        assert_eq!(seen, [0, 40, 40, 80, 80, 89, 99, 100]);
    }
}
