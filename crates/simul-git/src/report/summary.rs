//! The report in a few lines of text.

use super::calendar;
use super::model::Report;
use super::number::{counted, grouped};
use super::totals::Totals;

/// What the report says, for a terminal: some lines, each ended by a newline. Holds no text from a repository.
///
/// # Example
/// ```
/// let text = simul_git::report::summary(&simul_git::report::Report::default());
/// assert_eq!(text, "0 repositories read\nno commits\n");
/// ```
pub fn summary(report: &Report) -> String {
    let totals = Totals::of(report);
    let mut text = format!("{} read", counted(totals.read as u64, "repository", "repositories"));
    if totals.failed > 0 {
        text.push_str(&format!(", {} not", totals.failed));
    }
    if totals.shallow > 0 {
        text.push_str(&format!(", {} shallow", totals.shallow));
    }
    text.push('\n');
    let Some((first, last)) = totals.span() else {
        text.push_str("no commits\n");
        return text;
    };
    text.push_str(&format!(
        "{} by {}, {} to {}\n",
        counted(totals.commits, "commit", "commits"),
        counted(totals.authors.len() as u64, "author", "authors"),
        calendar::date(first),
        calendar::date(last)
    ));
    text.push_str(&format!("+{} -{} lines", grouped(totals.additions), grouped(totals.deletions)));
    if report.scope.ownership {
        let files = counted(totals.files, "text file", "text files");
        text.push_str(&format!(", {} in {files} today", counted(totals.lines, "line", "lines")));
    }
    text.push('\n');
    text
}

/// `2026-03-14`: the day of a local time in seconds.
pub fn date_of(local_seconds: i64) -> String {
    calendar::date(calendar::day_of(local_seconds))
}

/// `2026-03-14T09:26:53Z`: a moment in seconds since the epoch.
pub fn rfc3339(seconds: i64) -> String {
    let of_day = seconds.rem_euclid(86_400);
    format!("{}T{:02}:{:02}:{:02}Z", date_of(seconds), of_day / 3_600, of_day / 60 % 60, of_day % 60)
}
