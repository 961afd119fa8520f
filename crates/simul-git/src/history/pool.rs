//! A few long-lived git children that answer requests, lent to one worker at a time.
//!
//! Invariant: the pool never has more than its limit alive, and a worker holds at most one, so that waiting for one
//! always ends.

use super::process::{Context, Process};
use super::repository::Repository;
use crate::RepoError;
use std::process::Command;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What a child is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// Objects: `cat-file --batch`.
    Objects,
    /// A commit against its parent, or against the parent named behind it.
    Differences,
    /// A merge against all of its parents.
    Merges,
    /// Whether a path is text, binary or undecided.
    Attributes,
}

/// Renames as `-M` finds them, with git's own limit pinned against configuration.
const DIFFERENCES: &[&str] = &[
    "diff-tree",
    "--stdin",
    "-r",
    "--root",
    "-z",
    "--raw",
    "--numstat",
    "-M",
    "-l1000",
    "--no-relative",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=none",
    "--submodule=short",
    "-O/dev/null",
];

impl Service {
    fn command(self, repository: &Repository) -> Command {
        let mut command = repository.command();
        match self {
            Self::Objects => command.args(["cat-file", "--batch"]),
            Self::Differences => command.args(DIFFERENCES),
            Self::Merges => command.args(DIFFERENCES).arg("-c"),
            Self::Attributes => command.args(["check-attr", "--stdin", "-z", "diff"]),
        };
        command
    }
}

/// The children of one call.
pub(super) struct Pool<'a> {
    repository: &'a Repository,
    context: Context<'a>,
    limit: usize,
    state: Mutex<State<'a>>,
    returned: Condvar,
}

#[derive(Default)]
struct State<'a> {
    alive: usize,
    idle: Vec<(Service, Process<'a>)>,
}

impl<'a> Pool<'a> {
    pub(super) fn new(repository: &'a Repository, context: Context<'a>, limit: usize) -> Self {
        Self { repository, context, limit: limit.max(1), state: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs `work` with a child for `service`. A child that failed is not used again.
    pub(super) fn with<T>(
        &self,
        service: Service,
        work: impl FnOnce(&mut Process<'a>) -> Result<T, RepoError>,
    ) -> Result<T, RepoError> {
        let mut process = self.take(service)?;
        let result = work(&mut process);
        let mut state = self.lock();
        if result.is_ok() {
            state.idle.push((service, process));
        } else {
            drop(process);
            state.alive -= 1;
        }
        drop(state);
        self.returned.notify_all();
        result
    }

    /// Runs `work` while a place among the children is kept free for the one that it starts.
    pub(super) fn place<T>(&self, work: impl FnOnce() -> Result<T, RepoError>) -> Result<T, RepoError> {
        drop(self.reserve(None));
        let result = work();
        self.lock().alive -= 1;
        self.returned.notify_all();
        result
    }

    fn take(&self, service: Service) -> Result<Process<'a>, RepoError> {
        if let Some(process) = self.reserve(Some(service)) {
            return Ok(process);
        }
        let started = Process::start(service.command(self.repository), true, self.context);
        if started.is_err() {
            self.lock().alive -= 1;
            self.returned.notify_all();
        }
        started
    }

    /// An idle child for `service`, or None once there is room for a new one.
    fn reserve(&self, service: Option<Service>) -> Option<Process<'a>> {
        let mut state = self.lock();
        loop {
            if let Some(found) = state.idle.iter().position(|(kind, _)| Some(*kind) == service) {
                return Some(state.idle.swap_remove(found).1);
            }
            if state.alive >= self.limit && state.idle.pop().is_some() {
                state.alive -= 1;
            }
            if state.alive < self.limit {
                state.alive += 1;
                return None;
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
