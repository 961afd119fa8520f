//! What `.gitattributes` say about a path: text, binary, or nothing. Asked of git, and only where such a file can exist.

use super::pool::{Pool, Service};
use super::process::{Context, run};
use super::repository::Repository;
use crate::{RepoError, RepoErrorKind};
use std::collections::HashMap;
use std::io::BufRead;
use std::sync::{Mutex, PoisonError};

/// What decides whether a file's lines are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treat {
    /// By its content.
    AsFound,
    /// As text, whatever it holds.
    Text,
    /// As binary, whatever it holds.
    Binary,
}

/// The attributes of one repository, as git sees them while it reads this history.
pub(super) struct Attributes<'p, 'a> {
    pool: &'p Pool<'a>,
    context: Context<'a>,
    known: Mutex<HashMap<Vec<u8>, Treat>>,
}

impl<'p, 'a> Attributes<'p, 'a> {
    /// None when no attribute can apply; an error where only git can honour them (drivers with settings of their own).
    pub(super) fn of(
        repository: &Repository,
        pool: &'p Pool<'a>,
        context: Context<'a>,
    ) -> Result<Option<Self>, RepoError> {
        if !any_source(repository, context)? {
            return Ok(None);
        }
        Ok(Some(Self { pool, context, known: Mutex::default() }))
    }

    /// Whether the repository's configuration gives a driver (`diff=name`) settings that change counts.
    pub(super) fn has_drivers(repository: &Repository, context: Context<'_>) -> Result<bool, RepoError> {
        let mut command = repository.command();
        command.args(["config", "-z", "--name-only", "--get-regexp", r"^diff\..*\.(binary|algorithm)$"]);
        Ok(!run(command, context)?.stdout.is_empty())
    }

    /// Asks git about all of `paths` that were not asked about before.
    pub(super) fn learn(&self, paths: &[&[u8]]) -> Result<(), RepoError> {
        let unknown: Vec<&[u8]> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            paths.iter().copied().filter(|path| !known.contains_key(*path)).collect()
        };
        // Below a pipe's capacity at a time; git answers each path before it reads the next.
        let mut batch: Vec<&[u8]> = Vec::new();
        let mut bytes = 0;
        for path in unknown {
            if bytes + path.len() > 16 << 10 && !batch.is_empty() {
                self.ask(&batch)?;
                batch.clear();
                bytes = 0;
            }
            bytes += path.len() + 1;
            batch.push(path);
        }
        if batch.is_empty() { Ok(()) } else { self.ask(&batch) }
    }

    fn ask(&self, paths: &[&[u8]]) -> Result<(), RepoError> {
        self.pool.with(Service::Attributes, |process| {
            let mut requests = paths.join(&0u8);
            requests.push(0);
            process.ask(&requests)?;
            let mut field = Vec::new();
            for path in paths {
                let mut value = Vec::new();
                // path, "diff", value
                for index in 0..3 {
                    field.clear();
                    let read = process.stdout.read_until(0, &mut field);
                    if read.is_err() || field.pop() != Some(0) {
                        return Err(process.failure());
                    }
                    if index == 0 && field != *path {
                        return Err(self.context.error(RepoErrorKind::Git, "git answered for another path"));
                    }
                    if index == 2 {
                        value.clone_from(&field);
                    }
                }
                let treat = match value.as_slice() {
                    b"unset" => Treat::Binary,
                    b"set" => Treat::Text,
                    _ => Treat::AsFound,
                };
                self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_vec(), treat);
            }
            Ok(())
        })
    }

    /// What was learned about a path.
    pub(super) fn treat(&self, path: &[u8]) -> Treat {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(path).copied().unwrap_or(Treat::AsFound)
    }
}

/// Whether git could find any attribute: `info/attributes`, a file in the worktree, the index or HEAD, or a tree that
/// the configuration names. The worktree is covered by the index: a file that is not added counts too, so ask for those.
fn any_source(repository: &Repository, context: Context<'_>) -> Result<bool, RepoError> {
    if repository.common_dir().join("info/attributes").exists() {
        return Ok(true);
    }
    let mut command = repository.command();
    command.args(["config", "--get", "attr.tree"]);
    if run(command, context)?.success {
        return Ok(true);
    }
    if repository.is_bare() {
        let Some(head) = repository.head_or_none(context)? else { return Ok(false) };
        let mut command = repository.command();
        command.args(["ls-tree", "-r", "-z", "--name-only", "--full-tree", &head]);
        let names = run(command, context)?.stdout;
        return Ok(names.split(|byte| *byte == 0).any(names_attributes));
    }
    let mut command = repository.command();
    // Literal pathspecs are the rule for our children; here a pattern is meant.
    command.env("GIT_LITERAL_PATHSPECS", "0");
    command.args(["ls-files", "-z", "--cached", "--others", "--", ":(glob)**/.gitattributes"]);
    let files = run(command, context)?;
    Ok(!files.success || !files.stdout.is_empty())
}

fn names_attributes(path: &[u8]) -> bool {
    path == b".gitattributes" || path.ends_with(b"/.gitattributes")
}
