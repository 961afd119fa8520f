//! Commits, changes, blame, branches and ownership as tables.

use super::body::Telling;
use super::{ByRepo, RepoManager};
use crate::events::Phase;
use crate::history::{CommitOptions, Repository};
use crate::table::{
    BlameBuilder, BranchesBuilder, ChangesBuilder, CommitsBuilder, OwnershipBuilder, Table, repo_label,
};
use crate::{RepoError, RepoErrorKind};
use futures_util::future::join_all;
use simul_engine::{CancelToken, Job, spawn};

/// A table of one repository, made by blocking work.
type Read<T> = Box<dyn FnOnce(&Repository, &CancelToken, Counter<'_>) -> Result<T, RepoError> + Send>;
type Counter<'a> = &'a (dyn Fn(u64, Option<u64>) + Sync);

impl RepoManager {
    /// Commits of one repository, as `git log --numstat -M` shows them.
    ///
    /// # Args
    /// - `path_or_url`: one of the manager's sources or any other path or address; an address is mirrored first unless
    ///   this manager has done so.
    ///
    /// # Errors
    /// The [`RepoError`], as the source of the Job's error.
    pub fn commits(&self, path_or_url: &str, options: CommitOptions) -> Job<Table> {
        self.one("commits", path_or_url, Phase::Walking, commits(options, path_or_url))
    }

    /// Commits of every source.
    pub fn commits_all(&self, options: CommitOptions) -> Job<ByRepo<Table>> {
        self.all("commits", Phase::Walking, |source| commits(options.clone(), source))
    }

    /// Changed files of every commit of one repository.
    ///
    /// # Errors
    /// As [`RepoManager::commits`].
    pub fn changes(&self, path_or_url: &str, options: CommitOptions) -> Job<Table> {
        self.one("changes", path_or_url, Phase::Diffing, changes(options, path_or_url))
    }

    /// Changed files of every source.
    pub fn changes_all(&self, options: CommitOptions) -> Job<ByRepo<Table>> {
        self.all("changes", Phase::Diffing, |source| changes(options.clone(), source))
    }

    /// Who wrote each line of some files at HEAD, a table for each path.
    ///
    /// # Args
    /// - `paths`: as git writes them, from the top of the repository; `None` is every text file.
    ///
    /// # Errors
    /// Of the repository as a whole as [`RepoManager::commits`]; a path's own error stands under the path.
    pub fn bulk_blame(&self, path_or_url: &str, paths: Option<Vec<String>>) -> Job<ByRepo<Table>> {
        let label = repo_label(path_or_url);
        let read: Read<ByRepo<Table>> = Box::new(move |repository, cancel, counter| {
            let mut tables = ByRepo::new();
            blame_each(repository, paths, cancel, counter, &mut |path, hunks| {
                let table = hunks.map(|hunks| {
                    let mut builder = BlameBuilder::new(&label);
                    hunks.iter().for_each(|hunk| builder.push(hunk));
                    builder.finish()
                });
                tables.insert(path.to_owned(), table);
            })?;
            Ok(tables)
        });
        self.one("bulk_blame", path_or_url, Phase::Blaming, read)
    }

    /// Who wrote each line of every text file at HEAD, of one repository.
    ///
    /// # Errors
    /// As [`RepoManager::commits`].
    pub fn blame(&self, path_or_url: &str) -> Job<Table> {
        self.one("blame", path_or_url, Phase::Blaming, blame(path_or_url))
    }

    /// Who wrote each line of every text file at HEAD, of every source.
    pub fn blame_all(&self) -> Job<ByRepo<Table>> {
        self.all("blame", Phase::Blaming, blame)
    }

    /// Branches and tags of one repository.
    ///
    /// # Errors
    /// As [`RepoManager::commits`].
    pub fn branches(&self, path_or_url: &str) -> Job<Table> {
        self.one("branches", path_or_url, Phase::Walking, branches(path_or_url))
    }

    /// Branches and tags of every source.
    pub fn branches_all(&self) -> Job<ByRepo<Table>> {
        self.all("branches", Phase::Walking, branches)
    }

    /// Lines by author of every text file at HEAD, of one repository.
    ///
    /// # Errors
    /// As [`RepoManager::commits`].
    pub fn ownership(&self, path_or_url: &str) -> Job<Table> {
        self.one("ownership", path_or_url, Phase::Blaming, ownership(path_or_url))
    }

    /// Lines by author of every text file at HEAD, of every source.
    pub fn ownership_all(&self) -> Job<ByRepo<Table>> {
        self.all("ownership", Phase::Blaming, ownership)
    }

    fn one<T: Send + 'static>(&self, name: &'static str, source: &str, phase: Phase, read: Read<T>) -> Job<T> {
        let work = self.read(source, phase, read);
        spawn(name, async move { Ok(work.await?) })
    }

    fn all(&self, name: &'static str, phase: Phase, read: impl Fn(&str) -> Read<Table>) -> Job<ByRepo<Table>> {
        let works: Vec<_> = self.sources().iter().map(|source| self.read(source, phase, read(source))).collect();
        let sources = self.sources().to_vec();
        spawn(name, async move { Ok(sources.into_iter().zip(join_all(works).await).collect()) })
    }

    /// Queued when called, done when awaited.
    fn read<T: Send + 'static>(
        &self,
        source: &str,
        phase: Phase,
        read: Read<T>,
    ) -> impl Future<Output = Result<T, RepoError>> + Send + use<T> {
        let telling = Telling::begin(&self.body().hub, source);
        let (manager, source) = (self.clone(), source.to_owned());
        async move {
            let outcome = async {
                let path = manager.place(&source).await?;
                let counter = telling.counter(phase);
                manager.in_repository(path, &source, move |repository, cancel| read(repository, cancel, &counter)).await
            };
            let outcome = outcome.await;
            telling.end(&outcome);
            outcome
        }
    }
}

