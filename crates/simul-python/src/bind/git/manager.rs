//! The manager and its Jobs.

use super::events::{Events, Relay};
use super::options::{RefsArgument, commit_options};
use super::outcome;
use crate::bind::errors;
use crate::bind::job::Job;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use simul_core::{Error, Kind, Result, Secret};
use simul_git::RepoError;
use simul_git::limits::Limits;
use simul_git::manager::{ByRepo, Options};
use simul_git::table::Table;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Many repositories at once; `simul.git.RepoManager` is its face.
#[pyclass(frozen, weakref, module = "simul._simul")]
pub(super) struct RepoManager {
    manager: simul_git::manager::RepoManager,
    on_event: Option<Py<PyAny>>,
    /// Never held across a call into Python.
    relay: Mutex<Option<Arc<Relay>>>,
}

/// Bytes, seconds, seconds without progress.
type LimitsArgument = (Option<i64>, Option<f64>, Option<f64>);

fn invalid(message: String) -> PyErr {
    errors::now(Error::new(Kind::Invalid, message))
}

impl RepoManager {
    pub(super) fn on_event(&self) -> Option<&Py<PyAny>> {
        self.on_event.as_ref()
    }

    fn relay(slf: &Bound<'_, Self>) -> PyResult<Option<Arc<Relay>>> {
        let this = slf.get();
        if this.on_event.is_none() {
            return Ok(None);
        }
        let current = || this.relay.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(relay) = current().as_ref().filter(|relay| relay.is_alive()) {
            return Ok(Some(relay.clone()));
        }
        let relay = Arc::new(Relay::start(slf, this.manager.events().lasting())?);
        let mut held = current();
        let chosen = held.as_ref().filter(|held| held.is_alive()).unwrap_or(&relay).clone();
        let replaced = held.replace(chosen.clone());
        drop(held);
        drop(replaced);
        Ok(Some(chosen))
    }

    fn job<T: Send + 'static>(
        slf: &Bound<'_, Self>,
        start: impl FnOnce(&simul_git::manager::RepoManager) -> simul_engine::Job<T>,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Job> {
        let py = slf.py();
        let start = || start(&slf.get().manager);
        let Some(relay) = Self::relay(slf)? else { return Job::start(py, start, convert) };
        let (told, manager) = (relay.clone(), slf.clone().unbind());
        Job::start_in(py, relay.family(), start, move |py, value| {
            let object = convert(py, value)?;
            told.flush(py)?;
            drop(manager);
            Ok(object)
        })
    }

    fn table_job(
        slf: &Bound<'_, Self>,
        start: impl FnOnce(&simul_git::manager::RepoManager) -> simul_engine::Job<Table>,
    ) -> PyResult<Job> {
        Self::job(slf, start, outcome::table)
    }

    fn tables_job(
        slf: &Bound<'_, Self>,
        start: impl FnOnce(&simul_git::manager::RepoManager) -> simul_engine::Job<ByRepo<Table>>,
    ) -> PyResult<Job> {
        Self::job(slf, start, |py, tables| outcome::by_key(py, tables, outcome::table))
    }
}

#[pymethods]
impl RepoManager {
    #[new]
    #[pyo3(signature = (sources, *, username, auth, cache, jobs, limits, on_event))]
    fn new(
        sources: Vec<String>,
        username: Option<String>,
        auth: Vec<(String, String)>,
        cache: Option<PathBuf>,
        jobs: i64,
        limits: LimitsArgument,
        on_event: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let jobs = usize::try_from(jobs).ok().filter(|jobs| *jobs > 0);
        let jobs = jobs.ok_or_else(|| invalid("jobs is how many git processes may run at once: 1 or more".into()))?;
        let (bytes, seconds, stall_seconds) = limits;
        let bytes =
            bytes.map(|bytes| u64::try_from(bytes).map_err(|_| invalid(format!("limits.bytes = {bytes} is no limit"))));
        let limits = Limits { bytes: bytes.transpose()?, seconds, stall_seconds };
        let auth = auth.into_iter().map(|(host, token)| (host, Secret::new(token))).collect();
        let options = Options { auth, username, cache, jobs, limits };
        let manager = simul_git::manager::RepoManager::new(sources, options).map_err(errors::now)?;
        Ok(Self { manager, on_event, relay: Mutex::new(None) })
    }

