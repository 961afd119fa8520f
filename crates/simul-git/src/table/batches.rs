//! The finished table.

use super::{Cell, TableKind};
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{ArrowError, SchemaRef};
use simul_core::{Error, Kind, Result};
use std::fmt;
use std::sync::Arc;

/// A finished table: immutable, cheap to clone and to slice.
///
/// # Cost
/// Cloning, slicing and joining share the columns; nothing is copied but the list of batches.
///
/// # Example
/// ```
/// use simul_git::{record::Commit, table::{Cell, CommitsBuilder}};
/// let mut builder = CommitsBuilder::new("alice/hw1");
/// for sha in ["a", "b", "c"] {
///     builder.push(&Commit { sha: sha.into(), ..Commit::default() });
/// }
/// let table = builder.finish().slice(1, 2);
/// assert_eq!(table.value(0, "sha"), Cell::Text("b"));
/// ```
#[derive(Clone)]
pub struct Table {
    kind: TableKind,
    batches: Arc<[RecordBatch]>,
    /// Where each batch begins, then the number of rows.
    starts: Arc<[usize]>,
}

impl Table {
    /// `batches` have the schema of `kind`.
    pub(super) fn new(kind: TableKind, batches: Vec<RecordBatch>) -> Self {
        let batches: Vec<_> = batches.into_iter().filter(|batch| batch.num_rows() > 0).collect();
        let mut starts = Vec::with_capacity(batches.len() + 1);
        starts.push(0);
        for batch in &batches {
            starts.push(starts[starts.len() - 1] + batch.num_rows());
        }
        Self { kind, batches: batches.into(), starts: starts.into() }
    }

    /// A table without rows.
    pub fn empty(kind: TableKind) -> Self {
        Self::new(kind, Vec::new())
    }

    /// `tables` one after the other.
    ///
    /// # Args
    /// - `kind`: what they all are. One of another kind is a bug of the caller and panics.
    pub fn concat(kind: TableKind, tables: impl IntoIterator<Item = Table>) -> Self {
        let mut batches = Vec::new();
        for table in tables {
            assert_eq!(table.kind, kind, "tables that are joined are of one kind");
            batches.extend(table.batches.iter().cloned());
        }
        Self::new(kind, batches)
    }

    /// The table that was written as an Arrow stream ([`Format::Arrow`](super::Format::Arrow)).
    ///
    /// # Errors
    /// `Kind::Decode` if `bytes` are no such stream, or one of another table.
    pub fn from_arrow(kind: TableKind, bytes: &[u8]) -> Result<Self> {
        let decode = |error: &dyn fmt::Display| Error::new(Kind::Decode, format!("not a {kind} table: {error}"));
        let reader = StreamReader::try_new(bytes, None).map_err(|error| decode(&error))?;
        if reader.schema().fields() != kind.schema().fields() {
            return Err(decode(&"it has other columns"));
        }
        let batches = reader.collect::<Result<_, ArrowError>>().map_err(|error| decode(&error))?;
        Ok(Self::new(kind, batches))
    }

    /// Which table this is.
    pub fn kind(&self) -> TableKind {
        self.kind
    }

    /// Its Arrow schema.
    pub fn schema(&self) -> SchemaRef {
        self.kind.schema()
    }

    /// Its batches: none of them empty, none above 8,192 rows.
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// Its number of rows.
    pub fn num_rows(&self) -> usize {
        self.starts[self.batches.len()]
    }

    /// The batches as a reader, which is what Arrow's C stream is made of.
    pub fn reader(&self) -> impl RecordBatchReader + Send + 'static {
        let (batches, count) = (self.batches.clone(), self.batches.len());
        let results = (0..count).map(move |index| Ok::<_, ArrowError>(batches[index].clone()));
        RecordBatchIterator::new(results, self.schema())
    }

    /// The value in `row` and `column`.
    ///
    /// # Errors
    /// Panics if either is out of range.
    pub fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        let (batch, row) = self.locate(row);
        Cell::of(&self.batches[batch], row, column, self.kind.columns()[column].column_type)
    }

    /// The value in `row` and the column `name`.
    ///
    /// # Errors
    /// Panics if there is no such row or column.
    pub fn value(&self, row: usize, name: &str) -> Cell<'_> {
        match self.kind.column_index(name) {
            Some(column) => self.cell(row, column),
            None => panic!("the {} table has no column {name}", self.kind),
        }
    }

    /// The batch that holds `row`, and the row's place in it.
    fn locate(&self, row: usize) -> (usize, usize) {
        assert!(row < self.num_rows(), "row {row} of a {} table with {} rows", self.kind, self.num_rows());
        let batch = self.starts.partition_point(|start| *start <= row) - 1;
        (batch, row - self.starts[batch])
    }

    /// The rows from `offset`, `length` of them or as many as there are.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        let end = offset.saturating_add(length).min(self.num_rows());
        let mut kept = Vec::new();
        for (batch, start) in self.batches.iter().zip(self.starts.iter()) {
            let (from, to) = (offset.max(*start), end.min(start + batch.num_rows()));
            if from < to {
                kept.push(batch.slice(from - start, to - from));
            }
        }
        Self::new(self.kind, kept)
    }

    /// The rows at `positions`, in that order.
    ///
    /// # Errors
    /// Panics if a position is out of range.
    ///
    /// # Cost
    /// Copies the rows, unlike [`slice`](Table::slice).
    #[must_use]
    pub fn take(&self, positions: &[usize]) -> Self {
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let taken = positions.chunks(super::rows::BATCH_ROWS).map(|chunk| {
            let places: Vec<_> = chunk.iter().map(|row| self.locate(*row)).collect();
            arrow_select::interleave::interleave_record_batch(&batches, &places)
                .expect("the batches of a table have one schema, and a batch's text is far below 2 GiB")
        });
        Self::new(self.kind, taken.collect())
    }
}