fn commits(options: CommitOptions, source: &str) -> Read<Table> {
    let label = repo_label(source);
    // The totals are there either way; rows of files would only be made to be dropped.
    let options = CommitOptions { changes: false, ..options };
    Box::new(move |repository, cancel, counter| {
        let mut builder = CommitsBuilder::new(&label);
        repository.commits(&options, cancel, counter, &mut |commit| builder.push(&commit))?;
        Ok(builder.finish())
    })
}

fn changes(options: CommitOptions, source: &str) -> Read<Table> {
    let label = repo_label(source);
    let options = CommitOptions { changes: true, ..options };
    Box::new(move |repository, cancel, counter| {
        let mut builder = ChangesBuilder::new(&label);
        repository.commits(&options, cancel, counter, &mut |commit| builder.push(&commit))?;
        Ok(builder.finish())
    })
}

fn blame(source: &str) -> Read<Table> {
    let label = repo_label(source);
    Box::new(move |repository, cancel, counter| {
        let mut builder = BlameBuilder::new(&label);
        let mut failed = Ok(());
        blame_each(repository, None, cancel, counter, &mut |_, hunks| match hunks {
            Ok(hunks) => hunks.iter().for_each(|hunk| builder.push(hunk)),
            Err(error) => failed = Err(error),
        })?;
        failed?;
        Ok(builder.finish())
    })
}

fn branches(source: &str) -> Read<Table> {
    let label = repo_label(source);
    Box::new(move |repository, cancel, counter| {
        let references = repository.references(cancel)?;
        let mut builder = BranchesBuilder::new(&label);
        references.iter().for_each(|reference| builder.push(reference));
        counter(references.len() as u64, Some(references.len() as u64));
        Ok(builder.finish())
    })
}

fn ownership(source: &str) -> Read<Table> {
    let label = repo_label(source);
    Box::new(move |repository, cancel, counter| {
        let mut builder = OwnershipBuilder::new(&label);
        repository.ownership(None, cancel, counter, &mut |share| builder.push(&share))?;
        Ok(builder.finish())
    })
}

/// Blames `paths` with their lines. Of all files of a repository, those that hold no lines (binary, links) are left out.
fn blame_each(
    repository: &Repository,
    paths: Option<Vec<String>>,
    cancel: &CancelToken,
    counter: Counter<'_>,
    sink: crate::history::BlameSink<'_>,
) -> Result<(), RepoError> {
    match paths {
        Some(paths) => repository.blame(None, &paths, true, cancel, counter, sink),
        None => {
            let all = repository.files(None)?;
            repository.blame(None, &all, true, cancel, counter, &mut |path, hunks| match hunks {
                Err(error) if error.kind == RepoErrorKind::Missing => {}
                hunks => sink(path, hunks),
            })
        }
    }
}
