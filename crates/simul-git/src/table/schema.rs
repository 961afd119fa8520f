//! The one place that says what a table holds.

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::fmt;
use std::sync::{Arc, LazyLock};

/// Which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// One row per commit.
    Commits,
    /// One row per file of each commit.
    Changes,
    /// One row per run of lines that one commit wrote.
    Blame,
    /// One row per blamed line.
    Lines,
    /// One row per branch and tag.
    Branches,
    /// One row per file and author.
    Ownership,
    /// One row per identity.
    Authors,
}

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub column_type: ColumnType,
    /// Whether a cell may be null.
    pub nullable: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text that repeats over many rows, stored once.
    Label,
    /// Text.
    Text,
    /// Several texts.
    Texts,
    /// Text of a file, which may exceed 2 GiB in one batch.
    LongText,
    /// Several of these.
    LongTexts,
    /// A small count.
    Int32,
    /// A count.
    Int64,
    /// Yes or no.
    Bool,
    /// A point in time, in UTC.
    Time,
}

impl ColumnType {
    /// The type's name in `docs/tables.md`.
    pub const fn name(self) -> &'static str {
        match self {
            ColumnType::Label => "label",
            ColumnType::Text => "text",
            ColumnType::Texts => "text list",
            ColumnType::LongText => "long text",
            ColumnType::LongTexts => "long text list",
            ColumnType::Int32 => "int32",
            ColumnType::Int64 => "int64",
            ColumnType::Bool => "bool",
            ColumnType::Time => "time",
        }
    }

    /// The Arrow type.
    pub fn arrow(self) -> DataType {
        let list = |item| DataType::List(Arc::new(Field::new("item", item, false)));
        match self {
            ColumnType::Label => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            ColumnType::Text => DataType::Utf8,
            ColumnType::Texts => list(DataType::Utf8),
            ColumnType::LongText => DataType::LargeUtf8,
            ColumnType::LongTexts => list(DataType::LargeUtf8),
            ColumnType::Int32 => DataType::Int32,
            ColumnType::Int64 => DataType::Int64,
            ColumnType::Bool => DataType::Boolean,
            ColumnType::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

const fn must(name: &'static str, column_type: ColumnType) -> Column {
    Column { name, column_type, nullable: false }
}

const fn may(name: &'static str, column_type: ColumnType) -> Column {
    Column { name, column_type, nullable: true }
}

use ColumnType::{Bool, Int32, Int64, Label, LongText, LongTexts, Text, Texts, Time};

const COMMITS: &[Column] = &[
    must("repo", Label),
    must("sha", Text),
    must("parents", Texts),
    must("tree", Text),
    must("author_name", Text),
    must("author_email", Text),
    must("author_raw_name", Text),
    must("author_raw_email", Text),
    may("author_time", Time),
    must("author_offset_minutes", Int32),
    must("committer_name", Text),
    must("committer_email", Text),
    must("committer_raw_name", Text),
    must("committer_raw_email", Text),
    may("committer_time", Time),
    must("committer_offset_minutes", Int32),
    must("subject", Text),
    must("body", Text),
    may("encoding", Text),
    must("additions", Int64),
    must("deletions", Int64),
    must("files", Int32),
    must("binary_files", Int32),
    must("is_merge", Bool),
];

const CHANGES: &[Column] = &[
    must("repo", Label),
    must("sha", Text),
    must("path", Text),
    may("old_path", Text),
    must("status", Text),
    may("similarity", Int32),
    may("additions", Int64),
    may("deletions", Int64),
    must("is_binary", Bool),
    may("old_mode", Text),
    may("new_mode", Text),
    may("old_oid", Text),
    may("new_oid", Text),
];

const BLAME: &[Column] = &[
    must("repo", Label),
    must("path", Text),
    must("sha", Text),
    must("start_line", Int32),
    must("orig_start_line", Int32),
    must("lines", Int32),
    must("orig_path", Text),
    must("author_name", Text),
    must("author_email", Text),
    must("author_raw_name", Text),
    must("author_raw_email", Text),
    may("author_time", Time),
    must("author_offset_minutes", Int32),
    must("summary", Text),
    must("boundary", Bool),
    may("content", LongTexts),
];

const LINES: &[Column] = &[
    must("repo", Label),
    must("path", Text),
    must("line_number", Int32),
    must("sha", Text),
    must("orig_line_number", Int32),
    must("orig_path", Text),
    must("author_name", Text),
    must("author_email", Text),
    may("author_time", Time),
    must("author_offset_minutes", Int32),
    may("content", LongText),
];

const BRANCHES: &[Column] = &[
    must("repo", Label),
    must("name", Text),
    must("full_name", Text),
    must("kind", Text),
    may("remote", Text),
    may("sha", Text),
    must("is_head", Bool),
    may("subject", Text),
    may("author_name", Text),
    may("author_email", Text),
    may("author_raw_name", Text),
    may("author_raw_email", Text),
    may("author_time", Time),
    may("author_offset_minutes", Int32),
];

const OWNERSHIP: &[Column] = &[
    must("repo", Label),
    must("path", Text),
    must("author_name", Text),
    must("author_email", Text),
    must("lines", Int64),
    must("total_lines", Int64),
];

const AUTHORS: &[Column] = &[
    must("repo", Label),
    must("name", Text),
    must("email", Text),
    must("commits", Int64),
    must("merges", Int64),
    must("additions", Int64),
    must("deletions", Int64),
    may("first_time", Time),
    may("last_time", Time),
];

impl TableKind {
    /// Every kind.
    pub const ALL: &'static [TableKind] = &[
        TableKind::Commits,
        TableKind::Changes,
        TableKind::Blame,
        TableKind::Lines,
        TableKind::Branches,
        TableKind::Ownership,
        TableKind::Authors,
    ];

    /// The table's name: in file names, the manifest and the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            TableKind::Commits => "commits",
            TableKind::Changes => "changes",
            TableKind::Blame => "blame",
            TableKind::Lines => "lines",
            TableKind::Branches => "branches",
            TableKind::Ownership => "ownership",
            TableKind::Authors => "authors",
        }
    }

    /// Its columns, in order.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            TableKind::Commits => COMMITS,
            TableKind::Changes => CHANGES,
            TableKind::Blame => BLAME,
            TableKind::Lines => LINES,
            TableKind::Branches => BRANCHES,
            TableKind::Ownership => OWNERSHIP,
            TableKind::Authors => AUTHORS,
        }
    }

    /// The position of the column `name`.
    pub fn column_index(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    /// Its Arrow schema.
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<Vec<SchemaRef>> =
            LazyLock::new(|| TableKind::ALL.iter().map(|kind| Arc::new(arrow_schema(kind.columns()))).collect());
        SCHEMAS[self as usize].clone()
    }
}

