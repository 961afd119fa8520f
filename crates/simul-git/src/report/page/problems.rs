//! What could not be read, why, and what to do.

use super::Context;
use super::table::{Table, plain, text};
use crate::report::html::Html;

pub(super) fn section(context: &Context<'_>) -> Option<Html> {
    let columns = [text("Repository"), text("Kind"), plain("What happened", "")];
    let mut table = Table::new("t-problems", "Repositories that could not be read, or not fully", &columns, 12);
    let mut any = false;
    for repository in &context.report.repositories {
        for problem in &repository.problems {
            any = true;
            let row = table.row();
            row.raw("<th scope=\"row\" class=\"source\">").foreign(&repository.source).raw("</th><td>");
            row.text(&problem.kind.name().replace('_', " ")).raw("</td><td class=\"long\">");
            row.foreign(&problem.detail);
            if let Some(hint) = &problem.hint {
                row.raw("<br><span class=\"hint\">").foreign(hint).raw("</span>");
            }
            row.raw("</td></tr>\n");
        }
    }
    if !any {
        return None;
    }
    let mut html = Html::new();
    html.raw("<section aria-labelledby=\"problems\">\n<h2 id=\"problems\">Problems</h2>\n");
    html.push(table.finish(true, 0, "")).raw("</section>\n");
    Some(html)
}
