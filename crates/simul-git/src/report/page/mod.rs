//! `report.html`: one page, complete without a network and without JavaScript.

mod authors;
mod details;
mod document;
mod files;
mod overview;
mod ownership;
mod problems;
mod repositories;
mod table;
mod time;

use super::label::labels;
use super::model::Report;
use super::series::Series;
use super::totals::Totals;

/// What every section reads.
struct Context<'a> {
    report: &'a Report,
    totals: Totals<'a>,
    labels: Vec<String>,
    series: Option<Series>,
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