fn arrow_schema(columns: &[Column]) -> Schema {
    let field = |column: &Column| Field::new(column.name, column.column_type.arrow(), column.nullable);
    Schema::new(columns.iter().map(field).collect::<Vec<_>>())
}

impl fmt::Display for TableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    type Described = (String, String, bool);

    /// The tables of the page: `## name`, then rows `| column | type | no or yes | meaning |`.
    fn documented(page: &str) -> HashMap<String, Vec<Described>> {
        let mut tables: HashMap<String, Vec<Described>> = HashMap::new();
        let mut name = "";
        for line in page.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                name = heading;
            }
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            if let ["", column, column_type, null @ ("yes" | "no"), meaning, ""] = cells[..] {
                assert!(!meaning.is_empty(), "{name}.{column} has no meaning");
                tables.entry(name.to_owned()).or_default().push((column.into(), column_type.into(), null == "yes"));
            }
        }
        tables
    }

    #[test]
    fn the_page_describes_every_table_as_it_is() {
        let page = include_str!("../../../../docs/tables.md");
        let documented = documented(page);
        assert!(documented.len() > 5, "found {} tables in docs/tables.md", documented.len());
        assert_eq!(documented.len(), TableKind::ALL.len());
        for kind in TableKind::ALL {
            let built: Vec<Described> =
                kind.columns().iter().map(|c| (c.name.into(), c.column_type.name().into(), c.nullable)).collect();
            assert_eq!(documented[kind.name()], built, "{kind}");
        }
    }

    #[test]
    fn the_page_describes_every_type_as_it_is() {
        let page = include_str!("../../../../docs/tables.md");
        let mut seen = 0;
        for column in TableKind::ALL.iter().flat_map(|kind| kind.columns()) {
            let arrow = match column.column_type.arrow() {
                DataType::Dictionary(..) => "dictionary<int32, utf8>",
                DataType::Utf8 => "utf8",
                DataType::LargeUtf8 => "large_utf8",
                DataType::List(item) if item.data_type() == &DataType::Utf8 => "list<utf8>",
                DataType::List(_) => "list<large_utf8>",
                DataType::Int32 => "int32",
                DataType::Int64 => "int64",
                DataType::Boolean => "bool",
                DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp[us, UTC]",
                other => panic!("{}: {other}", column.name),
            };
            let row = format!("| {} | {arrow} |", column.column_type.name());
            assert!(page.contains(&row), "docs/tables.md lacks {row}");
            seen += 1;
        }
        assert!(seen > 50);
    }

    #[test]
    fn a_kind_is_its_own_position() {
        for (position, kind) in TableKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, position);
            assert_eq!(kind.schema().fields().len(), kind.columns().len());
            assert_eq!(kind.columns()[0].name, "repo");
        }
    }
}
