//! Which commits, and in which order: git says, so that shallow clones, grafts and replacements count as it counts them.

use super::options::Refs;
use super::process::{Context, Process, damaged};
use super::repository::Repository;
use crate::{RepoError, RepoErrorKind};
use std::io::BufRead;

/// One commit of the walk, with the parents that git shows for it (none at a shallow boundary).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub sha: String,
    pub parents: Vec<String>,
}

/// The walk, streamed from a `git rev-list` child.
pub(super) struct Walk<'a> {
    process: Option<Process<'a>>,
    context: Context<'a>,
    line: Vec<u8>,
}

impl<'a> Walk<'a> {
    pub(super) fn start(repository: &'a Repository, refs: &Refs, context: Context<'a>) -> Result<Self, RepoError> {
        let mut command = repository.command();
        command.args(["rev-list", "--parents"]);
        match refs {
            Refs::Head => {
                // Asked beforehand, so that a branch without commits is told from damage.
                command.arg(repository.commit_at(None, context)?);
            }
            Refs::All => {
                command.arg("--all");
            }
            Refs::Named(names) => {
                if names.is_empty() {
                    return Err(context
                        .error(RepoErrorKind::Missing, "no revision was named")
                        .hint("name a branch or a tag, or ask for HEAD or all"));
                }
                for name in names {
                    check_name(repository, name, context)?;
                }
                command.arg("--end-of-options").args(names);
            }
        }
        command.arg("--");
        let process = Process::start(command, false, context)?;
        Ok(Self { process: Some(process), context, line: Vec::new() })
    }

    /// Appends up to `count` commits; false once the walk has ended.
    pub(super) fn read(&mut self, steps: &mut Vec<Step>, count: usize) -> Result<bool, RepoError> {
        let Some(process) = &mut self.process else { return Ok(false) };
        for _ in 0..count {
            self.line.clear();
            let read = process.stdout.read_until(b'\n', &mut self.line);
            if !matches!(read, Ok(1..)) || self.line.pop() != Some(b'\n') {
                let finished = self.process.take().expect("checked above").finish()?;
                if !finished.success || read.is_err() {
                    return Err(damaged(&self.context, &finished.stderr));
                }
                return Ok(false);
            }
            let text = String::from_utf8_lossy(&self.line);
            let mut ids = text.split(' ').map(str::to_owned);
            let sha = ids.next().unwrap_or_default();
            steps.push(Step { sha, parents: ids.collect() });
        }
        Ok(true)
    }
}

/// Whether git can resolve a name that the caller gave: else the caller is wrong, not the repository.
fn check_name(repository: &Repository, name: &str, context: Context<'_>) -> Result<(), RepoError> {
    let mut command = repository.command();
    command.args(["rev-parse", "--quiet", "--revs-only", "--end-of-options", name]);
    let output = super::process::run(command, context)?;
    if output.success && !output.stdout.is_empty() && !name.is_empty() {
        return Ok(());
    }
    Err(context
        .error(RepoErrorKind::Missing, format!("no revision is called {name:?}"))
        .hint("`git branch -a` and `git tag` list the names"))
}
