//! Everything that a report says about one repository, in one walk of its history.

use crate::work::Reading;
use sha2::{Digest, Sha256};
use simul_git::events::Phase;
use simul_git::history::CommitOptions;
use simul_git::record::Reference;
use simul_git::report::{CommitRow, RepoStats};
use simul_git::table::{
    AuthorsBuilder, BranchesBuilder, ChangesBuilder, CommitsBuilder, OwnershipBuilder, Table, repo_label,
};
use simul_git::{RepoError, RepoErrorKind};
use std::path::Path;

/// What was read of one repository.
#[derive(Debug)]
pub(super) struct Gathered {
    /// A name to show where the source is a local path.
    pub(super) name: Option<String>,
    pub(super) canonical_id: String,
    pub(super) refs_hash: String,
    pub(super) fsck_relaxed: bool,
    pub(super) stats: RepoStats,
    pub(super) tables: Vec<Table>,
    /// What could not be read beside the rest.
    pub(super) problems: Vec<RepoError>,
}

pub(super) fn gather(reading: &Reading<'_>, options: &CommitOptions, ownership: bool) -> Result<Gathered, RepoError> {
    let (repository, cancel) = (reading.repository, reading.cancel);
    let label = repo_label(reading.source);
    let mut stats = RepoStats::at(repository.head()?, repository.is_shallow());
    let mut commits = CommitsBuilder::new(&label);
    let mut changes = ChangesBuilder::new(&label);
    let mut authors = AuthorsBuilder::new(&label);
    repository.commits(options, cancel, &reading.counter(Phase::Walking), &mut |commit| {
        stats.add_commit(CommitRow {
            author_name: &commit.author.name,
            author_email: &commit.author.email,
            seconds: commit.author.seconds,
            offset_minutes: commit.author.offset_minutes,
            additions: commit.additions,
            deletions: commit.deletions,
            is_merge: commit.is_merge,
        });
        for change in &commit.changes {
            stats.add_change(&change.path, change.additions, change.deletions);
        }
        commits.push(&commit);
        changes.push(&commit);
        authors.push(&commit);
    })?;
    let mut branches = BranchesBuilder::new(&label);
    let references = repository.references(cancel)?;
    for reference in &references {
        match reference.kind {
            "tag" => stats.tags += 1,
            _ => stats.branches += 1,
        }
        branches.push(reference);
    }
    let mut problems = Vec::new();
    let mut owned = OwnershipBuilder::new(&label);
    if ownership {
        let outcome = repository.ownership(None, cancel, &reading.counter(Phase::Blaming), &mut |share| {
            stats.add_ownership(&share.path, &share.author_name, &share.author_email, share.lines);
            owned.push(&share);
        });
        match outcome {
            Ok(()) => {}
            Err(error) if error.kind == RepoErrorKind::Cancelled => return Err(error),
            // The history has been read: it is not thrown away for a file that could not be blamed.
            Err(error) => problems.push(error),
        }
    }
    stats.finish();
    Ok(Gathered {
        name: reading.synced.in_place.then(|| name(repository.git_dir())),
        canonical_id: reading.canonical_id.to_owned(),
        refs_hash: refs_hash(&references),
        fsck_relaxed: reading.synced.fsck_relaxed,
        stats,
        tables: vec![commits.finish(), changes.finish(), authors.finish(), branches.finish(), owned.finish()],
        problems,
    })
}

/// The folder's name: of the worktree, or of a bare repository.
fn name(git_dir: &Path) -> String {
    let folder = match git_dir.file_name() {
        Some(name) if name == ".git" => git_dir.parent().unwrap_or(git_dir),
        _ => git_dir,
    };
    folder.file_name().map_or_else(|| folder.to_string_lossy().into_owned(), |name| name.to_string_lossy().into_owned())
}

/// Equal hashes mean equal branches and tags.
fn refs_hash(references: &[Reference]) -> String {
    let mut lines: Vec<String> =
        references.iter().map(|one| format!("{} {}\n", one.full_name, one.sha.as_deref().unwrap_or("-"))).collect();
    lines.sort();
    let mut hash = Sha256::new();
    lines.iter().for_each(|line| hash.update(line));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
