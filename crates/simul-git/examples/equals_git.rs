//! Compares every number that simul reads from repositories with what git prints: per-file rows of `git log`, with each
//! engine, and blame of a sample of files.
//!
//!     cargo run -p simul-git --example equals_git -- [--all] [--children] [--blame N] PATH...
//!
//! Prints what was compared and each mismatch; the exit code is 1 if there was one, or if nothing was compared.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use simul_engine::CancelToken;
use simul_git::history::{CommitOptions, EngineKind, Merges, Refs, Repository};
use simul_git::record::Commit;
use simul_git::{Git, RepoError};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

#[path = "../tests/it/history/log.rs"]
mod log;

fn main() -> ExitCode {
    let mut refs = Refs::Head;
    let mut engines = vec![EngineKind::Hybrid];
    let mut blame = 0;
    let mut paths = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--all" => refs = Refs::All,
            "--children" => engines.push(EngineKind::Children),
            "--blame" => blame = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(20),
            _ => paths.push(argument),
        }
    }
    let mut compared = 0;
    let mut wrong = 0;
    for path in &paths {
        for engine in &engines {
            match compare(path, &refs, *engine, blame) {
                Ok((rows, mismatches)) => {
                    compared += rows;
                    wrong += mismatches;
                }
                Err(error) => {
                    eprintln!("{error}");
                    wrong += 1;
                }
            }
        }
    }
    println!("compared {compared} rows, {wrong} mismatches");
    if wrong == 0 && compared > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn compare(path: &str, refs: &Refs, engine: EngineKind, blame: usize) -> Result<(usize, usize), RepoError> {
    let git = Git::find()?;
    let repository = Repository::open(&git, Path::new(path), path)?;
    let (mut rows, mut wrong) = (0, 0);
    for merges in [Merges::Zero, Merges::FirstParent, Merges::Combined] {
        let options = CommitOptions { refs: refs.clone(), merges, engine, ..CommitOptions::default() };
        let started = Instant::now();
        let mut commits = Vec::new();
        let summary =
            repository.commits(&options, &CancelToken::new(), &|_, _| (), &mut |commit| commits.push(commit))?;
        let ours = started.elapsed();
        let started = Instant::now();
        let expected = log::commits(&git, Path::new(path), refs, merges);
        let theirs = started.elapsed();
        println!("{path} {engine:?} {merges:?}: {summary:?}, {ours:.2?} (git log: {theirs:.2?})");
        let mismatches = log::mismatches(&expected, &commits);
        for mismatch in mismatches.iter().take(10) {
            println!("  {mismatch}");
        }
        rows += commits.iter().map(|commit: &Commit| commit.changes.len() + 1).sum::<usize>();
        wrong += mismatches.len();
    }
    if blame > 0 {
        let (lines, mismatches) = log::compare_blame(&git, &repository, Path::new(path), blame)?;
        println!("{path}: {lines} blame lines, {} mismatches", mismatches.len());
        for mismatch in mismatches.iter().take(10) {
            println!("  {mismatch}");
        }
        rows += lines;
        wrong += mismatches.len();
    }
    Ok((rows, wrong))
}