/// Equal if they hold the same rows, however these are cut into batches.
impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        let columns = self.kind.columns().len();
        self.kind == other.kind
            && self.num_rows() == other.num_rows()
            && (0..self.num_rows()).all(|row| (0..columns).all(|c| self.cell(row, c) == other.cell(row, c)))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({}, {} rows)", self.kind, self.num_rows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Commit;
    use crate::table::CommitsBuilder;

    fn commits(count: usize) -> Table {
        let mut builder = CommitsBuilder::new("r");
        for number in 0..count {
            let parents = (0..number % 3).map(|parent| parent.to_string()).collect();
            builder.push(&Commit { sha: number.to_string(), parents, ..Commit::default() });
        }
        builder.finish()
    }

    #[test]
    fn batches_are_bounded_and_cells_are_found_across_them() {
        let table = commits(20_000);
        let sizes: Vec<_> = table.batches().iter().map(RecordBatch::num_rows).collect();
        assert_eq!(sizes, [8192, 8192, 3616]);
        for row in [0, 1, 8191, 8192, 16_383, 16_384, 19_999] {
            assert_eq!(table.value(row, "sha"), Cell::Text(&row.to_string()));
            let parents: Vec<String> = (0..row % 3).map(|parent| parent.to_string()).collect();
            assert_eq!(table.value(row, "parents"), Cell::Texts(parents.iter().map(|p| &**p).collect()));
        }
    }

    #[test]
    fn much_text_makes_smaller_batches() {
        let mut builder = CommitsBuilder::new("r");
        let body = "x".repeat(20 << 20);
        for _ in 0..5 {
            builder.push(&Commit { body: body.clone(), ..Commit::default() });
        }
        let sizes: Vec<_> = builder.finish().batches().iter().map(RecordBatch::num_rows).collect();
        assert_eq!(sizes, [2, 2, 1]);
    }

    #[test]
    fn a_slice_is_the_same_rows_without_copying_them() {
        let table = commits(20_000);
        for (offset, length) in [(0, 20_000), (0, 5), (8190, 4), (8192, 8192), (19_999, 9), (5, 0), (30_000, 1)] {
            let slice = table.slice(offset, length);
            let expected = length.min(20_000_usize.saturating_sub(offset));
            assert_eq!(slice.num_rows(), expected);
            if expected > 0 {
                assert_eq!(slice.value(0, "sha"), table.value(offset, "sha"));
                assert_eq!(slice.value(expected - 1, "parents"), table.value(offset + expected - 1, "parents"));
                let (whole, part) = (table.batches()[offset / 8192].column(1), slice.batches()[0].column(1));
                let address = |array: &dyn arrow_array::Array| array.to_data().buffers()[1].as_ptr() as usize;
                assert_eq!(address(whole), address(part), "the text is shared");
            }
        }
    }

    #[test]
    fn rows_are_taken_in_any_order() {
        let table = commits(10_000);
        let backwards: Vec<usize> = (0..10_000).rev().step_by(3).collect();
        let taken = table.take(&backwards);
        assert_eq!(taken.num_rows(), backwards.len());
        assert_eq!(taken.value(1, "sha"), Cell::Text("9996"));
        assert_eq!(taken.value(backwards.len() - 1, "sha"), Cell::Text("0"));
        assert_eq!(table.take(&[]).num_rows(), 0);
        assert_eq!(Table::empty(TableKind::Blame).take(&[]).num_rows(), 0);
    }

    #[test]
    fn equality_does_not_see_batches() {
        let table = commits(9000);
        let joined = Table::concat(TableKind::Commits, [table.slice(0, 10), table.slice(10, 8990)]);
        assert_ne!(joined.batches().len(), table.batches().len());
        assert_eq!(joined, table);
        assert_ne!(table.slice(1, 9), table.slice(0, 9));
    }
}
