//! One row at a time into Arrow columns, cut into batches of bounded size.

use super::{ColumnType, Table, TableKind};
use crate::record::Signature;
use arrow_array::builder::{
    BooleanBuilder, Int32Builder, Int64Builder, LargeStringBuilder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};
use std::sync::Arc;

/// Rows in a batch at most.
pub(super) const BATCH_ROWS: usize = 8192;
/// Text in a batch at which it is closed: far below the 2 GiB that 32-bit offsets reach.
const BATCH_BYTES: usize = 32 << 20;
/// The first and the last second of the years 1 to 9999, which every reader of these tables can show.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Rows of one table on their way to becoming batches.
#[derive(Debug)]
pub(super) struct Rows {
    kind: TableKind,
    label: Arc<StringArray>,
    columns: Vec<Builder>,
    rows: usize,
    bytes: usize,
    batches: Vec<RecordBatch>,
}

#[derive(Debug)]
enum Builder {
    Label,
    Text(StringBuilder),
    Texts(ListBuilder<StringBuilder>),
    LongText(LargeStringBuilder),
    LongTexts(ListBuilder<LargeStringBuilder>),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
}

impl Builder {
    fn new(column_type: ColumnType) -> Self {
        let item = |data_type| Field::new("item", data_type, false);
        match column_type {
            ColumnType::Label => Builder::Label,
            ColumnType::Text => Builder::Text(StringBuilder::new()),
            ColumnType::Texts => {
                Builder::Texts(ListBuilder::new(StringBuilder::new()).with_field(item(DataType::Utf8)))
            }
            ColumnType::LongText => Builder::LongText(LargeStringBuilder::new()),
            ColumnType::LongTexts => {
                Builder::LongTexts(ListBuilder::new(LargeStringBuilder::new()).with_field(item(DataType::LargeUtf8)))
            }
            ColumnType::Int32 => Builder::Int32(Int32Builder::new()),
            ColumnType::Int64 => Builder::Int64(Int64Builder::new()),
            ColumnType::Bool => Builder::Bool(BooleanBuilder::new()),
            ColumnType::Time => Builder::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
        }
    }

    fn finish(&mut self, label: &Arc<StringArray>, rows: usize) -> ArrayRef {
        match self {
            Builder::Label => {
                let keys = Int32Array::from(vec![0; rows]);
                let array = DictionaryArray::try_new(keys, label.clone());
                Arc::new(array.expect("key 0 is in a dictionary of one value"))
            }
            Builder::Text(builder) => Arc::new(builder.finish()),
            Builder::Texts(builder) => Arc::new(builder.finish()),
            Builder::LongText(builder) => Arc::new(builder.finish()),
            Builder::LongTexts(builder) => Arc::new(builder.finish()),
            Builder::Int32(builder) => Arc::new(builder.finish()),
            Builder::Int64(builder) => Arc::new(builder.finish()),
            Builder::Bool(builder) => Arc::new(builder.finish()),
            Builder::Time(builder) => Arc::new(builder.finish()),
        }
    }
}

impl Rows {
    pub(super) fn new(kind: TableKind, label: &str) -> Self {
        let columns = kind.columns().iter().map(|column| Builder::new(column.column_type)).collect();
        Self { kind, label: label_array(label), columns, rows: 0, bytes: 0, batches: Vec::new() }
    }

    /// Rows from here on belong to the repository `label`.
    pub(super) fn relabel(&mut self, label: &str) {
        if self.label.value(0) != label {
            self.cut();
            self.label = label_array(label);
        }
    }

    /// Starts a row; its cells follow in the order of the columns, after `repo`.
    pub(super) fn row(&mut self) -> Row<'_> {
        if self.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            self.cut();
        }
        Row { rows: self, next: 1 }
    }

    /// Closes the batch that is being filled.
    fn cut(&mut self) {
        if self.rows == 0 {
            return;
        }
        let (label, rows) = (&self.label, self.rows);
        let arrays = self.columns.iter_mut().map(|column| column.finish(label, rows)).collect();
        let batch = RecordBatch::try_new(self.kind.schema(), arrays);
        self.batches.push(batch.expect("each row filled every column with its own type"));
        (self.rows, self.bytes) = (0, 0);
    }

    pub(super) fn finish(mut self) -> Table {
        self.cut();
        Table::new(self.kind, self.batches)
    }
}

