//! What `.gitattributes` say about a path: text, binary, or nothing. Asked of git, and only where such a file can exist.

use super::pool::{Pool, Service};
use super::process::{Context, run};
use super::repository::{Repository, bytes_to_path};
use crate::{RepoError, RepoErrorKind};
use std::collections::HashMap;
use std::io::BufRead;
use std::path::PathBuf;
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
    /// The worktree, when only files in it that git does not know yet could matter.
    worktree: Option<Worktree>,
}

/// What the repository's configuration says about attributes.
pub(super) struct Settings {
    /// It names a tree that holds attributes.
    tree: bool,
    /// It gives a driver (`diff=name`) settings that change counts: only git can honour those.
    pub drivers: bool,
}

impl Settings {
    pub(super) fn of(repository: &Repository, context: Context<'_>) -> Result<Self, RepoError> {
        let mut command = repository.command();
        command.args(["config", "-z", "--name-only", "--get-regexp", r"^(attr\.tree|diff\..*\.(binary|algorithm))$"]);
        let names = run(command, context)?.text();
        let tree = names.split('\0').any(|name| name == "attr.tree");
        Ok(Self { tree, drivers: names.split('\0').any(|name| name.starts_with("diff.")) })
    }
}

/// Where attributes may lie that were never added.
struct Worktree {
    top: PathBuf,
    /// Whether a folder holds some.
    folders: Mutex<HashMap<Vec<u8>, bool>>,
}

impl<'p, 'a> Attributes<'p, 'a> {
    /// None when no attribute can apply.
    pub(super) fn of(
        repository: &Repository,
        settings: &Settings,
        pool: &'p Pool<'a>,
        context: Context<'a>,
    ) -> Result<Option<Self>, RepoError> {
        let known = Mutex::default();
        if settings.tree || any_source(repository, context)? {
            return Ok(Some(Self { pool, context, known, worktree: None }));
        }
        let worktree =
            (!repository.is_bare()).then(|| Worktree { top: repository.top().to_owned(), folders: Mutex::default() });
        Ok(worktree.map(|worktree| Self { pool, context, known, worktree: Some(worktree) }))
    }

    /// Asks git about all of `paths` that were not asked about before.
    pub(super) fn learn(&self, paths: &[&[u8]]) -> Result<(), RepoError> {
        let unknown: Vec<&[u8]> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            paths.iter().copied().filter(|path| !known.contains_key(*path) && self.may_apply(path)).collect()
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

    /// Whether a folder on the way to `path` holds attributes.
    fn may_apply(&self, path: &[u8]) -> bool {
        let Some(Worktree { top, folders }) = &self.worktree else { return true };
        let mut folders = folders.lock().unwrap_or_else(PoisonError::into_inner);
        let mut folder = path;
        loop {
            folder = &folder[..folder.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
            let here = match folders.get(folder) {
                Some(here) => *here,
                None => {
                    let file = top.join(bytes_to_path(folder)).join(".gitattributes");
                    let here = file.symlink_metadata().is_ok();
                    folders.insert(folder.to_vec(), here);
                    here
                }
            };
            if here || folder.is_empty() {
                return here;
            }
        }
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

/// Whether git knows of a file of attributes: `info/attributes`, one in the index or, without a worktree, in HEAD. Files
/// that were not added are looked for where the history has paths.
fn any_source(repository: &Repository, context: Context<'_>) -> Result<bool, RepoError> {
    if repository.common_dir().join("info/attributes").exists() {
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
    command.args(["ls-files", "-z", "--cached", "--", ":(glob)**/.gitattributes"]);
    let files = run(command, context)?;
    Ok(!files.success || !files.stdout.is_empty())
}

fn names_attributes(path: &[u8]) -> bool {
    path == b".gitattributes" || path.ends_with(b"/.gitattributes")
}
