//! When git's line matching might not be shortest, so that only git knows its counts.
//!
//! Two things make git deviate. (1) Its search gives up exactness once one box has cost more than 256 in each direction,
//! which a distance of [`EXACT`] can never reach. (2) Before the search it may set aside a line that occurs very often
//! in the other text when the lines around it have no match at all: in a run of lines that are all frequent or
//! unmatched, with unmatched ones before and after, where the unmatched outnumber the frequent. Observed from outside:
//! "very often" starts at the smallest power of two whose square exceeds the number of lines, and k frequent lines amid
//! s unmatched ones are set aside when s is more than 3 (k + 1).
//! Both tests err on the side of asking git. docs/decisions/0002-history-hybrid.md has the argument and the
//! observations, and the tests compare many thousand random texts with git.

use super::lines::{Cut, Side, Table, count, split};

/// Up to this distance git's search is exact.
pub(super) const EXACT: u64 = 500;
/// Unmatched lines that weigh as much as one frequent line.
const OUTNUMBERED: i64 = 3;
/// What unmatched lines must outweigh the other frequent ones by before git sets one aside; git needs one more.
const DOUBTFUL: i64 = 2 * OUTNUMBERED - 1;
/// Lines that are looked at on each side; git looks at fewer.
const WINDOW: usize = 128;
/// However long a text is, a line that occurs this often is frequent.
const MOST_OFTEN: u64 = 1024;

/// Whether git may set lines aside that have matches.
pub(super) fn may_discard(old: &Side, new: &Side, table: &Table, cut: &Cut<'_>) -> bool {
    let mut frequent = Frequent { table, cut, threshold: None, outside: Vec::new() };
    frequent.stand_between_unmatched(old, new) || frequent.stand_between_unmatched(new, old)
}

/// How many of the lines that the other middle lacks do occur in what was cut off. `old` and `new` hold only matched
/// lines by now, but still know how often each number occurred.
pub(super) fn matched_outside(old: &Side, new: &Side, table: &Table, cut: &Cut<'_>) -> u64 {
    let mut seen = vec![false; table.len()];
    for line in split(cut.head).chain(split(cut.tail)) {
        if let Some(number) = table.find(line, cut) {
            seen[number as usize] = true;
        }
    }
    let lines = |number: usize| match (old.times[number], new.times[number]) {
        (lines, 0) | (0, lines) => u64::from(lines),
        _ => 0,
    };
    (0..table.len()).filter(|number| seen[*number]).map(lines).sum()
}

struct Frequent<'a> {
    table: &'a Table,
    cut: &'a Cut<'a>,
    threshold: Option<u64>,
    /// For each number, its occurrences in head and tail, plus one; 0 while not counted.
    outside: Vec<u32>,
}

impl Frequent<'_> {
    /// Whether a frequent line stands where git may set it aside.
    fn stand_between_unmatched(&mut self, side: &Side, other: &Side) -> bool {
        let matched = |at: usize| other.times[side.lines[at] as usize] > 0;
        let unmatched = (0..side.lines.len()).filter(|at| !matched(*at)).count() as i64;
        if unmatched <= DOUBTFUL {
            return false;
        }
        (0..side.lines.len()).any(|at| {
            // First as if every matched line were frequent, which needs no counting.
            matched(at)
                && self.surrounded(side, other, at, false)
                && self.is_frequent(side.lines[at], other)
                && self.surrounded(side, other, at, true)
        })
    }

    /// Whether unmatched lines on both sides of the line at `at` outnumber the frequent ones in its run, wherever the
    /// run ends for git: each part of it is weighed.
    fn surrounded(&mut self, side: &Side, other: &Side, at: usize, counting: bool) -> bool {
        let lines = &side.lines;
        let before = self.weight(lines[..at].iter().rev(), other, counting);
        let Some(before) = before else { return false };
        let after = self.weight(lines[at + 1..].iter(), other, counting);
        after.is_some_and(|after| before + after > DOUBTFUL)
    }

    /// The most that unmatched lines can outweigh frequent ones in any run that starts here; None without an unmatched.
    fn weight<'l>(&mut self, run: impl Iterator<Item = &'l u32>, other: &Side, counting: bool) -> Option<i64> {
        let mut weight = 0;
        let mut most = None;
        for line in run.take(WINDOW) {
            if other.times[*line as usize] == 0 {
                weight += 1;
                most = most.max(Some(weight));
            } else if counting && !self.is_frequent(*line, other) {
                break;
            } else {
                weight -= OUTNUMBERED;
            }
        }
        most
    }

    fn is_frequent(&mut self, line: u32, other: &Side) -> bool {
        let threshold = self.threshold();
        let inside = u64::from(other.times[line as usize]);
        inside >= threshold || inside + u64::from(self.outside(line)) >= threshold
    }

    /// At most git's: it counts the lines of the whole text, of which head and middle are a part.
    fn threshold(&mut self) -> u64 {
        *self.threshold.get_or_insert_with(|| {
            let lines = count(self.cut.head) + count(self.cut.old).min(count(self.cut.new));
            let mut often = 1;
            while often * often <= lines && often < MOST_OFTEN {
                often *= 2;
            }
            often
        })
    }

    fn outside(&mut self, line: u32) -> u32 {
        if self.outside.is_empty() {
            self.outside.resize(self.table.len(), 0);
        }
        let known = self.outside[line as usize];
        if known > 0 {
            return known - 1;
        }
        let text = self.table.text(line, self.cut);
        let counted = occurrences(self.cut.head, text) + occurrences(self.cut.tail, text);
        self.outside[line as usize] = counted + 1;
        counted
    }
}

/// How often `line` (with its newline) is a line of `text`, which begins at the start of a line.
fn occurrences(text: &[u8], line: &[u8]) -> u32 {
    if text.len() < line.len() || line.last() != Some(&b'\n') {
        return 0;
    }
    let found = memchr::memmem::find_iter(text, line).filter(|at| *at == 0 || text[*at - 1] == b'\n').count();
    u32::try_from(found).unwrap_or(u32::MAX - 1)
}
