//! Many repositories at once: synced, read, and never hiding each other's failures.
//!
//! Results stand under the caller's exact strings, in the caller's order; a repository that failed has its error there.
//!
//! # Layout
//! - [`task`]: how the clone of each repository stands.
//! - `body`: what a manager has in one process: permits, tasks, events.
//! - `sync`: mirroring, and finding where a source can be read.
//! - `read`: commits, changes, blame, branches and ownership as tables.

mod body;
mod read;
mod sync;
pub mod task;

pub use crate::transport::Synced;
pub use task::{CloneStatus, CloneTask, StatusType};

use crate::cache::Cache;
use crate::events::Events;
use crate::limits::Limits;
use crate::program::Git;
use crate::transport::{Logins, Mirrors};
use crate::{RepoError, RepoErrorKind};
use body::Body;
use indexmap::IndexMap;
use simul_core::{Result, Secret};
use simul_engine::per_process::PerProcess;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Something for each repository, or why it has none, keyed by the caller's exact string in the caller's order.
pub type ByRepo<T> = IndexMap<String, std::result::Result<T, RepoError>>;

/// How a manager works; every field may be left at its default.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tokens by `host` or `host:port`; each goes to its own host and port only, over https.
    pub auth: Vec<(String, Secret)>,
    /// The login name beside tokens. Default: the one in the address, else `x-access-token`.
    pub username: Option<String>,
    /// The folder of mirrors. Default: see [`Cache::open`].
    pub cache: Option<PathBuf>,
    /// How many git process groups may be alive at once, transport and analysis together; at least 1. Default 8.
    pub jobs: usize,
    /// What one repository may take.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { auth: Vec::new(), username: None, cache: None, jobs: 8, limits: Limits::default() }
    }
}

/// Many repositories at once.
///
/// # Threads and loops
/// Clones share everything; any thread may use them. After a fork the child's copy starts with no tasks of its own.
///
/// # Example
/// ```
/// use simul_git::manager::{Options, RepoManager};
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let git = simul_git::Git::find()?;
/// # let run = |words: &[&str]| assert!(git.command(None).current_dir(folder.path()).args(words).status().expect("git").success());
/// # run(&["init", "-q"]);
/// # run(&["-c", "user.name=A", "-c", "user.email=a@b.example", "commit", "-q", "--allow-empty", "-m", "First"]);
/// # let path = folder.path().to_str().expect("UTF-8").to_owned();
/// let manager = RepoManager::new(vec![path.clone(), "/nowhere/at/all".into()], Options::default())?;
/// let tables = manager.commits_all(Default::default()).wait(None)?;
/// assert_eq!(tables[&path].as_ref().map(|table| table.num_rows()), Ok(1));
/// assert!(tables["/nowhere/at/all"].is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RepoManager(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sources: Vec<String>,
    git: Git,
    logins: Logins,
    options: Options,
    body: PerProcess<Body>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(body) = self.body.peek() {
            body.hub.close();
        }
    }
}

impl RepoManager {
    /// A manager of `sources`: paths and addresses, see [`Source::parse`](crate::source::Source::parse). Nothing is read or
    /// fetched yet, and a source that is none is told beside the others' results.
    ///
    /// # Errors
    /// A missing or old git ([`RepoErrorKind::Unsupported`]), limits that are none, tokens bound to what is no host.
    pub fn new(sources: Vec<String>, options: Options) -> Result<Self> {
        options.limits.check()?;
        if options.jobs == 0 {
            let error =
                RepoError::new(RepoErrorKind::Invalid, "jobs", "reading options", "jobs = 0 would never run anything");
            return Err(error.hint("give 1 or more").into());
        }
        let logins = Logins::new(&options.auth, options.username.as_deref())?;
        let sources: IndexMap<String, ()> = sources.into_iter().map(|source| (source, ())).collect();
        Ok(Self(Arc::new(Inner {
            sources: sources.into_keys().collect(),
            git: Git::find()?,
            logins,
            options,
            body: PerProcess::new(),
        })))
    }

    /// The sources, as given, each once.
    pub fn sources(&self) -> &[String] {
        &self.0.sources
    }

    /// What is happening, from now on and as it stands now.
    pub fn events(&self) -> Events {
        self.body().hub.subscribe()
    }

    /// How the clone of each repository stands.
    pub fn tasks(&self) -> IndexMap<String, CloneTask> {
        self.body().tasks.snapshot()
    }

    fn body(&self) -> &Body {
        self.0.body.get(|_| Body::new(self.0.options.jobs, &self.0.sources))
    }

    fn mirrors(&self) -> std::result::Result<Mirrors, RepoError> {
        let Inner { git, logins, options, .. } = &*self.0;
        let cache = Cache::open(options.cache.as_deref())?;
        let body = self.body();
        let mirrors = Mirrors::new(git.clone(), cache, logins.clone(), options.limits, body.permits.clone())?;
        if !body.swept.swap(true, Ordering::Relaxed) {
            mirrors.sweep();
        }
        Ok(mirrors)
    }
}
