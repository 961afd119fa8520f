//! A server, a cache, and a way to sync.

use crate::support::server::Server;
use simul_core::Secret;
use simul_git::cache::Cache;
use simul_git::limits::Limits;
use simul_git::source::{Remote, Source};
use simul_git::transport::mirror::Progress;
use simul_git::transport::{Logins, Mirrors, Synced};
use simul_git::{Git, RepoError};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::Semaphore;

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    cache: PathBuf,
    pub(crate) server: Server,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) limits: Limits,
    pub(crate) logins: Vec<(String, Secret)>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("served")).unwrap();
        let server = Server::start(&folder.path().join("served"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let cache = folder.path().join("cache");
        Self { folder, cache, server, runtime, limits: Limits::default(), logins: Vec::new() }
    }

    pub(crate) fn served(&self) -> PathBuf {
        self.folder.path().join("served")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.cache.clone()
    }

    pub(crate) fn set_cache(&mut self, cache: &str) {
        self.cache = PathBuf::from(cache);
    }

    pub(crate) fn mirrors(&self) -> Mirrors {
        self.mirrors_with(8)
    }

    pub(crate) fn mirrors_with(&self, jobs: usize) -> Mirrors {
        let logins = Logins::new(&self.logins, None).unwrap();
        let cache = Cache::open(Some(&self.cache())).unwrap();
        let permits = Arc::new(Semaphore::new(jobs));
        let mirrors = Mirrors::new(Git::find().unwrap(), cache, logins, self.limits, permits).unwrap();
        mirrors.sweep();
        mirrors
    }

    pub(crate) fn sync(&self, url: &str) -> Result<Synced, RepoError> {
        self.sync_telling(url).0
    }

    /// The outcome and every step of it.
    pub(crate) fn sync_telling(&self, url: &str) -> (Result<Synced, RepoError>, Vec<Progress>) {
        let steps = Arc::new(Mutex::new(Vec::new()));
        let report = {
            let steps = steps.clone();
            move |step: &Progress| steps.lock().unwrap().push(step.clone())
        };
        let mirrors = self.mirrors();
        let outcome = match parse(url) {
            Ok(remote) => self.runtime.block_on(mirrors.sync(&remote, url, report)),
            Err(error) => Err(error),
        };
        let steps = std::mem::take(&mut *steps.lock().unwrap());
        (outcome, steps)
    }

    /// Folders of clones that are not complete.
    pub(crate) fn partials(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.cache())
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(".tmp-"))
            .collect()
    }

    /// Waits until the files of clones that are not complete are gone: a thread of the engine removes them after the
    /// processes that write them are dead.
    pub(crate) fn wait_for_no_partials(&self) {
        wait_until(|| self.partials().is_empty());
    }
}

/// Waits for something that no event tells of; the watchdog of the whole run ends a test that waits for ever.
pub(crate) fn wait_until(mut done: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed().as_secs() < 60, "it never came");
        std::thread::yield_now();
    }
}

pub(crate) fn parse(url: &str) -> Result<Remote, RepoError> {
    match Source::parse(url)? {
        Source::Remote(remote) => Ok(remote),
        Source::Local(path) => panic!("{} is a path", path.display()),
    }
}

/// Every file below `folder` with its content.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    found
}

const ROLE: &str = "SIMUL_TRANSPORT_TEST_ROLE";

/// What [`again`] handed to this process.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Runs one test of this binary again in a process of its own, with `role` handed to it.
pub(crate) fn again(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// In a process that [`again`] started: syncs what it was told and says so. In the test itself: false.
pub(crate) fn plays_its_part() -> bool {
    let Some(role) = role() else { return false };
    let (cache, url) = role.split_once(' ').unwrap();
    let mut fixture = Fixture::new();
    fixture.set_cache(cache);
    // Read by the parent process: the answer of this one is its standard output.
    #[expect(clippy::print_stdout, reason = "the test runs itself as a second process and reads what it prints")]
    {
        println!("synced {}", fixture.sync(url).unwrap().path.display());
    }
    true
}

/// Waits for a process that [`plays_its_part`], and asserts that it did.
pub(crate) fn assert_synced(process: std::process::Child) {
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("synced "), "{text}{complaint}");
}

/// Whether this process is the one in which `test` runs alone; if not, runs it so and asserts that it passed.
pub(crate) fn is_alone(test: &str) -> bool {
    if role().is_some() {
        return true;
    }
    let output = again(test, "alone").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{complaint}");
    false
}
