//! Commands whose result is one table: commits, changes, blame, ownership, branches.

use super::outcome::{Tally, output_failure};
use crate::args::{Blame, History, Rows};
use crate::output::RowsOut;
use crate::progress::Watch;
use crate::terminal;
use crate::work::{Failure, Read, Reading, Work};
use simul_git::events::Phase;
use simul_git::history::CommitOptions;
use simul_git::table::{
    BlameBuilder, BranchesBuilder, ChangesBuilder, CommitsBuilder, OwnershipBuilder, Table, TableKind, repo_label,
};
use simul_git::{RepoError, RepoErrorKind};
use std::sync::Arc;

pub(super) fn commits(arguments: &History) -> Result<i32, Failure> {
    let options = CommitOptions { changes: false, ..arguments.scope.options()? };
    let read: Read<Table> = Arc::new(move |reading| {
        let mut builder = CommitsBuilder::new(&repo_label(reading.source));
        let counter = reading.counter(Phase::Walking);
        reading.repository.commits(&options, reading.cancel, &counter, &mut |commit| builder.push(&commit))?;
        Ok(builder.finish())
    });
    write(&arguments.rows, TableKind::Commits, read)
}

pub(super) fn changes(arguments: &History) -> Result<i32, Failure> {
    let options = arguments.scope.options()?;
    let read: Read<Table> = Arc::new(move |reading| {
        let mut builder = ChangesBuilder::new(&repo_label(reading.source));
        let counter = reading.counter(Phase::Diffing);
        reading.repository.commits(&options, reading.cancel, &counter, &mut |commit| builder.push(&commit))?;
        Ok(builder.finish())
    });
    write(&arguments.rows, TableKind::Changes, read)
}

pub(super) fn blame(arguments: &Blame) -> Result<i32, Failure> {
    let (paths, content) = (arguments.paths.clone(), arguments.content);
    let read: Read<Table> = Arc::new(move |reading| blame_table(reading, &paths, content));
    write(&arguments.rows, TableKind::Blame, read)
}

fn blame_table(reading: &Reading<'_>, paths: &[String], content: bool) -> Result<Table, RepoError> {
    let mut builder = BlameBuilder::new(&repo_label(reading.source));
    let asked = !paths.is_empty();
    let all = if asked { paths.to_vec() } else { reading.repository.files(None)? };
    let counter = reading.counter(Phase::Blaming);
    let mut failed = Ok(());
    reading.repository.blame(None, &all, content, reading.cancel, &counter, &mut |_, hunks| match hunks {
        Ok(hunks) => hunks.iter().for_each(|hunk| builder.push(hunk)),
        // Of all files, those without lines (binary, links) are left out.
        Err(error) if !asked && error.kind == RepoErrorKind::Missing => {}
        Err(error) => failed = Err(error),
    })?;
    failed.map(|()| builder.finish())
}

pub(super) fn ownership(arguments: &Rows) -> Result<i32, Failure> {
    let read: Read<Table> = Arc::new(|reading| {
        let mut builder = OwnershipBuilder::new(&repo_label(reading.source));
        let counter = reading.counter(Phase::Blaming);
        reading.repository.ownership(None, reading.cancel, &counter, &mut |share| builder.push(&share))?;
        Ok(builder.finish())
    });
    write(arguments, TableKind::Ownership, read)
}

pub(super) fn branches(arguments: &Rows) -> Result<i32, Failure> {
    let read: Read<Table> = Arc::new(|reading| {
        let mut builder = BranchesBuilder::new(&repo_label(reading.source));
        reading.repository.references(reading.cancel)?.iter().for_each(|reference| builder.push(reference));
        Ok(builder.finish())
    });
    write(arguments, TableKind::Branches, read)
}

/// Reads every repository and writes its table as soon as those before it are written.
fn write(rows: &Rows, kind: TableKind, read: Read<Table>) -> Result<i32, Failure> {
    let progress = rows.common.progress;
    let work = Arc::new(Work::new(&rows.common)?);
    if let Some(warning) = work.git.warning_once() {
        terminal::say(&format!("simul: {warning}"));
    }
    let mut out = RowsOut::new(rows.format, kind, work.sources.len() > 1).map_err(|error| output_failure(&error))?;
    let mut tally = Tally::new(work.sources.len());
    let mut running = work.start(read);
    let watch = Watch::start(progress, &work.hub, work.sources.len(), running.job.clone());
    let watch = watch.map_err(|error| Failure::unusable(format!("no thread could be started: {error}")))?;
    let mut broken = Ok(());
    running.in_order(|at, outcome| {
        match outcome {
            Ok(table) => broken = out.write(&work.sources[at], &table),
            Err(error) => tally.failed(error),
        }
        broken.is_ok()
    });
    watch.finish();
    broken.and_then(|()| out.finish()).map_err(|error| output_failure(&error))?;
    Ok(tally.close(progress))
}
