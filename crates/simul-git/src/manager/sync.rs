//! Mirroring, and finding where a source can be read.

use super::body::Telling;
use super::{ByRepo, RepoManager, Synced};
use crate::events::{Event, Phase};
use crate::history::Repository;
use crate::source::{Remote, Source};
use crate::transport::mirror::Progress;
use crate::{RepoError, RepoErrorKind};
use futures_util::future::join_all;
use simul_core::{Error, Kind};
use simul_engine::{Job, blocking, spawn};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

impl RepoManager {
    /// Clones or fetches every source; paths are read in place and only looked at.
    ///
    /// # Cancellation
    /// Dropped, its git processes are killed and clones that are not complete are removed; what is complete stays.
    pub fn sync(&self) -> Job<ByRepo<Synced>> {
        let works = self.sources().iter().map(|source| self.sync_one(source)).collect::<Vec<_>>();
        let sources = self.sources().to_vec();
        spawn("sync", async move { Ok(sources.into_iter().zip(join_all(works).await).collect()) })
    }

    /// Clones or fetches one source, whether it is the manager's or not. A failure is told by [`RepoManager::tasks`] and
    /// [`RepoManager::events`], not by the Job.
    pub fn clone_one(&self, url: &str) -> Job<()> {
        let work = self.sync_one(url);
        spawn("clone", async move { work.await.map(drop).or_else(only_cancelled) })
    }

    /// Clones or fetches every source; failures are told as by [`RepoManager::clone_one`].
    pub fn clone_all(&self) -> Job<()> {
        let works = self.sources().iter().map(|source| self.sync_one(source)).collect::<Vec<_>>();
        spawn("clone_all", async move {
            join_all(works).await;
            Ok(())
        })
    }

    /// Queued when called, done when awaited.
    pub(super) fn sync_one(&self, source: &str) -> impl Future<Output = Result<Synced, RepoError>> + Send + use<> {
        let body = self.body();
        body.tasks.queue(source);
        let ending = Ending {
            telling: Some(Telling::begin(&body.hub, source)),
            manager: self.clone(),
            source: source.to_owned(),
        };
        let (manager, source) = (self.clone(), source.to_owned());
        async move {
            let outcome = manager.bring(&source).await;
            ending.end(&outcome);
            outcome
        }
    }

    async fn bring(&self, source: &str) -> Result<Synced, RepoError> {
        match Source::parse(source)? {
            Source::Local(path) => self.look_at(path, source).await,
            Source::Remote(remote) => self.mirror(&remote, source).await,
        }
    }

    async fn mirror(&self, remote: &Remote, source: &str) -> Result<Synced, RepoError> {
        let body = self.body();
        let (hub, tasks, name) = (body.hub.clone(), body.tasks.clone(), source.to_owned());
        let newest = Mutex::new(Event::new(source, Phase::Connecting));
        let report = move |step: &Progress| {
            tasks.step(&name, step);
            let mut newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
            *newest = step.after(&newest);
            hub.send(newest.clone());
        };
        self.mirrors()?.sync(remote, source, report).await
    }

    async fn look_at(&self, path: PathBuf, source: &str) -> Result<Synced, RepoError> {
        self.in_repository(path.clone(), source, move |repository, cancel| {
            let branch = repository.references(cancel)?.into_iter().find(|reference| reference.is_head);
            Ok(Synced {
                path,
                in_place: true,
                cloned: false,
                fetched: false,
                shallow: repository.is_shallow(),
                head: branch.map(|branch| branch.name),
                fsck_relaxed: false,
                bytes: 0,
            })
        })
        .await
    }

    /// Where `source` can be read: a path is its own place; an address is mirrored unless this manager has done so.
    pub(super) async fn place(&self, source: &str) -> Result<PathBuf, RepoError> {
        match Source::parse(source)? {
            Source::Local(path) => Ok(path),
            Source::Remote(remote) => {
                if let Some(path) = self.body().tasks.place(source).filter(|path| path.is_dir()) {
                    return Ok(path);
                }
                self.body().tasks.queue(source);
                let outcome = self.mirror(&remote, source).await;
                self.body().tasks.end(source, outcome.as_ref().map(|synced| &*synced.path));
                Ok(outcome?.path)
            }
        }
    }

    /// Runs blocking work on a repository, with permits for every git child that it may have alive at once.
    pub(super) async fn in_repository<T: Send + 'static>(
        &self,
        path: PathBuf,
        source: &str,
        work: impl FnOnce(&Repository, &simul_engine::CancelToken) -> Result<T, RepoError> + Send + 'static,
    ) -> Result<T, RepoError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // The walk's own child, and one for each core that counts.
        let children = self.0.options.jobs.min(cores + 1);
        let wanted = u32::try_from(children).expect("bounded by the number of cores");
        let permits = self.body().permits.clone().acquire_many_owned(wanted).await.map_err(|_| cancelled(source))?;
        let (git, name) = (self.0.git.clone(), source.to_owned());
        let outcome = blocking(move |cancel| {
            let repository = Repository::open(&git, &path, &name);
            let outcome = repository
                .map(|repository| repository.with_max_children(children))
                .and_then(|repository| work(&repository, cancel));
            drop(permits);
            Ok(outcome)
        });
        outcome.await.unwrap_or_else(|error| Err(from_engine(source, &error)))
    }
}

/// Ends a piece of syncing in the tasks and the events, also when it is dropped.
struct Ending {
    telling: Option<Telling>,
    manager: RepoManager,
    source: String,
}

impl Ending {
    fn end(mut self, outcome: &Result<Synced, RepoError>) {
        let path: Result<&Path, &RepoError> = outcome.as_ref().map(|synced| &*synced.path);
        self.manager.body().tasks.end(&self.source, path);
        if let Some(telling) = self.telling.take() {
            telling.end(outcome);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.telling.is_some() {
            self.manager.body().tasks.end(&self.source, Err(&cancelled(&self.source)));
        }
    }
}

fn cancelled(source: &str) -> RepoError {
    RepoError::new(RepoErrorKind::Cancelled, source, "waiting", "it was cancelled before it ended")
}

/// The engine's own errors (a panic, a shutdown), beside the others' results.
fn from_engine(source: &str, error: &Error) -> RepoError {
    match error.kind() {
        Kind::Cancelled | Kind::Closed => cancelled(source),
        _ => RepoError::new(RepoErrorKind::Git, source, "reading", error.to_string()),
    }
}

fn only_cancelled(error: RepoError) -> simul_core::Result<()> {
    match error.kind {
        RepoErrorKind::Cancelled => Err(error.into()),
        _ => Ok(()),
    }
}
