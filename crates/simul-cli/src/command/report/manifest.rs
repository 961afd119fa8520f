//! `manifest.json`: how a report was made and what is in it. The keys stand in docs/tables.md.

use super::gather::Gathered;
use crate::args::Report as Arguments;
use serde_json::{Map, Value, json};
use simul_git::RepoError;
use simul_git::report::{Report, rfc3339};

/// One repository's part.
#[derive(Debug)]
pub(super) struct Entry(Value);

/// One file of the folder.
#[derive(Debug)]
pub(super) struct FileEntry {
    pub(super) name: String,
    pub(super) table: Option<&'static str>,
    pub(super) rows: Option<u64>,
    pub(super) bytes: u64,
}

impl Entry {
    pub(super) fn read(source: &str, gathered: &Gathered) -> Self {
        let rows: Map<String, Value> =
            gathered.tables.iter().map(|table| (table.kind().name().to_owned(), json!(table.num_rows()))).collect();
        Self(json!({
            "source": source,
            "canonical_id": gathered.canonical_id,
            "head": gathered.stats.head,
            "refs_hash": gathered.refs_hash,
            "shallow": gathered.stats.shallow,
            "fsck_relaxed": gathered.fsck_relaxed,
            "rows": rows,
            "error": gathered.problems.first().map(error_object),
        }))
    }

    pub(super) fn failed(source: &str, error: &RepoError) -> Self {
        Self(json!({
            "source": source,
            "canonical_id": null,
            "head": null,
            "refs_hash": null,
            "shallow": false,
            "fsck_relaxed": false,
            "rows": {},
            "error": error_object(error),
        }))
    }
}

fn error_object(error: &RepoError) -> Value {
    json!({ "kind": error.kind.name(), "phase": error.phase, "detail": error.detail, "hint": error.hint })
}

pub(super) fn manifest(report: &Report, entries: &[Entry], files: &[FileEntry], arguments: &Arguments) -> String {
    let common = &arguments.common;
    let files: Vec<Value> = files
        .iter()
        .map(|file| json!({ "name": file.name, "table": file.table, "rows": file.rows, "bytes": file.bytes }))
        .collect();
    let manifest = json!({
        "manifest_version": 1,
        "simul_version": report.simul_version,
        "git_version": report.git_version,
        "created_at": rfc3339(report.made_at),
        "options": {
            "refs": report.scope.refs,
            "merges": report.scope.merges,
            "ownership": report.scope.ownership,
            "jobs": common.jobs,
            "limit_bytes": common.limit_bytes.0,
            "limit_seconds": common.limit_seconds.0,
            "stall_seconds": common.stall_seconds.0,
        },
        "repositories": entries.iter().map(|entry| &entry.0).collect::<Vec<_>>(),
        "files": files,
    });
    let mut text = serde_json::to_string_pretty(&manifest).expect("a value of plain keys is JSON");
    text.push('\n');
    text
}
