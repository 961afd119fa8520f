//! How a command ended: what failed, and the exit code.

use crate::args::ProgressKind;
use crate::output::reader_gone;
use crate::terminal::{clean, say};
use crate::work::Failure;
use crate::{exit, interrupt};
use simul_core::Error;
use simul_git::RepoError;

/// What went wrong, gathered while results pass by.
#[derive(Debug, Default)]
pub(super) struct Tally {
    total: usize,
    /// Repositories of which nothing could be had.
    failed: usize,
    problems: Vec<RepoError>,
}

impl Tally {
    pub(super) fn new(total: usize) -> Self {
        Self { total, ..Self::default() }
    }

    /// A repository that failed.
    pub(super) fn failed(&mut self, error: RepoError) {
        self.failed += 1;
        self.problems.push(error);
    }

    /// A part of a repository that failed.
    pub(super) fn partly(&mut self, error: RepoError) {
        self.problems.push(error);
    }

    pub(super) fn nothing_usable(&self) -> bool {
        self.failed >= self.total
    }

    /// Lists what failed on stderr and answers the exit code.
    pub(super) fn close(self, progress: ProgressKind) -> i32 {
        // Programs have been told by the events already.
        if !matches!(progress, ProgressKind::Json) {
            self.list();
        }
        if interrupt::terminated() {
            exit::TERMINATED
        } else if interrupt::draining() {
            exit::INTERRUPTED
        } else if self.problems.is_empty() {
            exit::OK
        } else if self.nothing_usable() {
            exit::NOTHING_USABLE
        } else {
            exit::SOME_FAILED
        }
    }

    fn list(&self) {
        if self.problems.is_empty() {
            return;
        }
        let (waiting, problems): (Vec<_>, Vec<_>) =
            self.problems.iter().partition(|error| error.kind == simul_git::RepoErrorKind::Cancelled);
        if !problems.is_empty() {
            let noun = if self.total == 1 { "repository" } else { "repositories" };
            say(&format!("simul: {} of {} {noun} failed:", problems.len(), self.total));
        }
        for error in problems {
            let hint = error.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
            say(&format!(
                "  {}: {}: {}{}",
                clean(&error.source),
                error.kind.name(),
                clean(&error.detail),
                clean(&hint)
            ));
        }
        if !waiting.is_empty() {
            say(&format!("simul: {} not finished; run the same command again to go on", waiting.len()));
        }
    }
}

/// A failed write of results: quiet when the reader has gone.
pub(super) fn output_failure(error: &Error) -> Failure {
    match reader_gone(error) {
        true => Failure { code: exit::READER_GONE, message: String::new() },
        false => Failure::unusable(error.to_string()),
    }
}
