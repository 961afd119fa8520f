//! Sources, several at once: each is synced, then read; results come in the order of the command line.

use crate::args::{Common, Limit};
use crate::{auth, exit, interrupt, sources};
use futures_util::StreamExt;
use simul_engine::{CancelToken, Job, blocking, spawn};
use simul_git::cache::Cache;
use simul_git::events::{Event, Hub, Phase};
use simul_git::history::Repository;
use simul_git::limits::Limits;
use simul_git::source::Source;
use simul_git::transport::{Logins, Mirrors, Synced};
use simul_git::{Git, RepoError, RepoErrorKind};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};

/// Why a command ended before it had results, and with which exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: i32,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: exit::USAGE, message: message.into() }
    }

    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self { code: exit::NOTHING_USABLE, message: message.into() }
    }
}

impl From<RepoError> for Failure {
    fn from(error: RepoError) -> Self {
        let hint = error.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let message = format!("{}: {}{hint}", error.source, error.detail);
        match error.kind {
            RepoErrorKind::Invalid => Self::usage(message),
            _ => Self::unusable(message),
        }
    }
}

/// What all repositories of one command share.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) git: Git,
    pub(crate) sources: Vec<String>,
    pub(crate) hub: Arc<Hub>,
    jobs: usize,
    permits: Arc<Semaphore>,
    /// Absent if every source is a path: then no cache is needed.
    mirrors: Option<Mirrors>,
}

/// One repository, ready to be read.
pub(crate) struct Reading<'a> {
    pub(crate) source: &'a str,
    pub(crate) repository: &'a Repository,
    pub(crate) synced: &'a Synced,
    /// What names it, whatever the spelling: the canonical URL, or the absolute path.
    pub(crate) canonical_id: &'a str,
    pub(crate) cancel: &'a CancelToken,
    hub: &'a Hub,
}

impl Reading<'_> {
    /// A progress function for one phase, at most every 50 ms.
    pub(crate) fn counter(&self, phase: Phase) -> impl Fn(u64, Option<u64>) + Sync + '_ {
        const PACE: Duration = Duration::from_millis(50);
        let last = Mutex::new(None::<Instant>);
        move |done, total| {
            let now = Instant::now();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if total == Some(done) || last.is_none_or(|last| now.duration_since(last) >= PACE) {
                *last = Some(now);
                self.hub.send(Event { done, total, ..Event::new(self.source, phase) });
            }
        }
    }
}