    fn sync(slf: &Bound<'_, Self>) -> PyResult<Job> {
        Self::job(slf, |manager| manager.sync(), |py, results| outcome::by_key(py, results, outcome::synced))
    }

    fn clone(slf: &Bound<'_, Self>, url: &str) -> PyResult<Job> {
        Self::job(slf, |manager| manager.clone_one(url), outcome::none)
    }

    fn clone_all(slf: &Bound<'_, Self>) -> PyResult<Job> {
        Self::job(slf, |manager| manager.clone_all(), outcome::none)
    }

    fn fetch_clone_tasks(slf: &Bound<'_, Self>) -> PyResult<Job> {
        Self::job(
            slf,
            |manager| simul_engine::Job::ready("fetch_clone_tasks", Ok(manager.tasks())),
            outcome::clone_tasks,
        )
    }

    fn commits(slf: &Bound<'_, Self>, path_or_url: &str, refs: RefsArgument, merges: &str) -> PyResult<Job> {
        let options = commit_options(refs, merges)?;
        Self::table_job(slf, |manager| manager.commits(path_or_url, options))
    }

    fn commits_all(slf: &Bound<'_, Self>, refs: RefsArgument, merges: &str) -> PyResult<Job> {
        let options = commit_options(refs, merges)?;
        Self::tables_job(slf, |manager| manager.commits_all(options))
    }

    fn changes(slf: &Bound<'_, Self>, path_or_url: &str, refs: RefsArgument, merges: &str) -> PyResult<Job> {
        let options = commit_options(refs, merges)?;
        Self::table_job(slf, |manager| manager.changes(path_or_url, options))
    }

    fn changes_all(slf: &Bound<'_, Self>, refs: RefsArgument, merges: &str) -> PyResult<Job> {
        let options = commit_options(refs, merges)?;
        Self::tables_job(slf, |manager| manager.changes_all(options))
    }

    #[pyo3(signature = (path_or_url, file_paths=None))]
    fn bulk_blame(slf: &Bound<'_, Self>, path_or_url: &str, file_paths: Option<Vec<String>>) -> PyResult<Job> {
        Self::tables_job(slf, |manager| manager.bulk_blame(path_or_url, file_paths))
    }

    fn blame_all(slf: &Bound<'_, Self>) -> PyResult<Job> {
        Self::tables_job(slf, |manager| manager.blame_all())
    }

    #[pyo3(signature = (urls=None))]
    fn branches(slf: &Bound<'_, Self>, urls: Option<Vec<String>>) -> PyResult<Job> {
        Self::tables_job(slf, |manager| match urls {
            None => manager.branches_all(),
            Some(urls) => {
                let jobs: Vec<_> = urls.into_iter().map(|url| (manager.branches(&url), url)).collect();
                simul_engine::spawn("analyze_branches", beside_each_other(jobs))
            }
        })
    }

    fn ownership(slf: &Bound<'_, Self>, path_or_url: &str) -> PyResult<Job> {
        Self::table_job(slf, |manager| manager.ownership(path_or_url))
    }

    fn ownership_all(slf: &Bound<'_, Self>) -> PyResult<Job> {
        Self::tables_job(slf, |manager| manager.ownership_all())
    }

    fn events(&self) -> Events {
        Events::new(self.manager.events())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        match &self.on_event {
            Some(on_event) => visit.call(on_event),
            None => Ok(()),
        }
    }
}

/// The outcome of each running Job under its key; a repository's failure hides no other.
async fn beside_each_other(jobs: Vec<(simul_engine::Job<Table>, String)>) -> Result<ByRepo<Table>> {
    let mut results = ByRepo::default();
    for (job, key) in jobs {
        let result = match job.await {
            Ok(table) => Ok(table),
            Err(error) => match error.source_as::<RepoError>() {
                Some(of_repository) => Err(of_repository.clone()),
                None => return Err(error),
            },
        };
        results.insert(key, result);
    }
    Ok(results)
}
