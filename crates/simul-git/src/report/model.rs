//! The numbers of a report, gathered row by row.

use super::calendar;
use crate::RepoError;
use indexmap::IndexMap;
use std::collections::{BTreeMap, HashSet};

/// How many files of one repository are kept for the page, most changed first.
const FILES_KEPT: usize = 40;

/// Everything that the page shows.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// When the report was made, seconds since the epoch.
    pub made_at: i64,
    /// Version of simul.
    pub simul_version: String,
    /// Version of git, if known.
    pub git_version: Option<String>,
    /// Which part of each history was read.
    pub scope: Scope,
    /// In the caller's order.
    pub repositories: Vec<RepoReport>,
}

/// Which part of each history was read, in the words of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// "head", "all", or names of refs.
    pub refs: String,
    /// "zero", "first-parent" or "combined".
    pub merges: String,
    /// Whether every file was blamed.
    pub ownership: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self { refs: "head".to_owned(), merges: "zero".to_owned(), ownership: true }
    }
}

/// One repository: what was read, and what went wrong.
#[derive(Debug, Clone, Default)]
pub struct RepoReport {
    /// The caller's string, credentials removed.
    pub source: String,
    /// A name to show for a local path such as `.`; by default the end of `source` is used.
    pub name: Option<String>,
    /// Absent if nothing could be read.
    pub stats: Option<RepoStats>,
    /// Why it could not be read, or which part could not.
    pub problems: Vec<RepoError>,
}

/// Who wrote something: name and email after .mailmap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Identity {
    /// Name.
    pub name: String,
    /// Email address.
    pub email: String,
}

/// One author's part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorStats {
    /// Commits written, merges included.
    pub commits: u64,
    /// Lines added.
    pub additions: u64,
    /// Lines deleted.
    pub deletions: u64,
    /// Lines at the revision that this author wrote.
    pub lines: u64,
    /// First and last day (days since the epoch, in the author's own offset).
    pub days: Option<(i32, i32)>,
    /// Repositories with a commit or a line of this author; 1 within one repository.
    pub repositories: u32,
}

/// How often one file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileStats {
    /// Commits that changed it.
    pub changes: u64,
    /// Lines added.
    pub additions: u64,
    /// Lines deleted.
    pub deletions: u64,
}

/// What happened on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayStats {
    /// Commits, by the author's date.
    pub commits: u64,
    /// Lines added.
    pub additions: u64,
    /// Lines deleted.
    pub deletions: u64,
}

/// One commit, as far as a report counts it.
#[derive(Debug, Clone, Copy)]
pub struct CommitRow<'a> {
    /// Author's name after .mailmap.
    pub author_name: &'a str,
    /// Author's email after .mailmap.
    pub author_email: &'a str,
    /// Author's time, seconds since the epoch.
    pub seconds: i64,
    /// Author's offset from UTC in minutes.
    pub offset_minutes: i32,
    /// Lines added.
    pub additions: u64,
    /// Lines deleted.
    pub deletions: u64,
    /// More than one parent.
    pub is_merge: bool,
}

/// The numbers of one repository.
#[derive(Debug, Clone, Default)]
pub struct RepoStats {
    /// The commit that was read, hex.
    pub head: Option<String>,
    /// The history is cut: the numbers are a part.
    pub shallow: bool,
    /// Branches, remote ones included.
    pub branches: u64,
    /// Tags.
    pub tags: u64,
    /// Commits, merges included.
    pub commits: u64,
    /// Of these, merges.
    pub merges: u64,
    /// Lines added.
    pub additions: u64,
    /// Lines deleted.
    pub deletions: u64,
    /// Text files at the revision, if they were blamed.
    pub files: Option<u64>,
    /// Lines in them.
    pub lines: u64,
    /// By author.
    pub authors: IndexMap<Identity, AuthorStats>,
    /// By path; [`RepoStats::finish`] keeps the most changed.
    pub changed: IndexMap<String, FileStats>,
    /// How many paths were ever changed.
    pub changed_paths: u64,
    /// By day since the epoch, in the author's own offset.
    pub days: BTreeMap<i32, DayStats>,
    /// Commits by weekday (Monday first) and hour, in the author's own offset.
    pub hours: [[u64; 24]; 7],
    owned_paths: HashSet<String>,
}

impl RepoStats {
    /// Nothing counted yet, of the commit `head`.
    pub fn at(head: Option<String>, shallow: bool) -> Self {
        Self { head, shallow, ..Self::default() }
    }

    /// Counts one commit.
    pub fn add_commit(&mut self, row: CommitRow<'_>) {
        let local = row.seconds.saturating_add(i64::from(row.offset_minutes) * 60);
        let day = calendar::day_of(local);
        let hour = local.rem_euclid(86_400) / 3_600;
        self.commits += 1;
        self.merges += u64::from(row.is_merge);
        self.additions += row.additions;
        self.deletions += row.deletions;
        let on_day = self.days.entry(day).or_default();
        on_day.commits += 1;
        on_day.additions += row.additions;
        on_day.deletions += row.deletions;
        self.hours[calendar::weekday(day)][usize::try_from(hour).expect("0 to 23, by rem_euclid")] += 1;
        let author = self.author(row.author_name, row.author_email);
        author.commits += 1;
        author.additions += row.additions;
        author.deletions += row.deletions;
        author.days = Some(author.days.map_or((day, day), |(first, last)| (first.min(day), last.max(day))));
    }

