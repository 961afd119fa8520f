//! How many lines were added and deleted between two texts, without finding out which.
//!
//! git matches lines with a heuristic search. Where its result is a shortest edit script of the lines that it searches, the two counts follow from
//! the edit distance D and the numbers of lines n and m alone: additions + deletions = D, additions - deletions = m - n.
//! So the distance is all that is computed: lines become numbers, equal heads and tails are cut off, lines that the
//! other side lacks are counted and dropped, and the rest is a greedy search that needs no trace.
//! [`super::ambiguity`] says which lines git sets aside first, and when that or its search cannot be foreseen; then the
//! answer is None and git is asked.
//!
//! Source: E. W. Myers, "An O(ND) difference algorithm and its variations", 1986.

use super::ambiguity;

/// git takes a file for binary that has a NUL among these first bytes.
const LOOKED_AT: usize = 8000;

/// Whether git takes a file for binary by its content.
pub(super) fn is_binary(content: &[u8]) -> bool {
    memchr::memchr(0, &content[..content.len().min(LOOKED_AT)]).is_some()
}

/// Lines added and deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    pub added: u64,
    pub deleted: u64,
}

/// Lines of a text; a last line without its newline counts.
pub(super) fn count(text: &[u8]) -> u64 {
    let newlines = memchr::memchr_iter(b'\n', text).count() as u64;
    newlines + u64::from(text.last().is_some_and(|last| *last != b'\n'))
}

/// Compares pairs of texts; its memory is used again for each.
#[derive(Default)]
pub(super) struct Lines {
    old: Side,
    new: Side,
    table: Table,
    furthest: Vec<i32>,
    as_observed: bool,
}

/// One text's middle, as numbers.
#[derive(Default)]
pub(super) struct Side {
    /// Each line's number.
    pub lines: Vec<u32>,
    /// For each number, how many of this side's lines have it.
    pub times: Vec<u32>,
}

/// Two texts, cut where they begin and end alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut<'a> {
    pub head: &'a [u8],
    pub old: &'a [u8],
    pub new: &'a [u8],
    pub tail: &'a [u8],
}

impl Lines {
    /// For a git that was seen to set lines aside as [`ambiguity`] describes (`as_observed`), or for any.
    pub(super) fn new(as_observed: bool) -> Self {
        Self { as_observed, ..Self::default() }
    }

    /// Lines that git counts between `old` and `new`, or None when only git can tell.
    pub(super) fn compare(&mut self, old: &[u8], new: &[u8]) -> Option<Count> {
        let cut = Cut::of(old, new);
        if cut.old.is_empty() || cut.new.is_empty() {
            return Some(Count { added: count(cut.new), deleted: count(cut.old) });
        }
        self.number(&cut)?;
        let (old_lines, new_lines) = (self.old.lines.len() as u64, self.new.lines.len() as u64);
        let mut outside = None;
        if ambiguity::in_doubt(&self.old, &self.new, &self.table, &cut) {
            if !self.as_observed {
                return None;
            }
            let times = outside.insert(ambiguity::outside(&self.table, &cut));
            let old_aside = ambiguity::set_aside(&self.old, &self.new, times, &cut)?;
            let new_aside = ambiguity::set_aside(&self.new, &self.old, times, &cut)?;
            retain(&mut self.old.lines, &old_aside);
            retain(&mut self.new.lines, &new_aside);
        }
        // What the other side lacks is deleted or added in every script.
        self.old.lines.retain(|line| self.new.times[*line as usize] > 0);
        self.new.lines.retain(|line| self.old.times[*line as usize] > 0);
        let deleted = old_lines - self.old.lines.len() as u64;
        let added = new_lines - self.new.lines.len() as u64;
        let distance = distance(&self.old.lines, &self.new.lines, ambiguity::EXACT, &mut self.furthest)?;
        let total = distance + deleted + added;
        // git keeps lines that match only what was cut off, and they lengthen its search.
        if total > ambiguity::EXACT {
            let outside = outside.unwrap_or_else(|| ambiguity::outside(&self.table, &cut));
            if distance + ambiguity::matched_outside(&self.old, &self.new, &outside) > ambiguity::EXACT {
                return None;
            }
        }
        // total = added + deleted, and new - old = added - deleted.
        Some(Count { added: (total + new_lines - old_lines) / 2, deleted: (total + old_lines - new_lines) / 2 })
    }

