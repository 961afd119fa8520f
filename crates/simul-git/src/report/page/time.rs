//! When the work was done: over the months, and over the hours of a week.

use super::Context;
use super::table::{Table, change_cells, number, number_cell, text};
use crate::report::chart::{commits_over_time, lines_over_time, punch_card};
use crate::report::html::Html;
use crate::report::model::DayStats;
use crate::report::number::counted;
use crate::report::series::Series;

pub(super) fn section(context: &Context<'_>) -> Option<Html> {
    let series = context.series.as_ref()?;
    let mut html = Html::new();
    html.raw("<section aria-labelledby=\"time\">\n<h2 id=\"time\">Over time</h2>\n<figure>\n<figcaption>Commits ");
    html.raw(series.unit.per()).raw("</figcaption>\n").push(commits_over_time(series)).raw("\n</figure>\n");
    html.raw(
        "<figure>\n<figcaption><span class=\"key add\"></span>Lines added and <span class=\"key del\"></span>deleted ",
    );
    html.raw(series.unit.per()).raw("</figcaption>\n").push(lines_over_time(series)).raw("\n</figure>\n");
    if series.left_out > 0 {
        html.raw("<p class=\"note\">").text(&counted(series.left_out, "commit is", "commits are"));
        html.raw(" dated so far from the others that drawing them would hide the rest; all totals include them.</p>\n");
    }
    html.raw("<details><summary>The same as a table</summary>\n").push(numbers(series)).raw("</details>\n</section>\n");
    Some(html)
}

fn numbers(series: &Series) -> Html {
    let columns =
        [text("Time"), number("Commits", ""), number("Added", "Lines added"), number("Deleted", "Lines deleted")];
    let caption = format!("Commits and lines {}", series.unit.per());
    let mut table = Table::new("t-time", &caption, &columns, usize::MAX);
    for bucket in series.buckets.iter().filter(|bucket| bucket.stats != DayStats::default()) {
        let row = table.row();
        row.raw("<th scope=\"row\">").text(&series.unit.name(bucket.start)).raw("</th>");
        number_cell(row, bucket.stats.commits);
        change_cells(row, bucket.stats.additions, bucket.stats.deletions);
        row.raw("</tr>\n");
    }
    table.finish(false, 0, "")
}

/// The hours of the week.
pub(super) fn hours_section(context: &Context<'_>) -> Option<Html> {
    if context.totals.commits == 0 {
        return None;
    }
    let mut html = Html::new();
    html.raw("<section aria-labelledby=\"hours\">\n<h2 id=\"hours\">Hours of the week</h2>\n<figure>\n");
    html.raw("<figcaption>Commits by weekday and hour, on the author\u{2019}s clock</figcaption>\n");
    html.push(punch_card(&context.totals.hours)).raw("\n</figure>\n</section>\n");
    Some(html)
}
