//! One git child: started in its own process group, killed when the call is cancelled or dropped, its complaint kept.

use crate::{RepoError, RepoErrorKind};
use simul_engine::CancelToken;
use simul_engine::child::{ChildOptions, Group, KillOnCancel, spawn_group};
use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// Who asks, and what for: the words of an error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// The caller's string.
    pub source: &'a str,
    /// What is being done ("walking").
    pub phase: &'static str,
    pub cancel: &'a CancelToken,
}

impl Context<'_> {
    pub(super) fn error(&self, kind: RepoErrorKind, detail: impl Into<String>) -> RepoError {
        if self.cancel.is_cancelled() {
            return RepoError::new(RepoErrorKind::Cancelled, self.source, self.phase, "cancelled");
        }
        RepoError::new(kind, self.source, self.phase, detail)
    }

    pub(super) fn check(&self) -> Result<(), RepoError> {
        if self.cancel.is_cancelled() {
            return Err(self.error(RepoErrorKind::Cancelled, "cancelled"));
        }
        Ok(())
    }
}

/// A running child with both pipes.
pub(super) struct Process<'a> {
    context: Context<'a>,
    group: Group,
    _kill: KillOnCancel<'a>,
    stdin: Option<ChildStdin>,
    pub stdout: BufReader<ChildStdout>,
    stderr: File,
}

impl<'a> Process<'a> {
    /// Starts `command`; stdin is a pipe if `asked` says that requests will be written.
    pub(super) fn start(command: Command, asked: bool, context: Context<'a>) -> Result<Self, RepoError> {
        context.check()?;
        let failed =
            |error: std::io::Error| context.error(RepoErrorKind::Git, format!("git could not be started: {error}"));
        // A file and not a pipe: nobody has to read it while the child runs.
        let stderr = tempfile::tempfile().map_err(failed)?;
        let mut options = ChildOptions::new(command).stdout(Stdio::piped()).stderr(stderr.try_clone().map_err(failed)?);
        if asked {
            options = options.stdin(Stdio::piped());
        }
        let mut group = spawn_group(options).map_err(failed)?;
        let stdin = group.take_stdin();
        let stdout = group.take_stdout().expect("stdout was piped above");
        let kill = group.kill_on_cancel(context.cancel);
        Ok(Self { context, group, _kill: kill, stdin, stdout: BufReader::with_capacity(1 << 16, stdout), stderr })
    }

    /// Writes requests. Keep them below a pipe's capacity (64 KiB) or the answers must be read meanwhile.
    pub(super) fn ask(&mut self, requests: &[u8]) -> Result<(), RepoError> {
        let stdin = self.stdin.as_mut().expect("started with stdin piped");
        match stdin.write_all(requests) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failure()),
        }
    }

    /// Reads the rest of stdout and waits for the end.
    pub(super) fn finish(mut self) -> Result<Finished, RepoError> {
        drop(self.stdin.take());
        let mut stdout = Vec::new();
        let read = self.stdout.read_to_end(&mut stdout);
        let status = self.group.wait();
        self.context.check()?;
        match (read, status) {
            (Ok(_), Ok(status)) => Ok(Finished { success: status.success(), stdout, stderr: self.complaint() }),
            (Err(error), _) | (_, Err(error)) => {
                Err(self.context.error(RepoErrorKind::Git, format!("git could not be read: {error}")))
            }
        }
    }

    /// Why the child ended before its answer was complete.
    pub(super) fn failure(&mut self) -> RepoError {
        self.group.kill();
        drop(self.stdin.take());
        let _ = self.group.wait();
        let complaint = self.complaint();
        damaged(&self.context, &complaint)
    }

    /// An object that git does not have; `header` is what it said about it.
    pub(super) fn missing(&mut self, header: &str) -> RepoError {
        if header.is_empty() { self.failure() } else { damaged(&self.context, header.trim()) }
    }

    fn complaint(&mut self) -> String {
        let mut text = Vec::new();
        if self.stderr.rewind().is_ok() {
            // A complaint that cannot be read leaves a shorter message, not another error.
            let _ = (&mut self.stderr).take(4096).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).trim().to_owned()
    }
}

impl Drop for Process<'_> {
    /// Killed and gone when this returns, so that another may start in its place at once.
    fn drop(&mut self) {
        self.group.kill();
        drop(self.stdin.take());
        // It was killed: there is nothing to learn from how it ended.
        let _ = self.group.wait();
    }
}

/// What a child that has ended said.
#[derive(Debug)]
pub(super) struct Finished {
    pub success: bool,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Finished {
    /// stdout as lines of UTF-8, for answers that hold nothing else.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Runs `command` to its end.
pub(super) fn run(command: Command, context: Context<'_>) -> Result<Finished, RepoError> {
    Process::start(command, false, context)?.finish()
}

/// The error for a git that broke off while it read objects that must be there.
pub(super) fn damaged(context: &Context<'_>, complaint: &str) -> RepoError {
    let first = complaint.lines().next().unwrap_or("git ended early and said nothing");
    context
        .error(RepoErrorKind::Corrupt, first)
        .hint("run `git fsck` there; a partial clone needs `git fetch --refetch` first, for nothing is fetched here")
}
