//! The whole of one repository's transfer: clone once, then fetch only what is new.
//!
//! A clone is made under a temporary name and renamed when it is whole, so a mirror is there or it is not. A fetch writes
//! into the mirror: git puts packs and references in place all or nothing.

use super::askpass::{Answers, Askpass};
use super::classify;
use super::command::{self, Check};
use super::flight::{Listener, Listeners, Registry};
use super::lock::{self, MirrorLock};
use super::login::Logins;
use super::partial::{self, Partial};
use super::progress::Said;
use super::refs::{self, Head, Refs};
use super::run::{Ended, Run};
use crate::cache::Cache;
use crate::events::{Event, Phase};
use crate::limits::Limits;
use crate::program::Git;
use crate::source::{Remote, Scheme};
use crate::{RepoError, RepoErrorKind};
use futures_util::FutureExt;
use simul_engine::child::ChildOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// A repository that is there to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// Where it is.
    pub path: PathBuf,
    /// It is the caller's own path; nothing was copied.
    pub in_place: bool,
    /// It was cloned now.
    pub cloned: bool,
    /// Branches, tags or HEAD have changed since the last sync.
    pub fetched: bool,
    /// Its history is cut off, because the source's is.
    pub shallow: bool,
    /// The default branch, short (`main`); `None` if HEAD is a commit.
    pub head: Option<String>,
    /// The objects did not pass git's strict check and were accepted without it, as old repositories need.
    pub fsck_relaxed: bool,
    /// Bytes received now, as git counts them; 0 for what another caller received meanwhile.
    pub bytes: u64,
}

/// Mirrors remotes into a cache.
///
/// # Threads and loops
/// Clones share everything. Callers who sync one address at the same time, in threads or processes, cause one transfer.
#[derive(Debug, Clone)]
pub struct Mirrors {
    git: Git,
    cache: Cache,
    logins: Logins,
    limits: Limits,
    permits: Arc<Semaphore>,
}

type Outcome = Result<Synced, RepoError>;

static FLIGHTS: Registry<(FlightKey, String), Outcome> = Registry::new();

/// What two callers must have in common to share a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FlightKey {
    cache: Cache,
    login: [u8; 32],
    limits: String,
}

impl Mirrors {
    /// Mirrors into `cache`.
    ///
    /// # Args
    /// - `permits`: each transfer holds one for as long as it, or a process that it started, is alive.
    ///
    /// # Errors
    /// [`RepoErrorKind::Invalid`] for limits that are none.
    pub fn new(
        git: Git,
        cache: Cache,
        logins: Logins,
        limits: Limits,
        permits: Arc<Semaphore>,
    ) -> Result<Self, RepoError> {
        limits.check()?;
        Ok(Self { git, cache, logins, limits, permits })
    }

    /// Removes clones that processes which are gone did not complete. What cannot be removed now is left for another time.
    ///
    /// # Cost
    /// Blocks; lists the cache's folder.
    pub fn sweep(&self) {
        let _ = partial::sweep(&self.cache);
    }

    /// The cache.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Clones or fetches one remote.
    ///
    /// # Args
    /// - `source`: the caller's string, for errors.
    /// - `report`: hears of every step; it must not block.
    ///
    /// # Errors
    /// Whatever kept the mirror from being up to date. A mirror that was there stays as it was.
    ///
    /// # Cancellation
    /// Dropped by the last caller who wants it, its processes are killed and a clone that is not complete is removed.
    pub async fn sync(
        &self,
        remote: &Remote,
        source: &str,
        report: impl Fn(&Progress) + Send + Sync + 'static,
    ) -> Outcome {
        let key = FlightKey {
            cache: self.cache.clone(),
            login: self.logins.fingerprint(remote),
            limits: format!("{:?}", self.limits),
        };
        let listener: Listener = Arc::new(move |said: &Said| report(&Progress::from(said)));
        let flight = FLIGHTS.get(|_| Default::default()).join((key, remote.canonical.clone()), listener, |listeners| {
            let transfer =
                Transfer { mirrors: self.clone(), remote: remote.clone(), source: source.to_owned(), listeners };
            async move { transfer.go().await }.boxed()
        });
        flight.await.map_err(|error| RepoError { source: crate::table::repo_label(source), ..error })
    }
}

