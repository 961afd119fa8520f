//! Whose lines are still there.

use super::Context;
use crate::report::chart::{Share, stacked_bar};
use crate::report::html::Html;
use crate::report::model::{AuthorStats, Identity};
use crate::report::number::{counted, grouped, percent};

/// Authors with a colour of their own.
const NAMED: usize = 8;

pub(super) fn section(context: &Context<'_>) -> Option<Html> {
    let totals = &context.totals;
    if totals.lines == 0 {
        return None;
    }
    let owners = owners(totals.authors.iter().map(|(who, author)| (*who, author)));
    let mut html = Html::new();
    html.raw("<section aria-labelledby=\"ownership\">\n<h2 id=\"ownership\">Ownership</h2>\n<figure>\n<figcaption>");
    html.text(&counted(totals.lines, "line", "lines")).raw(" of ").text(&counted(
        totals.files,
        "text file",
        "text files",
    ));
    html.raw(", by who wrote them</figcaption>\n").push(bar(&owners, totals.lines, 34.0));
    html.push(legend(&owners, totals.lines)).raw("</figure>\n</section>\n");
    Some(html)
}

/// The named owners and what remains.
pub(super) struct Owners<'a> {
    named: Vec<(&'a Identity, u64)>,
    others: u64,
    other_lines: u64,
}

pub(super) fn owners<'a>(authors: impl Iterator<Item = (&'a Identity, &'a AuthorStats)>) -> Owners<'a> {
    let mut all: Vec<(&Identity, u64)> =
        authors.filter(|(_, author)| author.lines > 0).map(|(who, author)| (who, author.lines)).collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    // A "rest" of one author would hide a name for nothing.
    let named = if all.len() == NAMED + 1 { NAMED + 1 } else { NAMED.min(all.len()) };
    let rest = all.split_off(named);
    Owners { named: all, others: rest.len() as u64, other_lines: rest.iter().map(|(_, lines)| lines).sum() }
}

pub(super) fn bar(owners: &Owners<'_>, whole: u64, height: f64) -> Html {
    let mut shares: Vec<Share> = owners
        .named
        .iter()
        .map(|(who, lines)| Share {
            words: format!("{}: {}, {}", who.name, counted(*lines, "line", "lines"), percent(*lines, whole)),
            value: *lines,
        })
        .collect();
    if owners.others > 0 {
        let words = format!(
            "{}: {}, {}",
            counted(owners.others, "other", "others"),
            counted(owners.other_lines, "line", "lines"),
            percent(owners.other_lines, whole)
        );
        shares.push(Share { words, value: owners.other_lines });
    }
    let label = match owners.named.first() {
        Some((who, lines)) => format!("Surviving lines by author. Most: {}, {}.", who.name, percent(*lines, whole)),
        None => "No lines.".to_owned(),
    };
    stacked_bar(&shares, height, &label)
}

pub(super) fn legend(owners: &Owners<'_>, whole: u64) -> Html {
    const KEYS: [&str; 9] = ["key c0", "key c1", "key c2", "key c3", "key c4", "key c5", "key c6", "key c7", "key cx"];
    let mut html = Html::new();
    html.raw("<ul class=\"legend\">");
    for (order, (who, lines)) in owners.named.iter().enumerate() {
        html.raw("<li><span").attr("class", KEYS[order.min(8)]).raw("></span>");
        html.foreign(if who.name.trim().is_empty() { &who.email } else { &who.name });
        html.raw(" <span class=\"val\">")
            .text(&percent(*lines, whole))
            .raw("<small>")
            .text(&grouped(*lines))
            .raw("</small></span></li>");
    }
    if owners.others > 0 {
        html.raw("<li><span class=\"key cx\"></span>").text(&counted(owners.others, "other", "others"));
        html.raw(" <span class=\"val\">").text(&percent(owners.other_lines, whole)).raw("<small>");
        html.text(&grouped(owners.other_lines)).raw("</small></span></li>");
    }
    html.raw("</ul>\n");
    html
}
