//! The report: what a folder of tables and its page say about many repositories.
//!
//! # Layout
//! - [`model`]: the numbers, gathered row by row; nothing here is a string of HTML.
//! - `calendar`, `series`: days, weeks and months, and which of them a span of time is drawn in.
//! - `totals`: authors, files and hours over all repositories.
//! - `html`: a builder that escapes by construction; `chart/`: SVG; `page/`: the sections of `report.html`.
//! - [`folder`]: a folder that is written beside its place and swapped in.

pub mod folder;
pub mod model;

mod calendar;
mod chart;
mod html;
mod label;
mod number;
mod page;
mod series;
mod summary;
mod totals;

pub use folder::{FolderError, MANIFEST, ReportFolder};
pub use model::{AuthorStats, CommitRow, FileStats, Identity, RepoReport, RepoStats, Report, Scope};
pub use page::page;
pub use summary::{date_of, rfc3339, summary};
