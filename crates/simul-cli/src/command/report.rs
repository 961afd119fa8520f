//! `simul repos report`: a folder of tables with its page.

mod gather;
mod manifest;

use super::outcome::Tally;
use crate::args::Report as Arguments;
use crate::output::{Outlet, reader_gone, stdout};
use crate::progress::Watch;
use crate::work::{Failure, Read, Work};
use crate::{exit, interrupt, terminal};
use gather::{Gathered, gather};
use manifest::{Entry, FileEntry};
use simul_git::report::{FolderError, RepoReport, Report, ReportFolder, Scope};
use simul_git::table::{Format, Table, TableFile, TableKind};
use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::time::SystemTime;

/// The tables of a report, in the order of the manifest.
const KINDS: [TableKind; 5] =
    [TableKind::Commits, TableKind::Changes, TableKind::Authors, TableKind::Branches, TableKind::Ownership];

pub(super) fn run(arguments: &Arguments) -> Result<i32, Failure> {
    let options = arguments.scope.options()?;
    let progress = arguments.common.progress;
    let work = Arc::new(Work::new(&arguments.common)?);
    if let Some(warning) = work.git.warning_once() {
        terminal::say(&format!("simul: {warning}"));
    }
    // Before any work: a folder that cannot be used is known at once.
    let folder = ReportFolder::create(&arguments.output).map_err(|error| match error {
        FolderError::Taken(_) => Failure::usage(error.to_string()),
        FolderError::Io(..) => Failure::unusable(error.to_string()),
    })?;
    let ownership = !arguments.no_ownership;
    let mut writing = Writing::new(&folder, ownership).map_err(|error| Failure::unusable(error.to_string()))?;
    let read: Read<Gathered> = Arc::new(move |reading| gather(reading, &options, ownership));
    let mut tally = Tally::new(work.sources.len());
    let mut report = Report {
        simul_version: env!("CARGO_PKG_VERSION").to_owned(),
        git_version: Some(work.git.version().to_string()),
        scope: Scope {
            refs: arguments.scope.refs.clone(),
            merges: arguments.scope.merges_name().to_owned(),
            ownership,
        },
        ..Report::default()
    };
    let mut entries = Vec::new();
    let mut running = work.start(read);
    let watch = Watch::start(progress, &work.hub, work.sources.len(), running.job.clone());
    let watch = watch.map_err(|error| Failure::unusable(format!("no thread could be started: {error}")))?;
    let mut broken = Ok(());
    running.in_order(|at, outcome| {
        let source = simul_core::redact_url(&work.sources[at]);
        match outcome {
            Ok(gathered) => {
                broken = writing.write(&gathered.tables);
                gathered.problems.iter().for_each(|problem| tally.partly(problem.clone()));
                entries.push(Entry::read(&source, &gathered));
                report.repositories.push(RepoReport {
                    source,
                    name: gathered.name,
                    stats: Some(gathered.stats),
                    problems: gathered.problems,
                });
            }
            Err(error) => {
                entries.push(Entry::failed(&source, &error));
                report.repositories.push(RepoReport { source, problems: vec![error.clone()], ..RepoReport::default() });
                tally.failed(error);
            }
        }
        broken.is_ok()
    });
    watch.finish();
    broken.map_err(|error| Failure::unusable(error.to_string()))?;
    if interrupt::stopping() || tally.nothing_usable() {
        // The folder that stood there before stays; nothing of this run does.
        drop((writing, folder));
        return Ok(tally.close(progress));
    }
    report.made_at = now();
    let files = writing.finish().map_err(|error| Failure::unusable(error.to_string()))?;
    let target = publish(folder, &report, &entries, files, arguments)?;
    if let Err(error) = summary(&report, &target) {
        if !reader_gone(&error) {
            return Err(Failure::unusable(error.to_string()));
        }
        return Ok(exit::READER_GONE);
    }
    Ok(tally.close(progress))
}

/// The page, then the manifest, then the folder itself.
fn publish(
    folder: ReportFolder,
    report: &Report,
    entries: &[Entry],
    mut files: Vec<FileEntry>,
    arguments: &Arguments,
) -> Result<std::path::PathBuf, Failure> {
    let page = simul_git::report::page(report);
    files.push(FileEntry { name: "report.html".to_owned(), table: None, rows: None, bytes: page.len() as u64 });
    let manifest = manifest::manifest(report, entries, &files, arguments);
    for (name, content) in [("report.html", page), (simul_git::report::MANIFEST, manifest)] {
        let path = folder.path().join(name);
        fs::write(&path, content).map_err(|error| Failure::unusable(FolderError::Io(path, error).to_string()))?;
    }
    folder.publish().map_err(|error| Failure::unusable(error.to_string()))
}

/// What the report says in a few lines, on stdout.
fn summary(report: &Report, target: &std::path::Path) -> simul_core::Result<()> {
    let mut out = Outlet::new();
    let text = simul_git::report::summary(report);
    let page = target.join("report.html");
    writeln!(out, "{text}report: {}", page.display()).and_then(|()| out.flush()).map_err(stdout)
}

/// The tables that are being written into the folder.
struct Writing(Vec<(TableKind, TableFile)>);

impl Writing {
    fn new(folder: &ReportFolder, ownership: bool) -> simul_core::Result<Self> {
        let kinds = KINDS.into_iter().filter(|kind| ownership || *kind != TableKind::Ownership);
        let file = |kind: TableKind| {
            let path = folder.path().join(format!("{}.{}", kind.name(), Format::Parquet.extension()));
            Ok((kind, TableFile::create(&path, Format::Parquet, kind)?))
        };
        kinds.map(file).collect::<simul_core::Result<Vec<_>>>().map(Self)
    }

    fn write(&mut self, tables: &[Table]) -> simul_core::Result<()> {
        for (kind, file) in &mut self.0 {
            for table in tables.iter().filter(|table| table.kind() == *kind) {
                file.write(table)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> simul_core::Result<Vec<FileEntry>> {
        let finish = |(kind, file): (TableKind, TableFile)| {
            let written = file.finish()?;
            let name = format!("{}.{}", kind.name(), Format::Parquet.extension());
            Ok(FileEntry { name, table: Some(kind.name()), rows: Some(written.rows), bytes: written.bytes })
        };
        self.0.into_iter().map(finish).collect()
    }
}

/// The wall clock, for the date on the report.
#[expect(clippy::disallowed_methods, reason = "a report carries its date; nothing is decided by it")]
fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
