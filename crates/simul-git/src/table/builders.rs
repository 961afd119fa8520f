//! Records into tables, one repository at a time.

use super::rows::{Rows, count};
use super::{Table, TableKind};
use crate::record::{Change, Commit, Hunk, Ownership, Reference};

macro_rules! builder {
    ($(#[doc = $doc:literal])+ $name:ident, $kind:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub struct $name(Rows);

        impl $name {
            /// Starts an empty table; `repo` fills its first column (see [`repo_label`](super::repo_label)).
            pub fn new(repo: &str) -> Self {
                Self(Rows::new(TableKind::$kind, repo))
            }

            /// The finished table.
            pub fn finish(self) -> Table {
                self.0.finish()
            }
        }
    };
}

builder! {
    /// Commits into the commits table.
    ///
    /// # Example
    /// ```
    /// use simul_git::{record::Commit, table::CommitsBuilder};
    /// let mut builder = CommitsBuilder::new("alice/hw1");
    /// builder.push(&Commit { sha: "c0ffee".into(), additions: 3, ..Commit::default() });
    /// assert_eq!(builder.finish().num_rows(), 1);
    /// ```
    CommitsBuilder, Commits
}

impl CommitsBuilder {
    /// Adds a row.
    pub fn push(&mut self, commit: &Commit) {
        self.0
            .row()
            .text(&*commit.sha)
            .texts(Some(commit.parents.iter().map(|parent| &**parent)))
            .text(&*commit.tree)
            .signature(Some(&commit.author))
            .signature(Some(&commit.committer))
            .text(&*commit.subject)
            .text(&*commit.body)
            .text(commit.encoding.as_deref())
            .int(count(commit.additions))
            .int(count(commit.deletions))
            .int(i64::from(commit.files))
            .int(i64::from(commit.binary_files))
            .bool(commit.is_merge)
            .end();
    }
}

builder! {
    /// The files of commits into the changes table.
    ChangesBuilder, Changes
}

impl ChangesBuilder {
    /// Adds a row for each file of `commit`.
    pub fn push(&mut self, commit: &Commit) {
        for change in &commit.changes {
            self.push_change(&commit.sha, change);
        }
    }

    /// Adds the row of one file of the commit `sha`.
    pub fn push_change(&mut self, sha: &str, change: &Change) {
        self.0
            .row()
            .text(sha)
            .text(&*change.path)
            .text(change.old_path.as_deref())
            .text(&*change.status.encode_utf8(&mut [0; 4]))
            .int(change.similarity.map(i64::from))
            .int(change.additions.map(count))
            .int(change.deletions.map(count))
            .bool(change.additions.is_none())
            .text(mode(change.old_mode).as_deref())
            .text(mode(change.new_mode).as_deref())
            .text(change.old_oid.as_deref())
            .text(change.new_oid.as_deref())
            .end();
    }
}

/// A mode as git writes it; none for a file that is not there.
fn mode(mode: u32) -> Option<String> {
    (mode != 0).then(|| format!("{mode:06o}"))
}

builder! {
    /// Hunks into the blame table.
    BlameBuilder, Blame
}

impl BlameBuilder {
    /// Adds a row.
    pub fn push(&mut self, hunk: &Hunk) {
        let content = (!hunk.content.is_empty()).then(|| hunk.content.iter().map(|line| &**line));
        self.0
            .row()
            .text(&*hunk.path)
            .text(&*hunk.sha)
            .int(i64::from(hunk.start_line))
            .int(i64::from(hunk.orig_start_line))
            .int(i64::from(hunk.lines))
            .text(&*hunk.orig_path)
            .signature(Some(&hunk.author))
            .text(&*hunk.summary)
            .bool(hunk.boundary)
            .texts(content)
            .end();
    }
}

builder! {
    /// References into the branches table.
    BranchesBuilder, Branches
}

impl BranchesBuilder {
    /// Adds a row. What describes the commit is null where there is no commit.
    pub fn push(&mut self, reference: &Reference) {
        let has_commit = reference.sha.is_some();
        self.0
            .row()
            .text(&*reference.name)
            .text(&*reference.full_name)
            .text(reference.kind)
            .text(reference.remote.as_deref())
            .text(reference.sha.as_deref())
            .bool(reference.is_head)
            .text(has_commit.then_some(&*reference.subject))
            .signature(has_commit.then_some(&reference.author))
            .end();
    }
}

builder! {
    /// Shares of files into the ownership table.
    OwnershipBuilder, Ownership
}

impl OwnershipBuilder {
    /// Adds a row.
    pub fn push(&mut self, share: &Ownership) {
        self.0
            .row()
            .text(&*share.path)
            .text(&*share.author_name)
            .text(&*share.author_email)
            .int(count(share.lines))
            .int(count(share.total_lines))
            .end();
    }
}