    fn number(&mut self, cut: &Cut<'_>) -> Option<()> {
        self.table.clear(cut.old.len() + cut.new.len())?;
        for (text, side, from) in [(cut.old, &mut self.old, 0), (cut.new, &mut self.new, cut.old.len())] {
            side.lines.clear();
            let mut start = 0;
            for line in split(text) {
                side.lines.push(self.table.number(line, from + start, cut));
                start += line.len();
            }
        }
        for side in [&mut self.old, &mut self.new] {
            side.times.clear();
            side.times.resize(self.table.len(), 0);
            for line in &side.lines {
                side.times[*line as usize] += 1;
            }
        }
        Some(())
    }
}

impl<'a> Cut<'a> {
    fn of(old: &'a [u8], new: &'a [u8]) -> Self {
        let mut head = common_prefix(old, new);
        // Back to the start of a line, unless one text is the other.
        if head < old.len() || head < new.len() {
            head = memchr::memrchr(b'\n', &old[..head]).map_or(0, |newline| newline + 1);
        }
        let (old_rest, new_rest) = (&old[head..], &new[head..]);
        let mut tail = common_suffix(old_rest, new_rest);
        // Forward to the start of a line in both texts.
        let starts_line = |rest: &[u8]| rest.len() == tail || rest[rest.len() - tail - 1] == b'\n';
        if tail > 0 && !(starts_line(old_rest) && starts_line(new_rest)) {
            let common = &old_rest[old_rest.len() - tail..];
            tail -= memchr::memchr(b'\n', common).map_or(tail, |newline| newline + 1);
        }
        Self {
            head: &old[..head],
            old: &old_rest[..old_rest.len() - tail],
            new: &new_rest[..new_rest.len() - tail],
            tail: &old_rest[old_rest.len() - tail..],
        }
    }

    /// The text of a line by where it starts in both middles laid end to end.
    fn line(&self, start: u32, length: u32) -> &'a [u8] {
        let (start, length) = (start as usize, length as usize);
        match start.checked_sub(self.old.len()) {
            None => &self.old[start..start + length],
            Some(start) => &self.new[start..start + length],
        }
    }
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 64;
    let equal = a.chunks_exact(STEP).zip(b.chunks_exact(STEP)).take_while(|(a, b)| a == b).count() * STEP;
    equal + a[equal..].iter().zip(&b[equal..]).take_while(|(a, b)| a == b).count()
}

fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 64;
    let equal = a.rchunks_exact(STEP).zip(b.rchunks_exact(STEP)).take_while(|(a, b)| a == b).count() * STEP;
    let (a, b) = (&a[..a.len() - equal], &b[..b.len() - equal]);
    equal + a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// Lines with their newlines.
pub(super) fn split(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        Some(line)
    })
}

/// Drops the lines set aside.
fn retain(lines: &mut Vec<u32>, aside: &[bool]) {
    let mut aside = aside.iter();
    lines.retain(|_| aside.next() == Some(&false));
}

