//! Rows of tables, in the format that was asked for.

use super::{Columns, Outlet};
use crate::args::OutputFormat;
use simul_core::{Error, Kind, Result};
use simul_git::table::{Cell, Format, Table, TableKind, TableWriter};
use std::io::Write;

/// Where the tables of many repositories are written, one after the other.
#[derive(Debug)]
pub(crate) enum RowsOut {
    /// For programs: one stream.
    Stream(Box<TableWriter<Outlet>>),
    /// For people: a section for each repository.
    Sections { out: Outlet, titled: bool, first: bool },
}

impl RowsOut {
    /// # Args
    /// - `titled`: whether to name each repository above its rows.
    pub(crate) fn new(format: OutputFormat, kind: TableKind, titled: bool) -> Result<Self> {
        let format = match format {
            OutputFormat::Table => return Ok(Self::Sections { out: Outlet::new(), titled, first: true }),
            OutputFormat::Csv => Format::Csv,
            OutputFormat::Jsonl => Format::Json,
            OutputFormat::Arrow => Format::Arrow,
        };
        Ok(Self::Stream(Box::new(TableWriter::new(Outlet::new(), format, kind)?)))
    }

    pub(crate) fn write(&mut self, source: &str, table: &Table) -> Result<()> {
        match self {
            Self::Stream(writer) => writer.write(table),
            Self::Sections { out, titled, first } => {
                if *titled {
                    let gap = if *first { "" } else { "\n" };
                    writeln!(out, "{gap}== {} ==", crate::terminal::clean(&simul_core::redact_url(source)))
                        .map_err(stdout)?;
                }
                *first = false;
                columns(table).write(out).and_then(|()| out.flush()).map_err(stdout)
            }
        }
    }

    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Self::Stream(writer) => writer.finish()?.flush().map_err(stdout),
            Self::Sections { mut out, .. } => out.flush().map_err(stdout),
        }
    }
}

/// The error of a write to stdout.
pub(crate) fn stdout(error: std::io::Error) -> Error {
    Error::new(Kind::Store, format!("stdout: {error}")).with_source(error)
}

/// The columns that people look at; the other formats hold all.
fn columns(table: &Table) -> Columns {
    let shown: &[(&str, &'static str, bool)] = match table.kind() {
        TableKind::Commits => &[
            ("sha", "commit", false),
            ("author_time", "date", false),
            ("author_name", "author", false),
            ("additions", "added", true),
            ("deletions", "deleted", true),
            ("files", "files", true),
            ("subject", "subject", false),
        ],
        TableKind::Changes => &[
            ("sha", "commit", false),
            ("status", "kind", false),
            ("additions", "added", true),
            ("deletions", "deleted", true),
            ("path", "path", false),
        ],
        TableKind::Blame => &[
            ("path", "path", false),
            ("start_line", "line", true),
            ("lines", "lines", true),
            ("sha", "commit", false),
            ("author_time", "date", false),
            ("author_name", "author", false),
            ("summary", "subject", false),
        ],
        TableKind::Branches => &[
            ("name", "name", false),
            ("kind", "kind", false),
            ("sha", "commit", false),
            ("author_time", "date", false),
            ("author_name", "author", false),
            ("subject", "subject", false),
        ],
        TableKind::Ownership => &[
            ("lines", "lines", true),
            ("total_lines", "of", true),
            ("author_name", "author", false),
            ("path", "path", false),
        ],
        TableKind::Lines | TableKind::Authors => &[],
    };
    let heads: Vec<_> = shown.iter().map(|(_, title, number)| (*title, *number)).collect();
    let mut columns = Columns::new(&heads);
    for row in 0..table.num_rows() {
        columns.push(shown.iter().map(|(name, _, _)| cell(table, row, name)));
    }
    columns
}

fn cell(table: &Table, row: usize, name: &str) -> String {
    match table.value(row, name) {
        Cell::Null => "-".to_owned(),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::Text(text) if name == "sha" => text.get(..10).unwrap_or(text).to_owned(),
        Cell::Text(text) => text.to_owned(),
        Cell::Texts(texts) => texts.join(" "),
        Cell::Time(micros) => {
            // On the author's own calendar, as git log shows dates.
            let offset = match table.value(row, "author_offset_minutes") {
                Cell::Int(minutes) => minutes * 60,
                _ => 0,
            };
            simul_git::report::date_of(micros.div_euclid(1_000_000) + offset)
        }
    }
}
