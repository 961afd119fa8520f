//! Tables as Parquet, CSV, JSON lines or an Arrow stream.

use super::file::disk_error;
use super::{ColumnType, Table, TableKind};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use simul_core::{Error, Kind, Result};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Parquet, compressed with zstd.
    Parquet,
    /// Comma-separated text with a header line.
    Csv,
    /// One JSON object per line.
    Json,
    /// An Arrow IPC stream.
    Arrow,
}

impl Format {
    /// The usual ending of a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
            Format::Json => "jsonl",
            Format::Arrow => "arrows",
        }
    }
}

/// Rows of a Parquet row group: what bounds the memory of a writer.
const ROW_GROUP_ROWS: usize = 131_072;

/// Writes any number of tables of one kind, one after the other, as one.
///
/// # Cost
/// Memory for one batch (Parquet: for one compressed row group of 131,072 rows), however many tables are written.
///
/// # Example
/// ```
/// use simul_git::table::{Format, Table, TableKind, TableWriter};
/// let mut writer = TableWriter::new(Vec::new(), Format::Csv, TableKind::Ownership)?;
/// writer.write(&Table::empty(TableKind::Ownership))?;
/// let bytes = writer.finish()?;
/// assert_eq!(bytes, b"repo,path,author_name,author_email,lines,total_lines\n");
/// # Ok::<(), simul_core::Error>(())
/// ```
#[derive(Debug)]
pub struct TableWriter<W: Write + Send> {
    kind: TableKind,
    encoder: Encoder<Watched<W>>,
    failure: Failure,
    rows: u64,
}

enum Encoder<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Csv(Box<arrow_csv::Writer<W>>),
    Json(arrow_json::LineDelimitedWriter<W>),
    Arrow(Box<arrow_ipc::writer::StreamWriter<W>>),
}

impl<W: Write + Send> std::fmt::Debug for Encoder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Encoder::Parquet(_) => "Parquet",
            Encoder::Csv(_) => "Csv",
            Encoder::Json(_) => "Json",
            Encoder::Arrow(_) => "Arrow",
        })
    }
}

impl<W: Write + Send> TableWriter<W> {
    /// Starts writing to `output`.
    ///
    /// # Errors
    /// `Kind::Store` if `output` cannot be written.
    pub fn new(output: W, format: Format, kind: TableKind) -> Result<Self> {
        let failure = Failure::default();
        let output = Watched { output, failure: failure.clone() };
        let schema = kind.schema();
        let encoder = match format {
            Format::Parquet => ArrowWriter::try_new(output, schema, Some(properties()))
                .map(|writer| Encoder::Parquet(Box::new(writer)))
                .map_err(ArrowError::from),
            Format::Csv => {
                let mut writer = arrow_csv::Writer::new(output);
                // The header is there even if no row follows.
                writer.write(&flat(&RecordBatch::new_empty(schema), kind)).map(|()| Encoder::Csv(Box::new(writer)))
            }
            Format::Json => {
                let builder = arrow_json::WriterBuilder::new().with_explicit_nulls(true);
                Ok(Encoder::Json(builder.build(output)))
            }
            Format::Arrow => {
                arrow_ipc::writer::StreamWriter::try_new(output, &schema).map(|writer| Encoder::Arrow(Box::new(writer)))
            }
        };
        let encoder = encoder.map_err(|error| failure.explain(error, kind))?;
        Ok(Self { kind, encoder, failure, rows: 0 })
    }

    /// Adds the rows of `table`.
    ///
    /// # Errors
    /// `Kind::Store` if the output cannot be written; `Kind::Invalid` if `table` is of another kind.
    pub fn write(&mut self, table: &Table) -> Result<()> {
        if table.kind() != self.kind {
            let message = format!("a {} table cannot follow in a file of {}", table.kind(), self.kind);
            return Err(Error::new(Kind::Invalid, message));
        }
        for batch in table.batches() {
            let written = match &mut self.encoder {
                Encoder::Parquet(writer) => writer.write(batch).map_err(ArrowError::from),
                Encoder::Csv(writer) => writer.write(&flat(batch, self.kind)),
                Encoder::Json(writer) => writer.write(&with_offset_zone(batch, self.kind)),
                Encoder::Arrow(writer) => writer.write(batch),
            };
            written.map_err(|error| self.failure.explain(error, self.kind))?;
            self.rows += batch.num_rows() as u64;
        }
        Ok(())
    }

    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes what ends the format, flushes, and gives the output back.
    ///
    /// # Errors
    /// `Kind::Store` if the output cannot be written.
    pub fn finish(self) -> Result<W> {
        let Self { kind, encoder, failure, .. } = self;
        let output = match encoder {
            Encoder::Parquet(writer) => writer.into_inner().map_err(ArrowError::from),
            // Each write has flushed: nothing is left that could fail inside.
            Encoder::Csv(writer) => Ok(writer.into_inner()),
            Encoder::Json(mut writer) => writer.finish().map(|()| writer.into_inner()),
            Encoder::Arrow(mut writer) => writer.finish().and_then(|()| writer.into_inner()),
        };
        let mut output = output.map_err(|error| failure.explain(error, kind))?;
        output.flush().map_err(|error| failure.explain(error.into(), kind))?;
        Ok(output.output)
    }
}