    /// Counts one changed file; a binary file has no lines.
    pub fn add_change(&mut self, path: &str, additions: Option<u64>, deletions: Option<u64>) {
        let file = match self.changed.get_mut(path) {
            Some(file) => file,
            None => self.changed.entry(path.to_owned()).or_default(),
        };
        file.changes += 1;
        file.additions += additions.unwrap_or(0);
        file.deletions += deletions.unwrap_or(0);
    }

    /// Counts the lines of one file that one author wrote.
    pub fn add_ownership(&mut self, path: &str, name: &str, email: &str, lines: u64) {
        if !self.owned_paths.contains(path) {
            self.owned_paths.insert(path.to_owned());
        }
        self.files = Some(self.owned_paths.len() as u64);
        self.lines += lines;
        self.author(name, email).lines += lines;
    }

    /// Sorts authors (most commits first) and keeps the most changed files: what the page needs, in little memory.
    pub fn finish(&mut self) {
        self.changed_paths = self.changed.len() as u64;
        self.changed.sort_by(|a_path, a, b_path, b| b.churn().cmp(&a.churn()).then_with(|| a_path.cmp(b_path)));
        self.changed.truncate(FILES_KEPT);
        self.changed.shrink_to_fit();
        self.authors.sort_by(|a_who, a, b_who, b| b.rank().cmp(&a.rank()).then_with(|| a_who.cmp(b_who)));
        self.owned_paths = HashSet::new();
    }

    /// First and last day with a commit.
    pub fn span(&self) -> Option<(i32, i32)> {
        Some((*self.days.keys().next()?, *self.days.keys().next_back()?))
    }

    /// Who owns most lines.
    pub fn top_owner(&self) -> Option<(&Identity, u64)> {
        let (who, author) = self.authors.iter().max_by(|(_, a), (_, b)| a.lines.cmp(&b.lines))?;
        (author.lines > 0).then_some((who, author.lines))
    }

    fn author(&mut self, name: &str, email: &str) -> &mut AuthorStats {
        let author = self.authors.entry(Identity { name: name.to_owned(), email: email.to_owned() }).or_default();
        author.repositories = 1;
        author
    }
}

impl AuthorStats {
    /// Most commits first, then most lines.
    pub(super) fn rank(&self) -> (u64, u64, u64) {
        (self.commits, self.additions + self.deletions, self.lines)
    }
}

impl FileStats {
    /// Most lines touched first, then most commits.
    pub(super) fn churn(&self) -> (u64, u64) {
        (self.additions + self.deletions, self.changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, seconds: i64, offset_minutes: i32) -> CommitRow<'_> {
        CommitRow {
            author_name: name,
            author_email: "a@x",
            seconds,
            offset_minutes,
            additions: 3,
            deletions: 1,
            is_merge: false,
        }
    }

    #[test]
    fn a_commit_counts_on_the_day_and_hour_of_its_author() {
        let mut stats = RepoStats::default();
        // 1970-01-01 (a Thursday) 23:30 UTC is Friday 01:30 two hours east.
        stats.add_commit(row("a", 23 * 3600 + 1800, 120));
        stats.add_commit(row("a", 23 * 3600 + 1800, 0));
        assert_eq!(stats.hours[4][1], 1);
        assert_eq!(stats.hours[3][23], 1);
        assert_eq!(stats.span(), Some((0, 1)));
        assert_eq!(stats.authors[0].days, Some((0, 1)));
        assert_eq!((stats.additions, stats.deletions), (6, 2));
    }

    #[test]
    fn absurd_dates_are_counted_and_do_not_overflow() {
        let mut stats = RepoStats::default();
        stats.add_commit(row("a", i64::MAX, i32::MAX));
        stats.add_commit(row("a", i64::MIN, i32::MIN));
        assert_eq!(stats.commits, 2);
        assert_eq!(stats.days.len(), 2);
    }

    #[test]
    fn finish_keeps_the_most_changed_files_and_says_how_many_there_were() {
        let mut stats = RepoStats::default();
        for n in 0..100 {
            stats.add_change(&format!("f{n}"), Some(n), None);
        }
        stats.finish();
        assert_eq!(stats.changed_paths, 100);
        assert_eq!(stats.changed.len(), FILES_KEPT);
        assert_eq!(stats.changed.get_index(0).map(|(path, _)| path.as_str()), Some("f99"));
    }

    #[test]
    fn ownership_counts_lines_by_author_and_files_once() {
        let mut stats = RepoStats::default();
        stats.add_ownership("a.rs", "a", "a@x", 10);
        stats.add_ownership("a.rs", "b", "b@x", 30);
        stats.add_ownership("b.rs", "a", "a@x", 5);
        assert_eq!(stats.files, Some(2));
        assert_eq!(stats.lines, 45);
        assert_eq!(stats.top_owner().map(|(who, lines)| (who.name.as_str(), lines)), Some(("b", 30)));
    }
}
