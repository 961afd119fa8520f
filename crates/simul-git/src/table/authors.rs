//! Who wrote a repository's commits: one row per identity.

use super::rows::{Rows, count};
use super::{Cell, Table, TableKind};
use crate::record::Commit;
use std::collections::HashMap;

/// Commits into the authors table: one row per name and email after .mailmap, as `git shortlog -se` counts.
///
/// # Example
/// ```
/// use simul_git::{record::Commit, table::{AuthorsBuilder, Cell}};
/// let mut builder = AuthorsBuilder::new("alice/hw1");
/// builder.push(&Commit::default());
/// builder.push(&Commit::default());
/// let authors = builder.finish();
/// assert_eq!((authors.num_rows(), authors.value(0, "commits")), (1, Cell::Int(2)));
/// ```
#[derive(Debug)]
pub struct AuthorsBuilder {
    repo: String,
    sums: HashMap<(String, String), Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    commits: i64,
    merges: i64,
    additions: i64,
    deletions: i64,
    first: Option<i64>,
    last: Option<i64>,
}

impl Sums {
    fn add(&mut self, is_merge: bool, additions: i64, deletions: i64, seconds: Option<i64>) {
        self.commits += 1;
        self.merges += i64::from(is_merge);
        self.additions = self.additions.saturating_add(additions);
        self.deletions = self.deletions.saturating_add(deletions);
        if let Some(seconds) = seconds {
            self.first = Some(self.first.map_or(seconds, |first| first.min(seconds)));
            self.last = Some(self.last.map_or(seconds, |last| last.max(seconds)));
        }
    }
}

impl AuthorsBuilder {
    /// Starts an empty table; `repo` fills its first column (see [`repo_label`](super::repo_label)).
    pub fn new(repo: &str) -> Self {
        Self { repo: repo.to_owned(), sums: HashMap::new() }
    }

    /// Counts a commit.
    pub fn push(&mut self, commit: &Commit) {
        let seconds = super::rows::shown_seconds(commit.author.seconds);
        self.identity(&commit.author.name, &commit.author.email).add(
            commit.is_merge,
            count(commit.additions),
            count(commit.deletions),
            seconds,
        );
    }

    fn identity(&mut self, name: &str, email: &str) -> &mut Sums {
        self.sums.entry((name.to_owned(), email.to_owned())).or_default()
    }

    /// The finished table: most commits first, then by name and email.
    pub fn finish(self) -> Table {
        let mut rows = Rows::new(TableKind::Authors, &self.repo);
        self.write(&mut rows);
        rows.finish()
    }

    fn write(self, rows: &mut Rows) {
        rows.relabel(&self.repo);
        let mut sorted: Vec<_> = self.sums.into_iter().collect();
        sorted.sort_by(|(a, x), (b, y)| y.commits.cmp(&x.commits).then_with(|| a.cmp(b)));
        for ((name, email), sums) in &sorted {
            rows.row()
                .text(&**name)
                .text(&**email)
                .int(sums.commits)
                .int(sums.merges)
                .int(sums.additions)
                .int(sums.deletions)
                .time(sums.first)
                .time(sums.last)
                .end();
        }
    }
}

impl Table {
    /// The authors of a commits table: one row per repository and identity.
    ///
    /// # Returns
    /// None if this is another table than commits.
    pub fn authors(&self) -> Option<Table> {
        if self.kind() != TableKind::Commits {
            return None;
        }
        let mut repos: Vec<AuthorsBuilder> = Vec::new();
        let mut positions: HashMap<String, usize> = HashMap::new();
        for row in 0..self.num_rows() {
            let repo = self.text(row, "repo");
            let position = *positions.entry(repo.to_owned()).or_insert_with(|| {
                repos.push(AuthorsBuilder::new(repo));
                repos.len() - 1
            });
            repos[position].identity(self.text(row, "author_name"), self.text(row, "author_email")).add(
                self.value(row, "is_merge") == Cell::Bool(true),
                self.int(row, "additions"),
                self.int(row, "deletions"),
                self.seconds(row, "author_time"),
            );
        }
        let mut rows = Rows::new(TableKind::Authors, "");
        for repo in repos {
            repo.write(&mut rows);
        }
        Some(rows.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Signature;
    use crate::table::CommitsBuilder;

    fn commit(name: &str, seconds: i64, additions: u64, is_merge: bool) -> Commit {
        let author = Signature { name: name.into(), email: "e@x".into(), seconds, ..Signature::default() };
        Commit { author, additions, is_merge, ..Commit::default() }
    }

    #[test]
    fn a_table_of_commits_and_the_commits_themselves_give_the_same_authors() {
        let commits = [
            commit("b", 5, 1, false),
            commit("a", 9, 2, true),
            commit("b", 3, 4, false),
            commit("c", i64::MAX, 0, false),
        ];
        let (mut direct, mut table) = (AuthorsBuilder::new("r"), CommitsBuilder::new("r"));
        for commit in &commits {
            direct.push(commit);
            table.push(commit);
        }
        let (direct, derived) = (direct.finish(), table.finish().authors().expect("these are commits"));
        assert_eq!(direct, derived);
        let names: Vec<_> = (0..3).map(|row| direct.value(row, "name")).collect();
        assert_eq!(names, [Cell::Text("b"), Cell::Text("a"), Cell::Text("c")]);
        assert_eq!(direct.value(0, "additions"), Cell::Int(5));
        assert_eq!(direct.value(0, "first_time"), Cell::Time(3_000_000));
        assert_eq!(direct.value(0, "last_time"), Cell::Time(5_000_000));
        assert_eq!(direct.value(1, "merges"), Cell::Int(1));
        assert_eq!(direct.value(2, "first_time"), Cell::Null);
    }

    #[test]
    fn repositories_stay_apart() {
        let one = |repo: &str| {
            let mut builder = CommitsBuilder::new(repo);
            builder.push(&commit("a", 1, 1, false));
            builder.finish()
        };
        let joined = Table::concat(TableKind::Commits, [one("r"), one("s"), one("r")]);
        let authors = joined.authors().expect("these are commits");
        assert_eq!(authors.num_rows(), 2);
        assert_eq!((authors.value(0, "repo"), authors.value(0, "commits")), (Cell::Text("r"), Cell::Int(2)));
        assert_eq!((authors.value(1, "repo"), authors.value(1, "commits")), (Cell::Text("s"), Cell::Int(1)));
        assert!(authors.authors().is_none());
    }
}