/// A step of a transfer.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The phase, unless the step is only a message.
    pub phase: Option<Phase>,
    /// How much is done, in the phase's unit.
    pub done: u64,
    /// Of how much.
    pub total: Option<u64>,
    /// Bytes received.
    pub bytes: Option<u64>,
    /// Bytes a second.
    pub rate_bytes_per_second: Option<f64>,
    /// What the server says, control bytes removed.
    pub message: Option<String>,
}

impl Progress {
    /// The event that follows `newest` by this step; words alone change nothing of how far it is.
    pub fn after(&self, newest: &Event) -> Event {
        match self.phase {
            Some(phase) => Event {
                repo: newest.repo.clone(),
                done: self.done,
                total: self.total,
                bytes: self.bytes,
                rate_bytes_per_second: self.rate_bytes_per_second,
                ..Event::new(&newest.repo, phase)
            },
            None => Event { message: self.message.clone(), ..newest.clone() },
        }
    }
}

impl From<&Said> for Progress {
    fn from(said: &Said) -> Self {
        Self {
            phase: said.phase,
            done: said.done,
            total: said.total,
            bytes: said.bytes,
            rate_bytes_per_second: said.rate,
            message: said.message.clone(),
        }
    }
}

/// One transfer, shared by all who asked for it.
struct Transfer {
    mirrors: Mirrors,
    remote: Remote,
    source: String,
    listeners: Listeners,
}

/// What a transfer holds until the last process that it started is dead.
#[derive(Clone)]
struct Holds {
    _permit: Arc<OwnedSemaphorePermit>,
    _lock: Arc<std::sync::Mutex<MirrorLock>>,
    _partial: Option<Arc<Partial>>,
}

impl Transfer {
    async fn go(self) -> Outcome {
        let lock_path = self.mirrors.cache.lock(&self.remote);
        let seen = lock::count(&lock_path);
        let permit = self.mirrors.permits.clone().acquire_owned().await.map_err(|_| {
            RepoError::new(RepoErrorKind::Cancelled, &self.source, Phase::Queued.name(), "the manager was closed")
        })?;
        self.phase(Phase::Connecting);
        let mirror = self.mirrors.cache.mirror(&self.remote);
        let lock = MirrorLock::acquire(&lock_path, mirror.clone()).await.map_err(|error| self.storage(&error))?;
        let done_meanwhile = lock.count() > seen && is_mirror(&mirror);
        let lock = Arc::new(std::sync::Mutex::new(lock));
        let holds = Holds { _permit: Arc::new(permit), _lock: lock.clone(), _partial: None };
        let synced = match done_meanwhile {
            true => self.synced(&mirror, false, false, Check::Strict, 0)?,
            false => {
                let deadline = self.mirrors.limits.wall().and_then(|wall| Instant::now().checked_add(wall));
                let synced = self.transfer(&mirror, &holds, deadline).await?;
                let mut lock = lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                lock.succeeded().map_err(|error| self.storage(&error))?;
                synced
            }
        };
        Ok(synced)
    }

    async fn transfer(&self, mirror: &Path, holds: &Holds, deadline: Option<Instant>) -> Outcome {
        if !is_mirror(mirror) {
            return self.clone_anew(mirror, holds, deadline).await;
        }
        match self.fetch(mirror, holds, deadline).await {
            // A mirror that is damaged, or was of another object format, is made anew.
            Err(error) if error.kind == RepoErrorKind::Corrupt => self.clone_anew(mirror, holds, deadline).await,
            outcome => outcome,
        }
    }

