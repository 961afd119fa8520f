//! Which files change most.

use super::Context;
use super::table::{Table, change_cells, number, plain, text};
use crate::report::chart::change_bar;
use crate::report::html::Html;
use crate::report::number::{counted, grouped};

/// Rows that are visible at once, and rows that the page holds at all.
const SHOWN: usize = 12;
const HELD: usize = 60;

pub(super) fn section(context: &Context<'_>) -> Option<Html> {
    let totals = &context.totals;
    let first = totals.changed.first()?;
    let most = first.2.additions + first.2.deletions;
    let many = context.report.repositories.len() > 1;
    let mut columns = vec![text("File")];
    if many {
        columns.push(text("Repository"));
    }
    columns.extend([
        number("Commits", "Commits that changed the file"),
        number("Added", "Lines added"),
        number("Deleted", "Lines deleted"),
        plain("Churn", "Added and deleted, compared over the table"),
    ]);
    let mut table = Table::new("t-files", "Files by lines added and deleted", &columns, SHOWN);
    for (index, path, file) in totals.changed.iter().take(HELD) {
        let row = table.row();
        row.raw("<th scope=\"row\" class=\"path\">").foreign(path).raw("</th>");
        if many {
            row.raw("<td class=\"source\">").foreign(&context.labels[*index]).raw("</td>");
        }
        row.raw("<td class=\"num\"")
            .attr_int("data-v", i128::from(file.changes))
            .raw(">")
            .text(&grouped(file.changes))
            .raw("</td>");
        change_cells(row, file.additions, file.deletions);
        row.raw("<td class=\"bar\">").push(change_bar(file.additions, file.deletions, most)).raw("</td></tr>\n");
    }
    let mut html = Html::new();
    html.raw("<section aria-labelledby=\"files\">\n<h2 id=\"files\">Churn</h2>\n<p class=\"intro\">Of ");
    html.text(&counted(totals.changed_paths, "file that was ever changed", "files that were ever changed"));
    html.raw(", those with the most lines added and deleted. Generated files and imports show up here first.</p>\n");
    html.push(table.finish(true, 0, "")).raw("</section>\n");
    Some(html)
}