/// What to do with each repository.
pub(crate) type Read<T> = Arc<dyn Fn(&Reading<'_>) -> Result<T, RepoError> + Send + Sync>;

impl Work {
    /// Reads what the command line says about sources, logins and limits.
    ///
    /// # Errors
    /// A line for the user: usage, or a git or cache that cannot be used.
    pub(crate) fn new(common: &Common) -> Result<Self, Failure> {
        let sources = sources::collect(&common.sources, &common.from).map_err(Failure::usage)?;
        let auth = auth::logins(&common.auth).map_err(Failure::usage)?;
        let git = Git::find()?;
        let (Limit(bytes), Limit(seconds), Limit(stall_seconds)) =
            (common.limit_bytes, common.limit_seconds, common.stall_seconds);
        let limits = Limits { bytes, seconds, stall_seconds };
        let logins = Logins::new(&auth, None)?;
        let jobs = usize::from(common.jobs);
        let permits = Arc::new(Semaphore::new(jobs));
        let remote = sources.iter().any(|source| matches!(Source::parse(source), Ok(Source::Remote(_))));
        let mirrors = match remote {
            true => {
                let cache = Cache::open(common.cache.as_deref()).map_err(|error| {
                    let hint = "name a folder that you can write with --cache DIR or SIMUL_CACHE";
                    Failure::from(error.hint(hint))
                })?;
                Some(Mirrors::new(git.clone(), cache, logins, limits, permits.clone())?)
            }
            false => None,
        };
        Ok(Self { git, sources, hub: Arc::default(), jobs, permits, mirrors })
    }

    /// Starts `read` on every repository, several at once.
    ///
    /// # Returns
    /// The work as a whole, and where results arrive, with the source's position. The channel is short, so that a slow
    /// reader slows the work down instead of filling the memory.
    pub(crate) fn start<T: Send + 'static>(self: &Arc<Self>, read: Read<T>) -> Running<T> {
        let (sender, receiver) = mpsc::channel(self.jobs);
        for source in &self.sources {
            self.hub.send(Event::new(source, Phase::Queued));
        }
        let work = self.clone();
        let job = spawn("simul repos", async move {
            let all = (0..work.sources.len()).map(|at| {
                let (work, read, sender) = (work.clone(), read.clone(), sender.clone());
                async move {
                    let outcome = work.one(&work.sources[at], read).await;
                    // Nobody receives once the command gives up.
                    let _ = sender.send((at, outcome)).await;
                }
            });
            futures_util::stream::iter(all).buffer_unordered(work.jobs).collect::<Vec<()>>().await;
            Ok(())
        });
        Running { job: Arc::new(job), receiver, permits: self.permits.clone(), jobs: self.jobs }
    }

    async fn one<T: Send + 'static>(self: &Arc<Self>, source: &str, read: Read<T>) -> Result<T, RepoError> {
        if interrupt::draining() {
            let error = RepoError::new(RepoErrorKind::Cancelled, source, "queued", "not started: interrupted");
            let error = error.hint("run the same command again");
            self.hub.send(Event::failed(source, &error));
            return Err(error);
        }
        let outcome = self.sync_and_read(source, read).await;
        self.hub.send(match &outcome {
            Ok(_) => Event::new(source, Phase::Done),
            Err(error) => Event::failed(source, error),
        });
        outcome
    }

    async fn sync_and_read<T: Send + 'static>(self: &Arc<Self>, source: &str, read: Read<T>) -> Result<T, RepoError> {
        let (synced, canonical_id) = self.sync(source).await?;
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // The walk's own child, and one for each core that counts.
        let children = self.jobs.min(cores + 1);
        let wanted = u32::try_from(children).expect("bounded by the number of cores");
        let cancelled = || RepoError::new(RepoErrorKind::Cancelled, source, "waiting", "cancelled");
        let permits = self.permits.clone().acquire_many_owned(wanted).await.map_err(|_| cancelled())?;
        let (work, name) = (self.clone(), source.to_owned());
        let outcome = blocking(move |cancel| {
            let outcome = Repository::open(&work.git, &synced.path, &name).and_then(|repository| {
                let repository = repository.with_max_children(children);
                let synced = Synced { shallow: repository.is_shallow(), ..synced };
                read(&Reading {
                    source: &name,
                    repository: &repository,
                    synced: &synced,
                    canonical_id: &canonical_id,
                    cancel,
                    hub: &work.hub,
                })
            });
            drop(permits);
            Ok(outcome)
        });
        let broken = |error: simul_core::Error| match error.kind() {
            simul_core::Kind::Cancelled | simul_core::Kind::Closed => cancelled(),
            _ => RepoError::new(RepoErrorKind::Git, source, "reading", error.to_string()),
        };
        outcome.await.unwrap_or_else(|error| Err(broken(error)))
    }

    /// Where the repository is: a path is its own place, an address is mirrored.
    async fn sync(&self, source: &str) -> Result<(Synced, String), RepoError> {
        match Source::parse(source)? {
            Source::Local(path) => {
                let canonical: PathBuf = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
                let synced = Synced {
                    path,
                    in_place: true,
                    cloned: false,
                    fetched: false,
                    shallow: false,
                    head: None,
                    fsck_relaxed: false,
                    bytes: 0,
                };
                Ok((synced, canonical.to_string_lossy().into_owned()))
            }
            Source::Remote(remote) => {
                let mirrors = self.mirrors.as_ref().expect("a cache is opened where any source is remote");
                self.hub.send(Event::new(source, Phase::Connecting));
                let hub = self.hub.clone();
                let newest = Mutex::new(Event::new(source, Phase::Connecting));
                let synced = mirrors.sync(&remote, source, move |step| {
                    let mut newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
                    *newest = step.after(&newest);
                    hub.send(newest.clone());
                });
                Ok((synced.await?, remote.canonical))
            }
        }
    }
}

/// Work under way.
pub(crate) struct Running<T> {
    pub(crate) job: Arc<Job<()>>,
    receiver: mpsc::Receiver<(usize, Result<T, RepoError>)>,
    permits: Arc<Semaphore>,
    jobs: usize,
}

impl<T: Send + 'static> Running<T> {
    /// Hands out every outcome in the order of the sources, as soon as those before it are there. `take` answers
    /// whether to go on.
    pub(crate) fn in_order(&mut self, mut take: impl FnMut(usize, Result<T, RepoError>) -> bool) {
        let mut early = BTreeMap::new();
        let mut next = 0;
        while let Some((at, outcome)) = self.receiver.blocking_recv() {
            early.insert(at, outcome);
            while let Some(outcome) = early.remove(&next) {
                if !take(next, outcome) {
                    self.stop();
                    return;
                }
                next += 1;
            }
        }
        // Stopped in the middle: what is there is still told, in order.
        for (at, outcome) in early {
            if !take(at, outcome) {
                break;
            }
        }
        self.stop();
    }

    /// Stops what still runs and waits until its processes are dead, at most some seconds.
    fn stop(&mut self) {
        self.job.cancel();
        self.receiver.close();
        let begun = Instant::now();
        while self.permits.available_permits() < self.jobs && begun.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(5));
        }
    }
}
