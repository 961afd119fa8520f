//! Which lines git sets aside before it matches, and when that cannot be told.
//!
//! git's script is a shortest one but for two things. (1) Its search gives up exactness once one box has cost more than
//! 256 in each direction, which a distance of [`EXACT`] can never reach. (2) Before the search it sets aside a line that
//! occurs very often in the other text when the lines around it have no match at all. Observed from outside, with texts
//! made for it (docs/decisions/0002-history-hybrid.md):
//! - "very often" starts at the smallest power of two whose square exceeds the number of lines of the line's own text;
//! - the surroundings are a run of lines that are all frequent or unmatched, at most [`WINDOW`] to each side, with
//!   unmatched ones before and after;
//! - k frequent lines amid s unmatched ones are set aside when s is more than 3 (k + 1).
//!
//! [`super::calibration`] asks the installed git whether it still works like that. If not, any doubt goes to git.

use super::lines::{Cut, Side, Table, count, split};

/// Up to this distance git's search is exact.
pub(super) const EXACT: u64 = 500;
/// Unmatched lines that weigh as much as one frequent line.
const OUTNUMBERED: i64 = 3;
/// What unmatched lines must outweigh the other frequent ones by, at most, while git sets nothing aside.
const KEPT: i64 = 2 * OUTNUMBERED;
/// Lines that git looks at on each side.
const WINDOW: usize = 100;
/// The window is known only about: where one of these would decide otherwise, git is asked.
const WINDOWS: [usize; 3] = [WINDOW - 2, WINDOW, WINDOW + 2];
/// However long a text is, a line that occurs this often is frequent.
const MOST_OFTEN: u64 = 1024;

/// Whether git may set a line aside that has matches: cheap, and true too often rather than too seldom.
pub(super) fn in_doubt(old: &Side, new: &Side, table: &Table, cut: &Cut<'_>) -> bool {
    let mut frequent = Frequent { table, cut, threshold: None, outside: Vec::new() };
    frequent.amid_unmatched(old, new) || frequent.amid_unmatched(new, old)
}

/// For each numbered line, how often it occurs in what was cut off.
pub(super) fn outside(table: &Table, cut: &Cut<'_>) -> Vec<u32> {
    let mut times = vec![0; table.len()];
    for line in split(cut.head).chain(split(cut.tail)) {
        if let Some(number) = table.find(line, cut) {
            times[number as usize] += 1;
        }
    }
    times
}

/// Of the lines that the other middle lacks, how many occur in what was cut off: git keeps those, and they lengthen its
/// search. The sides may hold only matched lines by now; they still know how often each number occurred.
pub(super) fn matched_outside(old: &Side, new: &Side, outside: &[u32]) -> u64 {
    let lines = |(number, _)| match (old.times[number], new.times[number]) {
        (lines, 0) | (0, lines) => u64::from(lines),
        _ => 0,
    };
    outside.iter().enumerate().filter(|(_, times)| **times > 0).map(lines).sum()
}

/// Which lines of `side` git sets aside, by position; None when that cannot be told.
pub(super) fn set_aside(side: &Side, other: &Side, outside: &[u32], cut: &Cut<'_>) -> Option<Vec<bool>> {
    let often = threshold(count(cut.head) + side.lines.len() as u64 + count(cut.tail));
    let classes: Vec<Class> = side
        .lines
        .iter()
        .map(|line| match u64::from(other.times[*line as usize]) + u64::from(outside[*line as usize]) {
            0 => Class::Unmatched,
            times if times >= often => Class::Frequent,
            _ => Class::Matched,
        })
        .collect();
    let decide = |at: usize, window: usize| {
        let before = surroundings(classes[..at].iter().rev().take(window));
        let after = surroundings(classes[at + 1..].iter().take(window));
        let [(lone_before, weight_before), (lone_after, weight_after)] = [before, after];
        lone_before && lone_after && weight_before + weight_after > KEPT
    };
    (0..classes.len())
        .map(|at| {
            if classes[at] != Class::Frequent {
                return Some(false);
            }
            let [shorter, usual, longer] = WINDOWS.map(|window| decide(at, window));
            (shorter == usual && usual == longer).then_some(usual)
        })
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Unmatched,
    Frequent,
    Matched,
}

/// Whether a run holds an unmatched line, and by how much its unmatched lines outweigh its frequent ones.
fn surroundings<'a>(run: impl Iterator<Item = &'a Class>) -> (bool, i64) {
    run.take_while(|class| **class != Class::Matched).fold((false, 0), |(unmatched, weight), class| match class {
        Class::Unmatched => (true, weight + 1),
        _ => (unmatched, weight - OUTNUMBERED),
    })
}

/// From how many occurrences on a line is frequent, in a text of `lines` lines.
fn threshold(lines: u64) -> u64 {
    let mut often = 1;
    while often * often <= lines && often < MOST_OFTEN {
        often *= 2;
    }
    often
}

struct Frequent<'a> {
    table: &'a Table,
    cut: &'a Cut<'a>,
    threshold: Option<u64>,
    /// For each number, its occurrences in head and tail, plus one; 0 while not counted.
    outside: Vec<u32>,
}

impl Frequent<'_> {
    /// Whether a frequent line stands where unmatched lines might outweigh the others, wherever its run ends: as if every
    /// matched line were frequent, and the heaviest part of the text before and after it its surroundings.
    fn amid_unmatched(&mut self, side: &Side, other: &Side) -> bool {
        let value = |line: &u32| if other.times[*line as usize] == 0 { 1 } else { -OUTNUMBERED };
        let unmatched = side.lines.iter().filter(|line| value(line) > 0).count();
        // One less than git needs.
        if (unmatched as i64) < KEPT {
            return false;
        }
        let mut after: Vec<i64> = vec![0; side.lines.len() + 1];
        for (at, line) in side.lines.iter().enumerate().rev() {
            after[at] = (after[at + 1] + value(line)).max(0);
        }
        let mut before = 0;
        for (at, line) in side.lines.iter().enumerate() {
            let value = value(line);
            if value < 0 && before + after[at + 1] >= KEPT && self.is_frequent(*line, other) {
                return true;
            }
            before = (before + value).max(0);
        }
        false
    }

    fn is_frequent(&mut self, line: u32, other: &Side) -> bool {
        let threshold = self.threshold();
        let inside = u64::from(other.times[line as usize]);
        inside >= threshold || inside + u64::from(self.outside(line)) >= threshold
    }

    /// At most git's, which counts the lines of the whole text.
    fn threshold(&mut self) -> u64 {
        *self
            .threshold
            .get_or_insert_with(|| threshold(count(self.cut.head) + count(self.cut.old).min(count(self.cut.new))))
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
