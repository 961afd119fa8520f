//! How the clone of each repository stands.

use crate::RepoError;
use crate::events::Phase;
use crate::transport::mirror::Progress;
use crate::transport::percent::Percent;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where a clone is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusType {
    /// Not begun.
    #[default]
    Queued,
    /// On its way.
    Cloning,
    /// There, and up to date as of then.
    Completed,
    /// Not to be had; the error says why.
    Failed,
}

impl StatusType {
    /// The name in Python.
    pub const fn name(self) -> &'static str {
        match self {
            StatusType::Queued => "queued",
            StatusType::Cloning => "cloning",
            StatusType::Completed => "completed",
            StatusType::Failed => "failed",
        }
    }
}

/// The state of one clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CloneStatus {
    /// Where it is in its life.
    pub status_type: StatusType,
    /// 0 to 100, never going back while it runs; `None` before it begins.
    pub progress: Option<u8>,
    /// Why it failed.
    pub error: Option<String>,
}

/// One repository's clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneTask {
    /// The caller's string.
    pub url: String,
    /// Its state.
    pub status: CloneStatus,
    /// Where it can be read once completed: the mirror, or the caller's own path.
    pub temp_dir: Option<PathBuf>,
}

#[derive(Debug)]
struct Entry {
    task: CloneTask,
    percent: Percent,
}

/// The tasks of one manager. The lock is held for moments.
#[derive(Debug)]
pub(super) struct Tasks(Mutex<IndexMap<String, Entry>>);

impl Tasks {
    pub(super) fn new(sources: &[String]) -> Self {
        Self(Mutex::new(sources.iter().map(|source| (source.clone(), Entry::new(source))).collect()))
    }

    pub(super) fn snapshot(&self) -> IndexMap<String, CloneTask> {
        self.lock().iter().map(|(url, entry)| (url.clone(), entry.task.clone())).collect()
    }

    /// Where a completed one can be read.
    pub(super) fn place(&self, source: &str) -> Option<PathBuf> {
        let tasks = self.lock();
        let task = &tasks.get(source)?.task;
        task.temp_dir.clone().filter(|_| task.status.status_type == StatusType::Completed)
    }

    /// It waits for its turn.
    pub(super) fn queue(&self, source: &str) {
        *self.lock().entry(source.to_owned()).or_insert_with(|| Entry::new(source)) = Entry::new(source);
    }

    /// It has got on.
    pub(super) fn step(&self, source: &str, step: &Progress) {
        let Some(phase) = step.phase else { return };
        if let Some(entry) = self.lock().get_mut(source) {
            entry.task.status.status_type = StatusType::Cloning;
            entry.task.status.progress = Some(entry.percent.update(phase, step.done, step.total));
        }
    }

    /// It has ended.
    pub(super) fn end(&self, source: &str, outcome: Result<&Path, &RepoError>) {
        if let Some(entry) = self.lock().get_mut(source) {
            let status = &mut entry.task.status;
            match outcome {
                Ok(path) => {
                    status.status_type = StatusType::Completed;
                    status.error = None;
                    status.progress = Some(entry.percent.update(Phase::Done, 0, None));
                    entry.task.temp_dir = Some(path.to_owned());
                }
                Err(error) => {
                    status.status_type = StatusType::Failed;
                    status.error = Some(error.to_string());
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, IndexMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(source: &str) -> Self {
        let task = CloneTask { url: source.to_owned(), status: CloneStatus::default(), temp_dir: None };
        Self { task, percent: Percent::default() }
    }
}