fn label_array(label: &str) -> Arc<StringArray> {
    Arc::new(StringArray::from(vec![label]))
}

/// A row being filled. Filling it in another order than the schema's is a bug that panics in the first test.
#[must_use = "a row is finished by `end`"]
pub(super) struct Row<'a> {
    rows: &'a mut Rows,
    next: usize,
}

impl Row<'_> {
    fn column(&mut self) -> &mut Builder {
        self.next += 1;
        &mut self.rows.columns[self.next - 1]
    }

    pub(super) fn text<'t>(mut self, value: impl Into<Option<&'t str>>) -> Self {
        let value = value.into();
        self.rows.bytes += value.map_or(0, str::len);
        match self.column() {
            Builder::Text(builder) => builder.append_option(value),
            Builder::LongText(builder) => builder.append_option(value),
            other => wrong(other, "text"),
        }
        self
    }

    pub(super) fn texts<'t>(mut self, values: Option<impl Iterator<Item = &'t str>>) -> Self {
        let mut bytes = 0;
        let is_there = values.is_some();
        let counted = values.into_iter().flatten().inspect(|text| bytes += text.len());
        match self.column() {
            Builder::Texts(builder) => {
                counted.for_each(|text| builder.values().append_value(text));
                builder.append(is_there);
            }
            Builder::LongTexts(builder) => {
                counted.for_each(|text| builder.values().append_value(text));
                builder.append(is_there);
            }
            other => wrong(other, "texts"),
        }
        self.rows.bytes += bytes;
        self
    }

    pub(super) fn int(mut self, value: impl Into<Option<i64>>) -> Self {
        let value = value.into();
        match self.column() {
            // Counts of files and lines of one file: git's own are 32-bit.
            Builder::Int32(builder) => builder.append_option(value.map(|v| i32::try_from(v).unwrap_or(i32::MAX))),
            Builder::Int64(builder) => builder.append_option(value),
            other => wrong(other, "int"),
        }
        self
    }

    pub(super) fn bool(mut self, value: bool) -> Self {
        match self.column() {
            Builder::Bool(builder) => builder.append_value(value),
            other => wrong(other, "bool"),
        }
        self
    }

    /// `seconds` since the epoch; null outside the years 1 to 9999.
    pub(super) fn time(mut self, seconds: Option<i64>) -> Self {
        let micros = seconds.and_then(shown_seconds).map(|s| s * 1_000_000);
        match self.column() {
            Builder::Time(builder) => builder.append_option(micros),
            other => wrong(other, "time"),
        }
        self
    }

    /// Name, email, raw name, raw email, time, offset: the order of every table that has all six.
    pub(super) fn signature(self, who: Option<&Signature>) -> Self {
        self.text(who.map(|w| &*w.name))
            .text(who.map(|w| &*w.email))
            .text(who.map(|w| &*w.raw_name))
            .text(who.map(|w| &*w.raw_email))
            .time(who.map(|w| w.seconds))
            .int(who.map(|w| i64::from(w.offset_minutes)))
    }

    pub(super) fn end(self) {
        assert_eq!(self.next, self.rows.columns.len(), "a row of {} has another number of cells", self.rows.kind);
        self.rows.rows += 1;
    }
}

#[cold]
fn wrong(builder: &Builder, given: &str) -> ! {
    unreachable!("a {given} cell was given to {builder:?}: the builder and the schema disagree")
}

/// `seconds` if they lie in the years 1 to 9999. Git keeps forged times outside them; no reader can show those.
pub(super) fn shown_seconds(seconds: i64) -> Option<i64> {
    SECONDS.contains(&seconds).then_some(seconds)
}

/// A count as the tables hold it.
pub(super) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