impl Table {
    /// Writes the whole table to `output`.
    ///
    /// # Errors
    /// `Kind::Store` if `output` cannot be written.
    pub fn write_to<W: Write + Send>(&self, output: W, format: Format) -> Result<W> {
        let mut writer = TableWriter::new(output, format, self.kind())?;
        writer.write(self)?;
        writer.finish()
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).expect("3 is one of zstd's levels")))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(concat!("simul ", env!("CARGO_PKG_VERSION")).to_owned())
        .build()
}

/// `batch` for CSV, which knows no lists: parents joined by a space, lines of a file by a newline.
fn flat(batch: &RecordBatch, kind: TableKind) -> RecordBatch {
    rewritten(&with_offset_zone(batch, kind), kind, |array, column_type| match column_type {
        ColumnType::Texts => Some(joined::<i32>(array, " ")),
        ColumnType::LongTexts => Some(joined::<i64>(array, "\n")),
        _ => None,
    })
}

fn joined<Offset: arrow_array::OffsetSizeTrait>(array: &ArrayRef, separator: &str) -> ArrayRef {
    let list = array.as_list::<i32>();
    let rows = (0..list.len()).map(|row| {
        list.is_valid(row).then(|| {
            let items = list.value(row);
            let items = items.as_string::<Offset>();
            (0..items.len()).map(|item| items.value(item)).collect::<Vec<_>>().join(separator)
        })
    });
    Arc::new(rows.collect::<StringArray>())
}

/// `batch` with its times marked +00:00 instead of UTC, for encoders that know offsets but no zone names.
fn with_offset_zone(batch: &RecordBatch, kind: TableKind) -> RecordBatch {
    rewritten(batch, kind, |array, column_type| match column_type {
        ColumnType::Time => {
            let times = array.as_primitive::<TimestampMicrosecondType>().clone();
            Some(Arc::new(times.with_timezone("+00:00")) as ArrayRef)
        }
        _ => None,
    })
}

fn rewritten(
    batch: &RecordBatch,
    kind: TableKind,
    change: impl Fn(&ArrayRef, ColumnType) -> Option<ArrayRef>,
) -> RecordBatch {
    let arrays: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(kind.columns())
        .map(|(array, column)| change(array, column.column_type).unwrap_or_else(|| array.clone()))
        .collect();
    let fields: Vec<Field> = arrays
        .iter()
        .zip(kind.columns())
        .map(|(array, column)| Field::new(column.name, DataType::clone(array.data_type()), column.nullable))
        .collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, arrays).expect("the schema was made from these arrays")
}

/// The first failure of an output. Encoders turn I/O errors into text; this keeps the error itself.
#[derive(Debug, Clone, Default)]
struct Failure(Arc<Mutex<Option<io::Error>>>);

impl Failure {
    fn explain(&self, error: ArrowError, kind: TableKind) -> Error {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (kept, error) {
            (Some(cause), _) | (None, ArrowError::IoError(_, cause)) => disk_error(cause, &format!("the {kind} table")),
            (None, other) => Error::new(Kind::Internal, format!("the {kind} table cannot be encoded: {other}")),
        }
    }
}

struct Watched<W> {
    output: W,
    failure: Failure,
}

impl<W> Watched<W> {
    fn keep<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            let same = match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            };
            if error.kind() != io::ErrorKind::Interrupted {
                self.failure.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(same);
            }
        })
    }
}

impl<W: Write> Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.output.write(bytes);
        self.keep(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.output.flush();
        self.keep(result)
    }
}
