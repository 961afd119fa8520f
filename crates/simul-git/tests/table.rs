//! Tables at the far end: what other readers find in the files.

#![allow(clippy::unwrap_used)]

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use simul_core::Kind;
use simul_git::record::{Change, Commit, Hunk, Ownership, Reference, Signature};
use simul_git::table::{
    AuthorsBuilder, BlameBuilder, BranchesBuilder, Cell, ChangesBuilder, CommitsBuilder, Format, OwnershipBuilder,
    PendingFile, Table, TableFile, TableKind, TableWriter,
};
use std::fs;
use std::io::Write;
use std::path::Path;

const NASTY: &str = "=1+1, \"quoted\"\r\nnext\tline \u{1b}[0m \u{fffd} é 棋";

fn who(name: &str, seconds: i64) -> Signature {
    let (name, email) = (name.to_owned(), format!("{name}@x"));
    Signature { raw_name: name.clone(), raw_email: email.clone(), name, email, seconds, offset_minutes: -210 }
}

fn commits(count: usize) -> Vec<Commit> {
    (0..count)
        .map(|number| Commit {
            sha: format!("{number:040x}"),
            parents: (0..number % 3).map(|parent| format!("{parent:040x}")).collect(),
            author: who("ada", 1_777_679_940 + number as i64),
            committer: who("bob", i64::MAX),
            subject: NASTY.into(),
            body: if number % 2 == 0 { String::new() } else { "a\n\nb".into() },
            encoding: (number % 2 == 1).then(|| "latin-1".into()),
            additions: number as u64,
            changes: vec![
                Change {
                    path: "a\nb\t\"c".into(),
                    old_path: Some("=old".into()),
                    status: 'R',
                    similarity: Some(97),
                    additions: Some(1),
                    deletions: Some(2),
                    old_mode: 0o100_644,
                    new_mode: 0o120_000,
                    ..Change::default()
                },
                Change { path: "b.png".into(), status: 'A', new_mode: 0o100_755, ..Change::default() },
            ],
            ..Commit::default()
        })
        .collect()
}

/// One table of each kind, with rows.
fn every_table() -> Vec<Table> {
    let commits = commits(3);
    let mut tables = Vec::new();
    let (mut a, mut b, mut c) = (CommitsBuilder::new("r"), ChangesBuilder::new("r"), AuthorsBuilder::new("r"));
    for commit in &commits {
        a.push(commit);
        b.push(commit);
        c.push(commit);
    }
    tables.extend([a.finish(), b.finish(), c.finish()]);
    let mut blame = BlameBuilder::new("r");
    blame.push(&Hunk { lines: 2, content: vec!["x,".into(), "\"".into()], author: who("ada", 1), ..Hunk::default() });
    blame.push(&Hunk { lines: 1, ..Hunk::default() });
    let blame = blame.finish();
    tables.extend([blame.lines().expect("a blame table"), blame]);
    let mut branches = BranchesBuilder::new("r");
    branches.push(&Reference { name: "main".into(), kind: "branch", sha: Some("c0".into()), ..Reference::default() });
    branches.push(&Reference { name: "odd".into(), kind: "tag", ..Reference::default() });
    let mut ownership = OwnershipBuilder::new("r");
    ownership.push(&Ownership { path: "a".into(), lines: 3, total_lines: 4, ..Ownership::default() });
    tables.extend([branches.finish(), ownership.finish()]);
    tables
}

fn read_parquet(path: &Path) -> Vec<RecordBatch> {
    let file = fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().with_batch_size(1 << 20).build().unwrap();
    reader.map(Result::unwrap).collect()
}

