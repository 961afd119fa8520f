//! Columns in Arrow's format: what every result about repositories becomes. `docs/tables.md` describes each table.
//!
//! # Layout
//! - `schema`: [`TableKind`], its columns and their types: the one place that says what a table holds.
//! - `rows`: one row at a time into columns, cut into batches of bounded size.
//! - `builders`, `authors`, `lines`: records into tables, and tables made from tables.
//! - `batches`: [`Table`], the finished thing: length, slices, joining.
//! - `cell`: one value of one row.
//! - `write`: [`TableWriter`], tables as Parquet, CSV, JSON lines or an Arrow stream.
//! - `file`: files that appear whole or not at all.
//! - `label`: how a repository is named in the `repo` column.

mod authors;
mod batches;
mod builders;
mod cell;
mod file;
mod label;
mod lines;
mod rows;
mod schema;
mod write;

pub use authors::AuthorsBuilder;
pub use batches::Table;
pub use builders::{BlameBuilder, BranchesBuilder, ChangesBuilder, CommitsBuilder, OwnershipBuilder};
pub use cell::Cell;
pub use file::{PendingFile, TableFile, Written};
pub use label::repo_label;
pub use schema::{Column, ColumnType, TableKind};
pub use write::{Format, TableWriter};
