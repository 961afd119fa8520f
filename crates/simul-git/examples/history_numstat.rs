//! Reads the history of repositories with every number and prints the totals: what the benchmark times.
//!
//!     cargo run --release -p simul-git --example history_numstat -- [--totals] [--children] [--threads N] PATH...
//!
//! `--totals` prints one line of JSON for each repository.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use simul_engine::CancelToken;
use simul_git::history::{CommitOptions, EngineKind, Repository};
use simul_git::{Git, RepoError};
use std::path::Path;

fn main() -> Result<(), RepoError> {
    let mut options = CommitOptions::default();
    let mut totals = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--totals" => totals = true,
            "--children" => options.engine = EngineKind::Children,
            "--threads" => options.threads = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(0),
            path => {
                let repository = Repository::open(&Git::find()?, Path::new(path), path)?;
                let (mut files, mut additions, mut deletions) = (0, 0, 0);
                let summary = repository.commits(&options, &CancelToken::new(), &|_, _| (), &mut |commit| {
                    files += u64::from(commit.files);
                    additions += commit.additions;
                    deletions += commit.deletions;
                })?;
                let commits = summary.commits;
                if totals {
                    println!(r#"{{"commits": {commits}, "additions": {additions}, "deletions": {deletions}}}"#);
                } else {
                    println!("{commits} commits, {files} files, +{additions} -{deletions}; {summary:?}");
                }
            }
        }
    }
    Ok(())
}
