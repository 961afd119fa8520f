//! What one row of each table holds, before it becomes a column (`table/`).
//!
//! Text is decoded to UTF-8 already: by the commit's `encoding` header where it has one, with U+FFFD for what stays
//! undecodable. Paths are git's bytes decoded the same way. Times are seconds since the epoch with the author's own
//! offset in minutes.

/// Who and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signature {
    /// Name after .mailmap.
    pub name: String,
    /// Email after .mailmap.
    pub email: String,
    /// Name as committed.
    pub raw_name: String,
    /// Email as committed.
    pub raw_email: String,
    /// Seconds since the epoch.
    pub seconds: i64,
    /// Offset from UTC in minutes.
    pub offset_minutes: i32,
}

/// One commit, as `git log --numstat -M` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// Object id, hex.
    pub sha: String,
    /// Parents' ids, hex, in order.
    pub parents: Vec<String>,
    /// Tree id, hex.
    pub tree: String,
    /// Who wrote it.
    pub author: Signature,
    /// Who committed it.
    pub committer: Signature,
    /// First paragraph on one line, as git's %s.
    pub subject: String,
    /// The rest, as git's %b, trailing newlines removed.
    pub body: String,
    /// The `encoding` header, if any.
    pub encoding: Option<String>,
    /// Lines added, over all text files.
    pub additions: u64,
    /// Lines deleted, over all text files.
    pub deletions: u64,
    /// Files changed (rows of numstat).
    pub files: u32,
    /// Of these, binary ones.
    pub binary_files: u32,
    /// More than one parent.
    pub is_merge: bool,
    /// The files changed, in git's order.
    pub changes: Vec<Change>,
}

/// One file of one commit, as `git log --raw --numstat -M` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Path after the change.
    pub path: String,
    /// Path before, for renames and copies.
    pub old_path: Option<String>,
    /// A, M, D, R, C or T.
    pub status: char,
    /// Similarity in percent, for renames and copies.
    pub similarity: Option<u8>,
    /// Lines added; None for binary files.
    pub additions: Option<u64>,
    /// Lines deleted; None for binary files.
    pub deletions: Option<u64>,
    /// Mode before, octal as git writes it; 0 if absent.
    pub old_mode: u32,
    /// Mode after; 0 if absent.
    pub new_mode: u32,
    /// Object before, hex; None if absent.
    pub old_oid: Option<String>,
    /// Object after, hex; None if absent.
    pub new_oid: Option<String>,
}

/// A run of consecutive lines of one file that the same commit wrote, as `git blame --porcelain` groups them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hunk {
    /// File blamed.
    pub path: String,
    /// Commit that wrote the lines.
    pub sha: String,
    /// First line in the blamed file, from 1.
    pub start_line: u32,
    /// First line in the commit that wrote them, from 1.
    pub orig_start_line: u32,
    /// Number of lines.
    pub lines: u32,
    /// Path in the commit that wrote them.
    pub orig_path: String,
    /// Who wrote them.
    pub author: Signature,
    /// The first line of that commit's message, as git blame shows it.
    pub summary: String,
    /// The commit is a boundary (root or shallow).
    pub boundary: bool,
    /// The lines themselves, decoded, without their newline; empty unless asked for.
    pub content: Vec<String>,
}

/// A branch or a tag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reference {
    /// Short name (main, v1.0, origin/main).
    pub name: String,
    /// Full name (refs/heads/main).
    pub full_name: String,
    /// "branch", "remote" or "tag".
    pub kind: &'static str,
    /// Remote's name, for remote branches.
    pub remote: Option<String>,
    /// Commit it points to, tags peeled, hex; None if it points to no commit.
    pub sha: Option<String>,
    /// HEAD points to it.
    pub is_head: bool,
    /// Subject of that commit.
    pub subject: String,
    /// Author of that commit.
    pub author: Signature,
}

/// How many lines of the files at a revision an author wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ownership {
    /// File.
    pub path: String,
    /// Name after .mailmap.
    pub author_name: String,
    /// Email after .mailmap.
    pub author_email: String,
    /// Lines written that are still there.
    pub lines: u64,
    /// Of how many lines in the file.
    pub total_lines: u64,
}
