//! The page as a whole, and what every section reads.

use super::document;
use crate::report::label::labels;
use crate::report::model::Report;
use crate::report::series::Series;
use crate::report::totals::Totals;

/// What every section reads.
pub(super) struct Context<'a> {
    pub(super) report: &'a Report,
    pub(super) totals: Totals<'a>,
    pub(super) labels: Vec<String>,
    pub(super) series: Option<Series>,
}

/// The page, as one self-contained HTML document.
///
/// # Cost
/// Grows with repositories and authors, not with commits: about 2 kB a repository, at most some 2 MB for 300.
///
/// # Example
/// ```
/// let page = simul_git::report::page(&simul_git::report::Report::default());
/// assert!(page.contains("default-src &#39;none&#39;"));
/// ```
pub fn page(report: &Report) -> String {
    let totals = Totals::of(report);
    let series = Series::of(&totals.days);
    let context = Context { report, totals, labels: labels(&report.repositories), series };
    document::document(&context).into_string()
}
