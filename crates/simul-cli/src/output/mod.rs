//! Results on stdout.

mod columns;
mod outlet;
mod rows;

pub(crate) use columns::Columns;
pub(crate) use outlet::{Outlet, reader_gone};
pub(crate) use rows::{RowsOut, stdout};