/// The edit distance (insertions and deletions), or None above `most`.
fn distance(old: &[u32], new: &[u32], most: u64, furthest: &mut Vec<i32>) -> Option<u64> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    if old.is_empty() || new.is_empty() {
        let rest = (old.len() + new.len()) as u64;
        return (rest <= most).then_some(rest);
    }
    let (rows, columns) = (i32::try_from(old.len()).ok()?, i32::try_from(new.len()).ok()?);
    let most = i32::try_from(most).ok()?.min(rows + columns);
    // furthest[middle + k]: how far into `old` a path on diagonal k (old - new) comes with the edits so far; -1 if none.
    let middle = most + 1;
    furthest.clear();
    furthest.resize(2 * middle as usize + 1, -1);
    for edits in 0..=most {
        // Diagonals beyond either text hold no path.
        let lowest = -edits + 2 * (edits - columns).max(0);
        let highest = edits - 2 * (edits - rows).max(0);
        for diagonal in (lowest..=highest).step_by(2) {
            let slot = (middle + diagonal) as usize;
            let mut x = if edits == 0 {
                0
            } else {
                // A line of `old` is deleted, or one of `new` is inserted.
                let (below, above) = (furthest[slot - 1], furthest[slot + 1]);
                let deleted = if (0..rows).contains(&below) { below + 1 } else { -1 };
                let inserted = if above - diagonal <= columns { above } else { -1 };
                deleted.max(inserted)
            };
            if x >= 0 {
                let mut y = x - diagonal;
                while x < rows && y < columns && old[x as usize] == new[y as usize] {
                    x += 1;
                    y += 1;
                }
                if x == rows && y == columns {
                    return Some(u64::from(edits.unsigned_abs()));
                }
            }
            furthest[slot] = x;
        }
    }
    None
}

/// Numbers for lines: equal lines, compared byte by byte, have one number.
#[derive(Default)]
pub(super) struct Table {
    /// Number + 1 of the line in each slot, 0 if free. Its length is a power of two.
    slots: Vec<u32>,
    /// Hash, start and length of each numbered line.
    known: Vec<(u64, u32, u32)>,
}

impl Table {
    fn clear(&mut self, bytes: usize) -> Option<()> {
        // Positions are kept in 32 bits.
        u32::try_from(bytes).ok()?;
        self.known.clear();
        if self.slots.len() > 1 << 16 {
            self.slots = Vec::new();
        }
        self.slots.fill(0);
        Some(())
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// A line's number; `start` is where it begins in both middles laid end to end.
    fn number(&mut self, line: &[u8], start: usize, cut: &Cut<'_>) -> u32 {
        if self.known.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = hash(line);
        match self.slot(line, hash, cut) {
            Ok(number) => number,
            Err(slot) => {
                let number = self.known.len() as u32;
                self.known.push((hash, start as u32, line.len() as u32));
                self.slots[slot] = number + 1;
                number
            }
        }
    }

    /// The number of a line that may not have one.
    pub(super) fn find(&self, line: &[u8], cut: &Cut<'_>) -> Option<u32> {
        self.slot(line, hash(line), cut).ok()
    }

    /// A numbered line's text.
    pub(super) fn text<'a>(&self, number: u32, cut: &Cut<'a>) -> &'a [u8] {
        let (_, start, length) = self.known[number as usize];
        cut.line(start, length)
    }

    fn slot(&self, line: &[u8], hash: u64, cut: &Cut<'_>) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = (hash >> 32) as usize & mask;
        loop {
            let Some(number) = self.slots[slot].checked_sub(1) else { return Err(slot) };
            let (known, start, length) = self.known[number as usize];
            if known == hash && cut.line(start, length) == line {
                return Ok(number);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(64);
        self.slots.clear();
        self.slots.resize(size, 0);
        for (number, (hash, ..)) in self.known.iter().enumerate() {
            let mut slot = (hash >> 32) as usize & (size - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = number as u32 + 1;
        }
    }
}

/// Eight bytes at a time. Collisions cost time, never a wrong count.
fn hash(line: &[u8]) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = line.len() as u64;
    let (words, rest) = line.as_chunks::<8>();
    for word in words {
        state = (state.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(SPREAD);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    state = (state.rotate_left(23) ^ u64::from_le_bytes(last)).wrapping_mul(SPREAD);
    state ^ state >> 29
}

#[cfg(test)]
mod tests;