#[test]
fn parquet_and_arrow_files_hold_what_the_tables_hold() {
    let folder = tempfile::tempdir().unwrap();
    let mut kinds = 0;
    for table in every_table() {
        let (kind, path) = (table.kind(), folder.path().join(format!("{}.parquet", table.kind())));
        let written = table.save(&path, Format::Parquet).unwrap();
        assert_eq!((written.rows, written.bytes), (table.num_rows() as u64, fs::metadata(&path).unwrap().len()));
        let parquet = read_parquet(&path);
        assert_eq!(parquet[0].schema().fields(), table.schema().fields(), "{kind}");
        let stream = table.write_to(Vec::new(), Format::Arrow).unwrap();
        let stream: Vec<_> = StreamReader::try_new(&*stream, None).unwrap().map(Result::unwrap).collect();
        assert_eq!(stream, table.batches(), "{kind}");
        assert_eq!(parquet.len(), 1);
        let bytes = table.write_to(Vec::new(), Format::Arrow).unwrap();
        assert_eq!(Table::from_arrow(kind, &bytes).unwrap(), table);
        let other = TableKind::ALL.iter().find(|other| **other != kind).unwrap();
        for (kind, bytes) in [(*other, &*bytes), (kind, &bytes[..bytes.len() / 2]), (kind, b"")] {
            assert_eq!(Table::from_arrow(kind, bytes).unwrap_err().kind(), Kind::Decode);
        }
        for (column, (read, made)) in parquet[0].columns().iter().zip(table.batches()[0].columns()).enumerate() {
            assert_eq!(read, made, "{kind}.{}", kind.columns()[column].name);
        }
        kinds += 1;
    }
    assert_eq!(kinds, TableKind::ALL.len());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), kinds, "no temporary file is left");
}

