//! `simul.git.Table`: a finished table, read by row in Python and by column through Arrow's C interface.

use super::errors;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_schema::ffi::FFI_ArrowSchema;
use pyo3::exceptions::{PyIndexError, PyKeyError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyCapsule, PyDateTime, PyDict, PyList, PySlice, PyString, PyTuple, PyTzInfo};
use simul_git::table::{Cell, Column, Format, TableKind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows about repositories, in columns that pandas, polars, duckdb and pyarrow read as they are.
///
/// Indexing and iterating give typed records; a slice is a table again and shares the columns. docs/tables.md lists the
/// columns of each table.
///
/// Threads and loops:
///     Immutable: any thread may read it.
///
/// Example:
///     >>> from simul.git import RepoManager
///     >>> commits = RepoManager(["."]).analyze_commits(".").wait()
///     >>> len(commits[:2]), commits[-1].parents
///     (2, ())
#[pyclass(frozen, weakref, generic, sequence, module = "simul.git")]
pub(crate) struct Table {
    table: simul_git::table::Table,
}

impl From<simul_git::table::Table> for Table {
    fn from(table: simul_git::table::Table) -> Self {
        Self { table }
    }
}

/// A function, and the arguments that it makes a table of.
type Reduced<'py> = (Bound<'py, PyAny>, (&'static str, Bound<'py, PyBytes>));

/// A cell as a Python object.
fn object<'py>(py: Python<'py>, cell: &Cell<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match cell {
        Cell::Null => py.None().into_bound(py),
        Cell::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Cell::Int(value) => value.into_pyobject(py)?.into_any(),
        Cell::Text(text) => text.into_pyobject(py)?.into_any(),
        Cell::Texts(texts) => PyTuple::new(py, texts)?.into_any(),
        Cell::Time(micros) => {
            // Whole seconds within the years 1 to 9999, which a double holds exactly.
            let seconds = micros.div_euclid(1_000_000) as f64;
            PyDateTime::from_timestamp(py, seconds, Some(&*PyTzInfo::utc(py)?))?.into_any()
        }
    })
}

/// The class in `simul.git.records` that the rows of a table are shown as.
fn record_class<'py>(py: Python<'py>, kind: TableKind) -> PyResult<Bound<'py, PyAny>> {
    static RECORDS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let records = RECORDS.get_or_try_init(py, || {
        Ok::<_, PyErr>(py.import("simul.git.records")?.getattr("_RECORDS")?.cast_into::<PyDict>()?.unbind())
    })?;
    records.bind(py).get_item(kind.name())?.ok_or_else(|| PyKeyError::new_err(kind.name()))
}

fn record<'py>(table: &Bound<'py, Table>, row: usize) -> PyResult<Bound<'py, PyAny>> {
    record_class(table.py(), table.get().table.kind())?.call1((table, row))
}

impl Table {
    fn no_row(&self, row: impl std::fmt::Display) -> PyErr {
        PyIndexError::new_err(format!("row {row} of a table with {} rows", self.table.num_rows()))
    }

    fn no_column(&self, name: &str) -> PyErr {
        let (kind, names) = (self.table.kind(), self.column_names().join(", "));
        PyKeyError::new_err(format!("the {kind} table has no column {name:?}; it has {names}"))
    }

    fn not_for_this(&self, method: &str, expected: TableKind) -> PyErr {
        PyTypeError::new_err(format!("{method}() is for a {expected} table; this is a {} table", self.table.kind()))
    }

    fn object<'py>(&self, py: Python<'py>, row: usize, column: usize) -> PyResult<Bound<'py, PyAny>> {
        object(py, &self.table.cell(row, column))
    }

    /// To the file `path`, else as text.
    fn written(&self, py: Python<'_>, path: Option<PathBuf>, format: Format) -> PyResult<Option<String>> {
        let written = py.detach(|| match path {
            Some(path) => self.table.save(&path, format).map(|_| None),
            None => self.table.write_to(Vec::new(), format).map(Some),
        });
        match written {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => String::from_utf8(bytes).map(Some).map_err(|e| PyValueError::new_err(e.to_string())),
            Err(error) => Err(errors::to_pyerr(py, &error)),
        }
    }
}

