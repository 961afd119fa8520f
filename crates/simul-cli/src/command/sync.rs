//! `simul repos sync`: where every repository is, and what changed.

use super::outcome::{Tally, output_failure};
use crate::args::{Sync, SyncFormat};
use crate::output::{Columns, Outlet};
use crate::progress::Watch;
use crate::terminal;
use crate::work::{Failure, Read, Work};
use serde_json::json;
use simul_core::redact_url;
use simul_git::transport::Synced;
use std::io::{self, Write};
use std::sync::Arc;

/// One line of the result.
#[derive(Debug)]
struct Line {
    source: String,
    state: &'static str,
    head: Option<String>,
    shallow: bool,
    bytes: u64,
    path: String,
}

pub(super) fn run(arguments: &Sync) -> Result<i32, Failure> {
    let progress = arguments.common.progress;
    let work = Arc::new(Work::new(&arguments.common)?);
    if let Some(warning) = work.git.warning_once() {
        terminal::say(&format!("simul: {warning}"));
    }
    let read: Read<Line> = Arc::new(|reading| {
        Ok(Line {
            source: redact_url(reading.source),
            state: state(reading.synced),
            head: reading.repository.head()?,
            shallow: reading.synced.shallow,
            bytes: reading.synced.bytes,
            path: reading.synced.path.to_string_lossy().into_owned(),
        })
    });
    let mut tally = Tally::new(work.sources.len());
    let mut lines = Vec::new();
    let mut running = work.start(read);
    let watch = Watch::start(progress, &work.hub, work.sources.len(), running.job.clone());
    let watch = watch.map_err(|error| Failure::unusable(format!("no thread could be started: {error}")))?;
    running.in_order(|_, outcome| {
        match outcome {
            Ok(line) => lines.push(line),
            Err(error) => tally.failed(error),
        }
        true
    });
    watch.finish();
    write(&lines, arguments.format).map_err(|error| output_failure(&crate::output::stdout(error)))?;
    Ok(tally.close(progress))
}

fn state(synced: &Synced) -> &'static str {
    match synced {
        Synced { in_place: true, .. } => "in place",
        Synced { cloned: true, .. } => "cloned",
        Synced { fetched: true, .. } => "fetched",
        _ => "unchanged",
    }
}

fn write(lines: &[Line], format: SyncFormat) -> io::Result<()> {
    let mut out = Outlet::new();
    match format {
        SyncFormat::Table => {
            let mut columns = Columns::new(&[("source", false), ("state", false), ("head", false), ("path", false)]);
            for line in lines {
                let head = line.head.as_deref().map_or("-", |head| head.get(..10).unwrap_or(head)).to_owned();
                let state = if line.shallow { format!("{}, shallow", line.state) } else { line.state.to_owned() };
                columns.push([line.source.clone(), state, head, line.path.clone()]);
            }
            columns.write(&mut out)?;
        }
        SyncFormat::Csv => {
            let mut writer = csv::Writer::from_writer(&mut out);
            writer.write_record(["source", "state", "head", "shallow", "bytes", "path"]).map_err(io::Error::from)?;
            for line in lines {
                let (shallow, bytes) = (line.shallow.to_string(), line.bytes.to_string());
                let head = line.head.as_deref().unwrap_or("");
                writer
                    .write_record([&line.source, line.state, head, &shallow, &bytes, &line.path])
                    .map_err(io::Error::from)?;
            }
            writer.flush()?;
        }
        SyncFormat::Jsonl => {
            for line in lines {
                let object = json!({
                    "source": line.source,
                    "state": line.state,
                    "head": line.head,
                    "shallow": line.shallow,
                    "bytes": line.bytes,
                    "path": line.path,
                });
                writeln!(out, "{object}")?;
            }
        }
    }
    out.flush()
}
