//! From arguments to the command.

use super::{report, rows, sync};
use crate::args::{MergesKind, Repos, Scope};
use crate::work::Failure;
use simul_git::history::{CommitOptions, Merges, Refs};

pub(crate) fn run(repos: Repos) -> Result<i32, Failure> {
    match repos {
        Repos::Sync(arguments) => sync::run(&arguments),
        Repos::Report(arguments) => report::run(&arguments),
        Repos::Commits(arguments) => rows::commits(&arguments),
        Repos::Changes(arguments) => rows::changes(&arguments),
        Repos::Blame(arguments) => rows::blame(&arguments),
        Repos::Ownership(arguments) => rows::ownership(&arguments),
        Repos::Branches(arguments) => rows::branches(&arguments),
    }
}

impl Scope {
    /// What to read.
    ///
    /// # Errors
    /// Empty names, and names that git would take for options.
    pub(super) fn options(&self) -> Result<CommitOptions, Failure> {
        let refs = match self.refs.as_str() {
            "head" => Refs::Head,
            "all" => Refs::All,
            names => {
                let names: Vec<String> = names.split(',').map(|name| name.trim().to_owned()).collect();
                if names.iter().any(|name| name.is_empty() || name.starts_with('-')) {
                    return Err(Failure::usage(
                        "--refs: write head, all, or names of branches and tags with commas between",
                    ));
                }
                Refs::Named(names)
            }
        };
        let merges = match self.merges {
            MergesKind::Zero => Merges::Zero,
            MergesKind::FirstParent => Merges::FirstParent,
            MergesKind::Combined => Merges::Combined,
        };
        Ok(CommitOptions { refs, merges, ..CommitOptions::default() })
    }

    pub(super) fn merges_name(&self) -> &'static str {
        match self.merges {
            MergesKind::Zero => "zero",
            MergesKind::FirstParent => "first-parent",
            MergesKind::Combined => "combined",
        }
    }
}
