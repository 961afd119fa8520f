//! One git child, watched until it ends: what it says, what it asks, what it receives, how long it takes.

use super::askpass::Askpass;
use super::classify;
use super::login::Logins;
use super::progress::{Reader, Said};
use crate::events::Phase;
use crate::limits::Limits;
use crate::{RepoError, RepoErrorKind};
use simul_engine::child::{AsyncOutput, ChildOptions, Group, spawn_group_async};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// How often sizes on disk are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What must stay free on the disk that the cache is on.
const FREE_FLOOR: u64 = 64 << 20;

/// Packs grow by the objects that complete them, and have indices: what a file may take above the limit on bytes before
/// the system itself ends the transfer.
const FILE_SLACK: u64 = 16 << 20;

/// A child to run and how to watch it.
pub(super) struct Run<'a> {
    pub(super) options: ChildOptions,
    pub(super) askpass: Option<Askpass>,
    /// The caller's string, for errors.
    pub(super) source: &'a str,
    pub(super) logins: &'a Logins,
    pub(super) limits: &'a Limits,
    /// When the whole sync must have ended.
    pub(super) deadline: Option<Instant>,
    /// The mirror that is written.
    pub(super) mirror: PathBuf,
    /// A folder on the disk that fills.
    pub(super) disk: &'a Path,
    pub(super) report: &'a (dyn Fn(Said) + Send + Sync),
}

/// A child that ended by itself.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    /// git's own words, without progress.
    pub(super) words: String,
    pub(super) server_words: String,
    pub(super) phase: Phase,
    pub(super) bytes: u64,
}

impl Run<'_> {
    /// Runs the child to its end.
    ///
    /// # Errors
    /// A limit that was passed, by then with the whole group dead; a child that could not be started.
    ///
    /// # Cancellation
    /// Dropped, the group is killed.
    pub(super) async fn run(self) -> Result<Ended, RepoError> {
        let Run { options, mut askpass, source, logins, limits, deadline, mirror, disk, report } = self;
        let options = options.stdout(Stdio::piped()).stderr(Stdio::piped());
        let options = match limits.bytes {
            Some(bytes) => options.limit_file_bytes(bytes.saturating_add(FILE_SLACK)),
            None => options,
        };
        let starting = |error: std::io::Error| {
            RepoError::new(RepoErrorKind::Git, source, "starting git", format!("git could not be started: {error}"))
        };
        let mut group = spawn_group_async(options).await.map_err(starting)?;
        let mut stderr = AsyncOutput::stderr(group.take_stderr().expect("stderr was piped")).map_err(starting)?;
        let mut stdout = AsyncOutput::stdout(group.take_stdout().expect("stdout was piped")).map_err(starting)?;

        let mut watch = Watch { deadline, ..Watch::new(source, limits, &mirror, disk) };
        let mut reader = Reader::default();
        let (mut said, mut printed) = (Vec::new(), Vec::new());
        let (mut error_buffer, mut output_buffer) = ([0; 8 << 10], [0; 8 << 10]);
        let (mut errors_end, mut output_end, mut status) = (false, false, None);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                read = stderr.read(&mut error_buffer), if !errors_end => {
                    let length = read.unwrap_or(0);
                    errors_end = length == 0;
                    watch.heard();
                    match errors_end {
                        true => reader.finish(|line| said.push(line)),
                        false => reader.feed(&error_buffer[..length], |line| said.push(line)),
                    }
                    for mut line in said.drain(..) {
                        watch.said(&line);
                        line.message = line.message.map(|message| logins.scrub(&message));
                        report(line);
                    }
                }
                read = stdout.read(&mut output_buffer), if !output_end => {
                    let length = read.unwrap_or(0);
                    output_end = length == 0;
                    watch.heard();
                    if printed.len() < LARGEST_OUTPUT {
                        printed.extend_from_slice(&output_buffer[..length]);
                    }
                }
                asked = serve(&mut askpass) => {
                    // Nobody can ask any more, or git cannot hear the answer and will say so.
                    let _ = asked;
                    askpass = None;
                }
                exited = group.wait_async(), if status.is_none() => {
                    let exited = exited.map_err(|error| {
                        RepoError::new(RepoErrorKind::Git, source, watch.phase.name(), format!("git could not be waited for: {error}"))
                    });
                    status = Some(exited?);
                }
                _ = look.tick() => {
                    if let Some(error) = watch.look() {
                        return Err(give_up(group, error).await);
                    }
                }
            }
            if let Some(status) = status
                && errors_end
                && output_end
            {
                if let Some(error) = watch.too_large() {
                    return Err(error);
                }
                return Ok(Ended {
                    status,
                    stdout: printed,
                    words: logins.scrub(reader.own_words()),
                    server_words: logins.scrub(reader.remote_words()),
                    phase: watch.phase,
                    bytes: watch.bytes,
                });
            }
        }
    }
}

