//! The numbers at the top.

use super::Context;
use crate::report::html::Html;
use crate::report::number::{counted, grouped};

pub(super) fn section(context: &Context<'_>) -> Option<Html> {
    let totals = &context.totals;
    let mut html = Html::new();
    html.raw("<section aria-labelledby=\"overview\">\n<h2 id=\"overview\" class=\"quiet\">Overview</h2>\n");
    if context.report.repositories.is_empty() {
        html.raw("<p class=\"empty\">There was no repository to read.</p>\n</section>\n");
        return Some(html);
    }
    html.raw("<dl class=\"tiles\">");
    let many = context.report.repositories.len() > 1;
    if many {
        let all = totals.read + totals.failed;
        let value = if totals.failed == 0 { grouped(all as u64) } else { format!("{} of {}", totals.read, all) };
        tile(&mut html, "Repositories read", &value, "");
    }
    let merges = counted(totals.merges, "merge", "merges");
    tile(&mut html, "Commits", &grouped(totals.commits), if totals.merges > 0 { &merges } else { "" });
    tile(&mut html, "Authors", &grouped(totals.authors.len() as u64), "");
    tile(&mut html, "Lines added", &format!("+{}", grouped(totals.additions)), "");
    tile(&mut html, "Lines deleted", &format!("−{}", grouped(totals.deletions)), "");
    if context.report.scope.ownership && totals.read > 0 {
        tile(
            &mut html,
            "Lines today",
            &grouped(totals.lines),
            &format!("in {}", counted(totals.files, "text file", "text files")),
        );
    }
    html.raw("</dl>\n");
    if totals.shallow > 0 {
        html.raw("<p class=\"warn\"><strong>Cut history.</strong> ");
        html.text(&if many {
            let subject =
                counted(totals.shallow as u64, "repository is shallow: its", "repositories are shallow: their");
            format!("{subject} numbers are only a part.")
        } else {
            "This clone is shallow: the numbers are only a part. Fetch the rest with git fetch --unshallow.".to_owned()
        });
        html.raw("</p>\n");
    }
    let problems = context.report.repositories.iter().filter(|repository| !repository.problems.is_empty()).count();
    if problems > 0 {
        html.raw("<p class=\"warn\"><a href=\"#problems\">");
        html.text(&counted(problems as u64, "repository has", "repositories have"));
        html.raw(" a problem</a>; the numbers are of the others.</p>\n");
    }
    html.raw("</section>\n");
    Some(html)
}

fn tile(html: &mut Html, name: &'static str, value: &str, note: &str) {
    html.raw("<div><dt>").raw(name).raw("</dt><dd>").text(value);
    if !note.is_empty() {
        html.raw("<small>").text(note).raw("</small>");
    }
    html.raw("</dd></div>");
}
