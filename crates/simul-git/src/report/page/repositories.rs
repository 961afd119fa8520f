//! All repositories, compared.

use super::Context;
use super::table::{Table, change_cells, day_cell, number, number_cell, plain, text};
use crate::report::chart::spark_line;
use crate::report::html::Html;
use crate::report::number::percent;

/// Rows that are visible at once, and rows that the page holds at all.
const SHOWN: usize = 40;
const HELD: usize = 1_500;

pub(super) fn section(context: &Context<'_>) -> Option<Html> {
    if context.report.repositories.len() < 2 || context.totals.read == 0 {
        return None;
    }
    let ownership = context.report.scope.ownership;
    let mut columns = vec![
        text("Repository"),
        plain("Activity", "Commits over the time that all repositories share, each to its own scale"),
        number("Commits", "Commits, merges included"),
        number("Authors", ""),
        number("First", "First commit"),
        number("Last", "Last commit"),
        number("Added", "Lines added"),
        number("Deleted", "Lines deleted"),
    ];
    if ownership {
        columns.extend([
            number("Files", "Text files at the commit that was read"),
            number("Top owner", "Who wrote most of the lines that are there"),
        ]);
    }
    let mut table = Table::new("t-repositories", "Repositories, in the order given", &columns, SHOWN);
    let readable =
        || context.report.repositories.iter().enumerate().filter_map(|(at, one)| Some((at, one.stats.as_ref()?)));
    for (at, stats) in readable().take(HELD) {
        let row = table.row();
        row.raw("<th scope=\"row\" class=\"source\">").foreign(&context.labels[at]);
        if stats.shallow {
            row.raw(" <span class=\"flag\" title=\"The history is cut: the numbers are a part\">shallow</span>");
        }
        row.raw("</th><td class=\"bar\">");
        if let Some(series) = &context.series {
            row.push(spark_line(&series.aligned(&stats.days)));
        }
        row.raw("</td>");
        number_cell(row, stats.commits);
        number_cell(row, stats.authors.len() as u64);
        day_cell(row, stats.span().map(|span| span.0));
        day_cell(row, stats.span().map(|span| span.1));
        change_cells(row, stats.additions, stats.deletions);
        if ownership {
            number_cell(row, stats.files.unwrap_or(0));
            match stats.top_owner() {
                Some((who, lines)) => {
                    let share = lines as f64 * 1_000.0 / stats.lines.max(1) as f64;
                    row.raw("<td class=\"owner\"").attr_int("data-v", share as i128).raw(">").foreign(&who.name);
                    row.raw(" <small>").text(&percent(lines, stats.lines)).raw("</small></td>");
                }
                None => {
                    row.raw("<td class=\"owner\" data-v=\"-1\">–</td>");
                }
            }
        }
        row.raw("</tr>\n");
    }
    let mut html = Html::new();
    html.raw("<section aria-labelledby=\"repositories\">\n<h2 id=\"repositories\">Repositories</h2>\n");
    let omitted = readable().count().saturating_sub(HELD);
    html.push(table.finish(true, omitted, " in the tables.")).raw("</section>\n");
    Some(html)
}