/// `ls-remote` of one pattern prints a few lines; a hostile server must not fill memory.
const LARGEST_OUTPUT: usize = 1 << 20;

async fn serve(askpass: &mut Option<Askpass>) -> std::io::Result<()> {
    match askpass {
        Some(askpass) => askpass.serve().await,
        None => std::future::pending().await,
    }
}

async fn give_up(mut group: Group, error: RepoError) -> RepoError {
    group.kill();
    // The group is dead before its caller hears of it; that it cannot be waited for changes nothing.
    let _ = group.wait_async().await;
    error
}

/// What the limits are compared with.
struct Watch<'a> {
    source: &'a str,
    limits: &'a Limits,
    deadline: Option<Instant>,
    mirror: &'a Path,
    disk: &'a Path,
    phase: Phase,
    bytes: u64,
    pack_bytes: u64,
    last_heard: Instant,
}

impl<'a> Watch<'a> {
    fn new(source: &'a str, limits: &'a Limits, mirror: &'a Path, disk: &'a Path) -> Self {
        let (phase, last_heard) = (Phase::Connecting, Instant::now());
        Self { source, limits, deadline: None, mirror, disk, phase, bytes: 0, pack_bytes: 0, last_heard }
    }

    fn heard(&mut self) {
        self.last_heard = Instant::now();
    }

    fn said(&mut self, said: &Said) {
        if let Some(phase) = said.phase {
            self.phase = phase;
        }
        self.bytes = self.bytes.max(said.bytes.unwrap_or(0));
    }

    /// A limit that has been passed.
    fn look(&mut self) -> Option<RepoError> {
        let size = unfinished_bytes(&self.mirror.join("objects/pack"));
        if size != self.pack_bytes {
            self.pack_bytes = size;
            self.heard();
        }
        self.too_large().or_else(|| self.too_slow()).or_else(|| self.disk_full())
    }

    fn error(&self, kind: RepoErrorKind, detail: String) -> RepoError {
        RepoError::new(kind, self.source, self.phase.name(), detail)
    }

    fn too_large(&self) -> Option<RepoError> {
        let limit = self.limits.bytes?;
        (self.bytes.max(self.pack_bytes) > limit).then(|| too_large(self.source, self.phase, limit))
    }

    fn too_slow(&self) -> Option<RepoError> {
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let seconds = self.limits.seconds.unwrap_or_default();
            let error = self.error(RepoErrorKind::Timeout, format!("it was not done after {seconds} s"));
            return Some(error.hint("raise the limit on seconds, or sync it when the network is better"));
        }
        let stall = self.limits.stall()?;
        // From here on git works on this machine and may be silent for long.
        let local = matches!(self.phase, Phase::Resolving | Phase::Checking);
        (!local && now.duration_since(self.last_heard) >= stall).then(|| {
            let seconds = self.limits.stall_seconds.unwrap_or_default();
            self.error(RepoErrorKind::Stalled, format!("nothing arrived for {seconds} s"))
                .hint("the server or the network hangs; sync again, or raise the limit on stall_seconds")
        })
    }

    #[cfg(unix)]
    fn disk_full(&self) -> Option<RepoError> {
        let free = rustix::fs::statvfs(self.disk).ok()?;
        let free = free.f_bavail.saturating_mul(free.f_frsize);
        (free < FREE_FLOOR).then(|| {
            self.error(RepoErrorKind::Storage, format!("{} MiB are left on the cache's disk", free >> 20))
                .hint("make room, or give another folder with cache= or SIMUL_CACHE")
        })
    }

    #[cfg(not(unix))]
    fn disk_full(&self) -> Option<RepoError> {
        let _ = (self.disk, FREE_FLOOR);
        None
    }
}

/// The error of a repository above the limit on bytes.
pub(super) fn too_large(source: &str, phase: Phase, limit: u64) -> RepoError {
    RepoError::new(
        RepoErrorKind::TooLarge,
        source,
        phase.name(),
        format!("it is larger than the limit of {limit} bytes"),
    )
    .hint("raise the limit on bytes if this repository is wanted")
}

/// Bytes in packs that are still being received.
fn unfinished_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with("tmp_pack")))
        .filter_map(|entry| entry.metadata().ok())
        .map(|data| data.len())
        .sum()
}

impl Ended {
    /// The error that a failed child means.
    pub(super) fn error(&self, source: &str, limits: &Limits) -> RepoError {
        let kind = classify::kind(&self.words);
        if kind == RepoErrorKind::TooLarge
            && let Some(limit) = limits.bytes
        {
            return too_large(source, self.phase, limit);
        }
        let mut detail = classify::telling_line(&self.words).to_owned();
        if let Some(line) = self.server_words.lines().next_back() {
            let line: String = line.chars().take(200).collect();
            detail.push_str(&format!(" (the server says: {line})"));
        }
        let error = RepoError::new(kind, source, self.phase.name(), detail);
        match classify::meaning(&self.words).map(|row| row.hint).filter(|hint| !hint.is_empty()) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
