//! Who wrote what.

use super::Context;
use super::table::{Column, Table, change_cells, day_cell, number, number_cell, plain, text};
use crate::report::chart::{change_bar, length_bar};
use crate::report::html::Html;
use crate::report::model::{AuthorStats, Identity};
use crate::report::number::{grouped, percent};

/// Rows that are visible at once, and rows that the page holds at all.
const SHOWN: usize = 15;
const HELD: usize = 400;

pub(super) fn section(context: &Context<'_>) -> Option<Html> {
    let totals = &context.totals;
    if totals.authors.is_empty() {
        return None;
    }
    let many = context.report.repositories.len() > 1;
    let mut columns = vec![text("Author"), number("Commits", "Commits, merges included")];
    columns.extend([
        number("Added", "Lines added"),
        number("Deleted", "Lines deleted"),
        plain("Share of lines", "Added and deleted, compared over the table"),
    ]);
    if context.report.scope.ownership {
        columns.push(number("Lines today", "Lines at the commit that was read that git blame gives to the author"));
    }
    if many {
        columns.push(number("Repos", "Repositories with a commit or line of the author"));
    }
    columns.extend([number("First", "First commit"), number("Last", "Last commit")]);
    let mut table = Table::new("t-authors", "Authors, most commits first", &columns, SHOWN);
    let most = Most::of(totals.authors.iter().map(|(_, author)| author));
    for (who, author) in totals.authors.iter().take(HELD) {
        let row = table.row();
        identity(row, who);
        commits(row, author.commits, most.commits);
        change_cells(row, author.additions, author.deletions);
        row.raw("<td class=\"bar\">").push(change_bar(author.additions, author.deletions, most.changed)).raw("</td>");
        if context.report.scope.ownership {
            lines(row, author.lines, totals.lines);
        }
        if many {
            number_cell(row, u64::from(author.repositories));
        }
        day_cell(row, author.days.map(|days| days.0));
        day_cell(row, author.days.map(|days| days.1));
        row.raw("</tr>\n");
    }
    let mut html = Html::new();
    html.raw("<section aria-labelledby=\"authors\">\n<h2 id=\"authors\">Who wrote what</h2>\n");
    let omitted = totals.authors.len().saturating_sub(HELD);
    html.push(table.finish(true, omitted, " in authors.parquet.")).raw("</section>\n");
    Some(html)
}

/// The largest value of each column that has bars.
struct Most {
    commits: u64,
    changed: u64,
}

impl Most {
    fn of<'a>(authors: impl Iterator<Item = &'a AuthorStats>) -> Self {
        authors.fold(Self { commits: 0, changed: 0 }, |most, author| Self {
            commits: most.commits.max(author.commits),
            changed: most.changed.max(author.additions + author.deletions),
        })
    }
}

/// The authors of one repository.
pub(super) fn of_repository(
    id: &str,
    caption: &str,
    stats: &crate::report::RepoStats,
    ownership: bool,
    held: usize,
) -> Html {
    let mut columns: Vec<Column> = vec![text("Author"), number("Commits", "")];
    columns.extend([number("Added", "Lines added"), number("Deleted", "Lines deleted")]);
    if ownership {
        columns.push(number("Lines today", "Lines that git blame gives to the author"));
    }
    columns.push(number("Last", "Last commit"));
    let mut table = Table::new(id, caption, &columns, usize::MAX);
    for (who, author) in stats.authors.iter().take(held) {
        let row = table.row();
        identity(row, who);
        number_cell(row, author.commits);
        change_cells(row, author.additions, author.deletions);
        if ownership {
            lines(row, author.lines, stats.lines);
        }
        day_cell(row, author.days.map(|days| days.1));
        row.raw("</tr>\n");
    }
    table.finish(false, stats.authors.len().saturating_sub(held), " in authors.parquet.")
}

fn identity(html: &mut Html, who: &Identity) {
    html.raw("<th scope=\"row\">").foreign(if who.name.trim().is_empty() { "(no name)" } else { &who.name });
    html.raw("<small>").foreign(&who.email).raw("</small></th>");
}

fn commits(html: &mut Html, value: u64, most: u64) {
    html.raw("<td class=\"num\"").attr_int("data-v", i128::from(value)).raw(">").text(&grouped(value));
    html.push(length_bar(value, most)).raw("</td>");
}

fn lines(html: &mut Html, value: u64, whole: u64) {
    html.raw("<td class=\"num\"").attr_int("data-v", i128::from(value)).raw(">").text(&grouped(value));
    html.raw("<small>").text(&percent(value, whole)).raw("</small></td>");
}