#[pymethods]
impl Table {
    /// Which table: commits, changes, blame, lines, branches, ownership or authors.
    #[getter]
    fn name(&self) -> &'static str {
        self.table.kind().name()
    }

    /// Its number of rows, as `len(table)`.
    #[getter]
    fn num_rows(&self) -> usize {
        self.table.num_rows()
    }

    /// The columns' names, in order.
    #[getter]
    fn column_names(&self) -> Vec<&'static str> {
        self.table.kind().columns().iter().map(|column| column.name).collect()
    }

    /// The columns with their types, one a line.
    #[getter]
    fn schema(&self) -> String {
        let line = |column: &Column| {
            let null = if column.nullable { ", may be null" } else { "" };
            format!("{}: {}{null}", column.name, column.column_type.name())
        };
        self.table.kind().columns().iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn __len__(&self) -> usize {
        self.table.num_rows()
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        let rows = this.table.num_rows();
        if let Ok(slice) = key.cast::<PySlice>() {
            let range = slice.indices(rows as isize)?;
            let part = match range.step {
                1 => this.table.slice(range.start as usize, range.slicelength),
                step => {
                    let positions = (0..range.slicelength as isize).map(|n| (range.start + n * step) as usize);
                    this.table.take(&positions.collect::<Vec<_>>())
                }
            };
            return Ok(Bound::new(slf.py(), Table::from(part))?.into_any());
        }
        let row = match key.extract::<isize>() {
            Ok(row) => row,
            Err(error) if error.is_instance_of::<PyOverflowError>(slf.py()) => return Err(this.no_row(key)),
            Err(_) => {
                let message = "rows are found by number or slice, a column by table.column(name)";
                return Err(PyTypeError::new_err(format!("{message}; not by {}", key.get_type().name()?)));
            }
        };
        let found = if row < 0 { row.checked_add(rows as isize) } else { Some(row) };
        match found.and_then(|found| usize::try_from(found).ok()).filter(|found| *found < rows) {
            Some(found) => record(slf, found),
            None => Err(this.no_row(row)),
        }
    }

    fn __iter__(slf: Bound<'_, Self>) -> TableIterator {
        TableIterator { table: slf.unbind(), next: AtomicUsize::new(0) }
    }

    /// The value in `row` of the column at position `column`.
    fn cell<'py>(&self, py: Python<'py>, row: usize, column: usize) -> PyResult<Bound<'py, PyAny>> {
        if row >= self.table.num_rows() {
            return Err(self.no_row(row));
        }
        if column >= self.table.kind().columns().len() {
            return Err(PyIndexError::new_err(format!("column {column} of the {} table", self.table.kind())));
        }
        self.object(py, row, column)
    }

    /// Every value of `row`.
    fn row<'py>(&self, py: Python<'py>, row: usize) -> PyResult<Bound<'py, PyTuple>> {
        if row >= self.table.num_rows() {
            return Err(self.no_row(row));
        }
        let columns = 0..self.table.kind().columns().len();
        let cells: Vec<_> = columns.map(|column| self.object(py, row, column)).collect::<PyResult<_>>()?;
        PyTuple::new(py, cells)
    }

    /// Every value of one column, as Python objects.
    ///
    /// Args:
    ///     name: One of `column_names`.
    ///
    /// Raises:
    ///     KeyError: The table has no such column.
    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyList>> {
        let column = self.table.kind().column_index(name).ok_or_else(|| self.no_column(name))?;
        let values = PyList::empty(py);
        for row in 0..self.table.num_rows() {
            values.append(self.object(py, row, column)?)?;
        }
        Ok(values)
    }

    /// Every row as a dict of its columns.
    ///
    /// Cost:
    ///     An object for each cell; a table itself has none.
    fn to_dicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let names: Vec<_> = self.column_names().into_iter().map(|name| PyString::intern(py, name)).collect();
        let rows = PyList::empty(py);
        for row in 0..self.table.num_rows() {
            let dict = PyDict::new(py);
            for (column, name) in names.iter().enumerate() {
                dict.set_item(name, self.object(py, row, column)?)?;
            }
            rows.append(dict)?;
        }
        Ok(rows)
    }

    /// Writes a Parquet file, compressed with zstd, which appears whole or not at all.
    ///
    /// Args:
    ///     path: The file; one that is there is replaced.
    ///
    /// Raises:
    ///     StoreError: The folder is missing or not writable, or the disk is full. Nothing half-written stays.
    ///
    /// Threads and loops:
    ///     Blocks until the file is on disk and lets other threads run meanwhile; in a coroutine, use
    ///     ``await asyncio.to_thread(...)`` where that takes long.
    fn to_parquet(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        self.written(py, Some(path), Format::Parquet).map(drop)
    }

    /// Writes a CSV file with a header line, or returns its text.
    ///
    /// Args:
    ///     path: The file; one that is there is replaced. None returns the text.
    ///
    /// Raises:
    ///     StoreError: The folder is missing or not writable, or the disk is full. Nothing half-written stays.
    ///
    /// Threads and loops:
    ///     Blocks until the file is on disk and lets other threads run meanwhile; in a coroutine, use
    ///     ``await asyncio.to_thread(...)`` where that takes long.
    #[pyo3(signature = (path=None))]
    fn to_csv(&self, py: Python<'_>, path: Option<PathBuf>) -> PyResult<Option<String>> {
        self.written(py, path, Format::Csv)
    }

    /// Writes a file of JSON lines, one object a row, or returns its text.
    ///
    /// Args:
    ///     path: The file; one that is there is replaced. None returns the text.
    ///
    /// Raises:
    ///     StoreError: The folder is missing or not writable, or the disk is full. Nothing half-written stays.
    ///
    /// Threads and loops:
    ///     Blocks until the file is on disk and lets other threads run meanwhile; in a coroutine, use
    ///     ``await asyncio.to_thread(...)`` where that takes long.
    #[pyo3(signature = (path=None))]
    fn to_json(&self, py: Python<'_>, path: Option<PathBuf>) -> PyResult<Option<String>> {
        self.written(py, path, Format::Json)
    }

    /// The lines of a blame table: one row for each line of each hunk.
    ///
    /// Raises:
    ///     TypeError: This is another table than blame.
    fn lines(&self, py: Python<'_>) -> PyResult<Table> {
        let lines = py.detach(|| self.table.lines());
        lines.map(Table::from).ok_or_else(|| self.not_for_this("lines", TableKind::Blame))
    }

    /// The authors of a commits table: one row for each identity, most commits first.
    ///
    /// Raises:
    ///     TypeError: This is another table than commits.
    fn authors(&self, py: Python<'_>) -> PyResult<Table> {
        let authors = py.detach(|| self.table.authors());
        authors.map(Table::from).ok_or_else(|| self.not_for_this("authors", TableKind::Commits))
    }

    /// The rows as Arrow's C stream: shared with the reader, no Python objects made.
    ///
    /// `requested_schema` is a wish that the interface lets a producer decline; readers cast for themselves.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        // A reader moves the stream out and leaves it without a release callback; one that was never read is released
        // when the capsule goes.
        let stream = FFI_ArrowArrayStream::new(Box::new(self.table.reader()));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// The schema as Arrow's C structure.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(&*self.table.schema());
        let schema = schema.map_err(|error| PyValueError::new_err(error.to_string()))?;
        PyCapsule::new_with_value(py, schema, c"arrow_schema")
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let Ok(other) = other.cast::<Table>() else { return Ok(py.NotImplemented()) };
        let other = other.get();
        let equal = py.detach(|| self.table == other.table);
        Ok(equal.into_pyobject(py)?.to_owned().into_any().unbind())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Reduced<'py>> {
        let (py, table) = (slf.py(), &slf.get().table);
        let bytes = py.detach(|| table.write_to(Vec::new(), Format::Arrow));
        let bytes = bytes.map_err(|error| errors::to_pyerr(py, &error))?;
        let remake = slf.get_type().getattr("_from_arrow")?;
        Ok((remake, (table.kind().name(), PyBytes::new(py, &bytes))))
    }

    /// What a pickled table is made of again.
    #[staticmethod]
    fn _from_arrow(py: Python<'_>, name: &str, data: &[u8]) -> PyResult<Table> {
        let kind = TableKind::ALL.iter().find(|kind| kind.name() == name);
        let kind = *kind.ok_or_else(|| PyValueError::new_err(format!("there is no table {name:?}")))?;
        let table = simul_git::table::Table::from_arrow(kind, data);
        table.map(Table::from).map_err(|error| errors::to_pyerr(py, &error))
    }

    fn __repr__(&self) -> String {
        let (rows, names) = (self.table.num_rows(), self.column_names());
        let plural = if rows == 1 { "" } else { "s" };
        format!("<simul.git.Table {}: {rows} row{plural}, columns {}>", self.table.kind(), names.join(", "))
    }
}

/// The rows of a table, one record after the other.
#[pyclass(frozen, module = "simul.git")]
struct TableIterator {
    table: Py<Table>,
    next: AtomicUsize,
}

#[pymethods]
impl TableIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let row = self.next.fetch_add(1, Ordering::Relaxed);
        match row < self.table.get().table.num_rows() {
            true => record(self.table.bind(py), row).map(Some),
            false => Ok(None),
        }
    }

    fn __length_hint__(&self) -> usize {
        self.table.get().table.num_rows().saturating_sub(self.next.load(Ordering::Relaxed))
    }
}

/// The columns of the table `name`: what the records in `simul.git` are made for.
#[pyfunction]
fn table_columns(name: &str) -> Vec<&'static str> {
    let kind = TableKind::ALL.iter().find(|kind| kind.name() == name);
    kind.map_or_else(Vec::new, |kind| kind.columns().iter().map(|column| column.name).collect())
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Table>()?;
    module.add_function(wrap_pyfunction!(table_columns, module)?)
}