    async fn clone_anew(&self, mirror: &Path, holds: &Holds, deadline: Option<Instant>) -> Outcome {
        let mut check = Check::Strict;
        loop {
            let partial = Arc::new(Partial::new(&self.mirrors.cache).map_err(|error| self.storage(&error))?);
            let holds = Holds { _partial: Some(partial.clone()), ..holds.clone() };
            let target = partial.mirror();
            let mut git = self.git(None, check)?;
            command::clone(&mut git, &self.remote, &target);
            let ended = self.run(git, &target, &holds, deadline).await?;
            if !ended.status.success() {
                if check == Check::Strict && classify::is_fsck(&ended.words) {
                    check = Check::Relaxed;
                    continue;
                }
                return Err(self.failed(&ended));
            }
            self.phase(Phase::Checking);
            self.check_not_a_page(&target, &holds, deadline).await?;
            let placed = mirror.parent().map_or(Ok(()), |parent| self.mirrors.cache.make(parent));
            placed.and_then(|()| partial.place(mirror)).map_err(|error| self.storage(&error))?;
            return self.synced(mirror, true, true, check, ended.bytes);
        }
    }

    async fn fetch(&self, mirror: &Path, holds: &Holds, deadline: Option<Instant>) -> Outcome {
        let before = self.state(mirror)?;
        let mut check = Check::Strict;
        let bytes = loop {
            let mut git = self.git(Some(mirror), check)?;
            command::fetch(&mut git, &self.remote);
            let ended = self.run(git, mirror, holds, deadline).await?;
            if ended.status.success() {
                break ended.bytes;
            }
            if check == Check::Relaxed || !classify::is_fsck(&ended.words) {
                return Err(self.failed(&ended));
            }
            check = Check::Relaxed;
        };
        self.phase(Phase::Checking);
        self.check_not_a_page(mirror, holds, deadline).await?;
        self.follow_head(mirror, holds, deadline).await?;
        let changed = self.state(mirror)? != before;
        self.synced(mirror, false, changed, check, bytes)
    }

    /// Points HEAD where the remote's points. The fetch told its commit; only where that leaves a doubt is the server asked
    /// for the branch.
    async fn follow_head(&self, mirror: &Path, holds: &Holds, deadline: Option<Instant>) -> Result<(), RepoError> {
        let remote_head = refs::take_remote_head(mirror).map_err(|error| self.storage(&error))?;
        let (refs, head) = self.state(mirror)?;
        let wanted = match remote_head {
            Some(oid) => {
                let mut branches = refs.iter().filter(|(name, at)| name.starts_with("refs/heads/") && **at == oid);
                let only = branches.next().map(|(name, _)| name.clone()).filter(|_| branches.next().is_none());
                match (&head, only) {
                    (Head::Branch(name), Some(only)) if *name == only => return Ok(()),
                    _ => self.ask_head(mirror, holds, deadline).await?.unwrap_or(Head::Detached(oid)),
                }
            }
            None => match &head {
                // Unborn at both ends: nothing is known of its name, and nothing hangs on it.
                Head::Branch(name) if !refs.contains_key(name) => return Ok(()),
                _ => Head::Branch(unborn_name(&refs)),
            },
        };
        if wanted == head {
            return Ok(());
        }
        refs::set_head(mirror, &wanted).map_err(|error| self.storage(&error))
    }

    async fn ask_head(
        &self,
        mirror: &Path,
        holds: &Holds,
        deadline: Option<Instant>,
    ) -> Result<Option<Head>, RepoError> {
        let mut git = self.git(Some(mirror), Check::Strict)?;
        command::list_head(&mut git, &self.remote);
        let ended = self.run(git, mirror, holds, deadline).await?;
        if !ended.status.success() {
            return Err(self.failed(&ended));
        }
        Ok(refs::symbolic_head(&String::from_utf8_lossy(&ended.stdout)))
    }

    /// A web page of one line passes for an empty repository in git's oldest protocol (files over plain HTTP). A mirror without
    /// any reference is therefore believed only if the server speaks a newer one.
    async fn check_not_a_page(&self, mirror: &Path, holds: &Holds, deadline: Option<Instant>) -> Result<(), RepoError> {
        let is_web = matches!(self.remote.scheme, Scheme::Http | Scheme::Https);
        if !is_web || !self.state(mirror)?.0.is_empty() {
            return Ok(());
        }
        let mut git = self.git(Some(mirror), Check::Strict)?;
        command::trace_packets(&mut git, &self.remote);
        let ended = self.run(git, mirror, holds, deadline).await?;
        if ended.words.contains("packet:") {
            return Ok(());
        }
        let error = RepoError::new(
            RepoErrorKind::NotARepository,
            &self.source,
            Phase::Connecting.name(),
            "the server answers with a page and not as a git server",
        );
        Err(error.hint("check the address; a login page in between looks like this too"))
    }