#[test]
fn tables_of_many_repositories_become_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("commits.parquet");
    let mut file = TableFile::create(&path, Format::Parquet, TableKind::Commits).unwrap();
    for repo in ["alice/hw1", "bob/hw1", "carol/hw1"] {
        let mut builder = CommitsBuilder::new(repo);
        commits(9000).iter().for_each(|commit| builder.push(commit));
        file.write(&builder.finish()).unwrap();
    }
    assert_eq!(file.finish().unwrap().rows, 27_000);
    let mut rows_by_repo = std::collections::BTreeMap::new();
    for batch in read_parquet(&path) {
        let repos = batch.column(0).as_dictionary::<arrow_array::types::Int32Type>();
        for repo in repos.downcast_dict::<arrow_array::StringArray>().unwrap() {
            *rows_by_repo.entry(repo.unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    let expected = ["alice/hw1", "bob/hw1", "carol/hw1"].map(|repo| (repo.to_owned(), 9000));
    assert_eq!(rows_by_repo.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn csv_comes_back_unchanged() {
    let mut builder = CommitsBuilder::new("r,\"s\"");
    let commits = commits(3);
    commits.iter().for_each(|commit| builder.push(commit));
    let bytes = builder.finish().write_to(Vec::new(), Format::Csv).unwrap();
    let mut reader = csv::Reader::from_reader(&*bytes);
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(names, TableKind::Commits.columns().iter().map(|column| column.name).collect::<Vec<_>>());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    let cell = |row: usize, name: &str| &rows[row][names.iter().position(|n| n == name).unwrap()];
    assert_eq!(cell(0, "repo"), "r,\"s\"");
    assert_eq!(cell(0, "subject"), NASTY);
    assert_eq!(cell(1, "body"), "a\n\nb");
    assert_eq!(cell(2, "parents"), commits[2].parents.join(" "));
    assert_eq!(cell(0, "author_time"), "2026-05-01T23:59:00Z");
    assert_eq!(cell(0, "author_offset_minutes"), "-210");
    assert_eq!(cell(0, "committer_time"), "", "a forged time is null");
    assert_eq!((cell(0, "encoding"), cell(1, "encoding")), ("", "latin-1"));
    assert_eq!(cell(0, "is_merge"), "false");
    for table in every_table() {
        let bytes = table.write_to(Vec::new(), Format::Csv).unwrap();
        let mut reader = csv::Reader::from_reader(&*bytes);
        assert_eq!(reader.headers().unwrap().len(), table.kind().columns().len());
        assert_eq!(reader.records().map(Result::unwrap).count(), table.num_rows(), "{}", table.kind());
    }
}

#[test]
fn json_lines_say_null_and_keep_lists() {
    for table in every_table() {
        let text = String::from_utf8(table.write_to(Vec::new(), Format::Json).unwrap()).unwrap();
        assert_eq!(text.lines().count(), table.num_rows(), "{}", table.kind());
        for (row, line) in text.lines().enumerate() {
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            let names: Vec<&str> = object.keys().map(|key| &**key).collect();
            assert_eq!(names, table.kind().columns().iter().map(|column| column.name).collect::<Vec<_>>());
            for (name, value) in &object {
                match table.value(row, name) {
                    Cell::Null => assert!(value.is_null(), "{name}"),
                    Cell::Bool(expected) => assert_eq!(value, expected),
                    Cell::Int(expected) => assert_eq!(value, expected),
                    Cell::Text(expected) => assert_eq!(value, expected),
                    Cell::Texts(expected) => assert_eq!(value, &serde_json::json!(expected)),
                    cell @ Cell::Time(_) => assert_eq!(value, &cell.to_string()),
                }
            }
        }
    }
}

#[test]
fn a_mode_is_as_git_writes_it_and_a_binary_file_has_no_counts() {
    let mut builder = ChangesBuilder::new("r");
    builder.push(&commits(1)[0]);
    let table = builder.finish();
    assert_eq!(table.value(0, "old_mode"), Cell::Text("100644"));
    assert_eq!(table.value(1, "old_mode"), Cell::Null);
    assert_eq!(table.value(1, "new_mode"), Cell::Text("100755"));
    assert_eq!((table.value(1, "additions"), table.value(1, "is_binary")), (Cell::Null, Cell::Bool(true)));
    assert_eq!((table.value(0, "additions"), table.value(0, "is_binary")), (Cell::Int(1), Cell::Bool(false)));
}

#[test]
fn a_table_without_rows_is_a_file_with_columns() {
    let folder = tempfile::tempdir().unwrap();
    for kind in TableKind::ALL {
        let path = folder.path().join(kind.name());
        Table::empty(*kind).save(&path, Format::Parquet).unwrap();
        let file = fs::File::open(&path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        assert_eq!(reader.schema().fields(), kind.schema().fields());
        let header = Table::empty(*kind).write_to(Vec::new(), Format::Csv).unwrap();
        assert!(header.starts_with(b"repo,") && header.iter().filter(|byte| **byte == b'\n').count() == 1);
        assert_eq!(Table::empty(*kind).write_to(Vec::new(), Format::Json).unwrap(), b"");
    }
}

#[test]
fn a_full_disk_is_a_typed_error_in_every_format() {
    let table = every_table().remove(0);
    for format in [Format::Parquet, Format::Csv, Format::Json, Format::Arrow] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = table.write_to(full, format).unwrap_err();
        assert_eq!(error.kind(), Kind::Store, "{format:?}: {error}");
        assert!(error.to_string().contains("the disk is full: free some space"), "{format:?}: {error}");
        let error = table.save(Path::new("/dev/full"), format).unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{format:?}: {error}");
    }
    assert!(!Path::new("/dev/full").is_file(), "a device stays a device");
}

#[test]
fn a_file_that_is_not_finished_leaves_the_old_one_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("commits.csv");
    fs::write(&path, "old").unwrap();
    let mut file = TableFile::create(&path, Format::Csv, TableKind::Commits).unwrap();
    file.write(&every_table()[0]).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the new file is beside the old one");
    drop(file);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[cfg(unix)]
#[test]
fn permissions_and_links_are_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (old, link, new) = (folder.path().join("old"), folder.path().join("link"), folder.path().join("new"));
    fs::write(&old, "old").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("old", &link).unwrap();
    for path in [&link, &new] {
        let mut file = PendingFile::create(path).unwrap();
        file.write_all(b"text").unwrap();
        assert_eq!(file.commit().unwrap(), 4);
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!((fs::read_to_string(&old).unwrap().as_str(), mode(&old)), ("text", 0o640));
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    assert_eq!(mode(&new), mode(&plain), "as any new file, not a temporary file's own");
}

#[test]
fn bad_places_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for (place, advice) in [("none/a.csv", "create it first"), ("file/a.csv", "create it first"), ("", "a file's name")]
    {
        let error = PendingFile::create(&folder.path().join(place)).unwrap_err();
        assert_eq!(error.kind(), Kind::Store);
        assert!(error.to_string().contains(advice), "{error}");
    }
}

#[test]
fn a_file_holds_one_kind_of_table() {
    let mut writer = TableWriter::new(Vec::new(), Format::Csv, TableKind::Commits).unwrap();
    let error = writer.write(&Table::empty(TableKind::Blame)).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(writer.rows(), 0);
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    for format in [Format::Parquet, Format::Csv, Format::Json, Format::Arrow] {
        for (one, two) in every_table().into_iter().zip(every_table()) {
            assert_eq!(one.write_to(Vec::new(), format).unwrap(), two.write_to(Vec::new(), format).unwrap());
        }
    }
}
