//! Each repository by itself, folded.

use super::table::{Table, change_cells, number, number_cell, text};
use super::{Context, authors, ownership};
use crate::report::html::Html;
use crate::report::model::RepoStats;
use crate::report::number::counted;

/// The page grows to about this many bytes; repositories after that are in the tables only.
const BUDGET: usize = 1_500_000;

/// How much is shown of each repository, by how many there are.
struct Depth {
    authors: usize,
    files: usize,
}

pub(super) fn section(context: &Context<'_>) -> Option<Html> {
    let count = context.report.repositories.len();
    if count < 2 || context.totals.read == 0 {
        return None;
    }
    let depth = match count {
        ..=60 => Depth { authors: 25, files: 8 },
        61..=150 => Depth { authors: 12, files: 5 },
        _ => Depth { authors: 6, files: 3 },
    };
    let mut html = Html::new();
    html.raw("<section aria-labelledby=\"each\">\n<h2 id=\"each\">Each repository</h2>\n<div class=\"each\">\n");
    let mut left = 0_u64;
    for (at, repository) in context.report.repositories.iter().enumerate() {
        let Some(stats) = &repository.stats else { continue };
        if html.len() > BUDGET {
            left += 1;
            continue;
        }
        html.raw("<details><summary><span class=\"name\">")
            .foreign(&context.labels[at])
            .raw("</span><span class=\"sum\">");
        let commits = counted(stats.commits, "commit", "commits");
        html.text(&format!("{commits}, {}", counted(stats.authors.len() as u64, "author", "authors")))
            .raw("</span></summary>\n");
        html.raw("<p class=\"note source\">").foreign(&repository.source).text(&facts(stats)).raw("</p>\n");
        one(&mut html, context, at, stats, &depth);
        html.raw("</details>\n");
    }
    html.raw("</div>\n");
    if left > 0 {
        html.raw("<p class=\"note\">And ")
            .text(&counted(left, "more repository", "more repositories"))
            .raw(" in the tables.</p>\n");
    }
    html.raw("</section>\n");
    Some(html)
}

fn one(html: &mut Html, context: &Context<'_>, at: usize, stats: &RepoStats, depth: &Depth) {
    if stats.lines > 0 {
        let owners = ownership::owners(stats.authors.iter());
        html.push(ownership::bar(&owners, stats.lines, 14.0)).push(ownership::legend(&owners, stats.lines));
    }
    let label = &context.labels[at];
    let blamed = context.report.scope.ownership && stats.files.is_some();
    html.push(authors::of_repository(
        &format!("t-a{at}"),
        &format!("Authors of {label}"),
        stats,
        blamed,
        depth.authors,
    ));
    if stats.changed.is_empty() {
        return;
    }
    let columns = [text("File"), number("Commits", ""), number("Added", ""), number("Deleted", "")];
    let mut table = Table::new(&format!("t-f{at}"), &format!("Most changed files of {label}"), &columns, usize::MAX);
    for (path, file) in stats.changed.iter().take(depth.files) {
        let row = table.row();
        row.raw("<th scope=\"row\" class=\"path\">").foreign(path).raw("</th>");
        number_cell(row, file.changes);
        change_cells(row, file.additions, file.deletions);
        row.raw("</tr>\n");
    }
    let more = (stats.changed_paths as usize).saturating_sub(depth.files);
    html.push(table.finish(false, more, " in changes.parquet."));
}

fn facts(stats: &RepoStats) -> String {
    let mut facts = String::new();
    if let Some(head) = &stats.head {
        facts.push_str(&format!(" at {}", head.get(..12).unwrap_or(head)));
    }
    if stats.branches + stats.tags > 0 {
        let tags = counted(stats.tags, "tag", "tags");
        facts.push_str(&format!(", {} and {tags}", counted(stats.branches, "branch", "branches")));
    }
    if stats.shallow {
        facts.push_str(", shallow: the numbers are a part");
    }
    facts
}