    fn git(&self, repo: Option<&Path>, check: Check) -> Result<Command, RepoError> {
        let Mirrors { git, cache, limits, .. } = &self.mirrors;
        command::base(git, cache, &self.remote, repo, check, limits.stall()).map_err(|error| self.storage(&error))
    }

    async fn run(
        &self,
        git: Command,
        mirror: &Path,
        holds: &Holds,
        deadline: Option<Instant>,
    ) -> Result<Ended, RepoError> {
        let Mirrors { cache, logins, limits, .. } = &self.mirrors;
        let (askpass, options) = match logins.for_remote(&self.remote) {
            Some(login) => {
                let (askpass, options) =
                    Askpass::attach(cache, Answers::new(&self.remote, login), git).map_err(|error| {
                        RepoError::new(RepoErrorKind::Unsupported, &self.source, "giving a token", error.to_string())
                    })?;
                (Some(askpass), options)
            }
            None => (None, ChildOptions::new(git)),
        };
        let report = |said: Said| self.listeners.tell(&said);
        Run {
            options: options.hold(holds.clone()),
            askpass,
            source: &self.source,
            logins,
            limits,
            deadline,
            mirror: mirror.to_owned(),
            disk: cache.root(),
            report: &report,
        }
        .run()
        .await
    }

    fn failed(&self, ended: &Ended) -> RepoError {
        let error = ended.error(&self.source, &self.mirrors.limits);
        if error.kind == RepoErrorKind::Auth && self.mirrors.logins.is_held_back(&self.remote) {
            return error.hint("a token is sent over https only; write the address with https://");
        }
        if self.remote.scheme == Scheme::File
            && error.kind == RepoErrorKind::NotFound
            && command::path_of(&self.remote).exists()
        {
            return RepoError { kind: RepoErrorKind::NotARepository, ..error }
                .hint("give the folder that holds .git, or a bare repository");
        }
        error
    }

    fn state(&self, mirror: &Path) -> Result<(Refs, Head), RepoError> {
        let read = || Ok((refs::read(mirror)?, refs::head(mirror)?));
        read().map_err(|error: io::Error| {
            RepoError::new(
                RepoErrorKind::Corrupt,
                &self.source,
                Phase::Checking.name(),
                format!("the mirror cannot be read: {error}"),
            )
        })
    }

    fn synced(&self, mirror: &Path, cloned: bool, fetched: bool, check: Check, bytes: u64) -> Outcome {
        let (_, head) = self.state(mirror)?;
        Ok(Synced {
            path: mirror.to_owned(),
            in_place: false,
            cloned,
            fetched,
            shallow: mirror.join("shallow").exists(),
            head: match head {
                Head::Branch(name) => Some(name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned()),
                Head::Detached(_) => None,
            },
            fsck_relaxed: check == Check::Relaxed,
            bytes,
        })
    }

    fn phase(&self, phase: Phase) {
        self.listeners.tell(&Said { phase: Some(phase), ..Said::default() });
    }

    fn storage(&self, error: &io::Error) -> RepoError {
        RepoError::new(RepoErrorKind::Storage, &self.source, "writing the cache", error.to_string())
            .hint("make room or give another folder with cache= or SIMUL_CACHE")
    }
}

/// A branch name that nothing has.
fn unborn_name(refs: &Refs) -> String {
    let name = (0..)
        .map(|number| format!("refs/heads/unborn{}", if number == 0 { String::new() } else { number.to_string() }));
    name.into_iter().find(|name| !refs.contains_key(name)).unwrap_or_default()
}

fn is_mirror(path: &Path) -> bool {
    path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir()
}
