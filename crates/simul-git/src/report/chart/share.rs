//! Bars that compare parts of a whole, inside tables and above them.

use crate::report::html::Html;

/// One part of a stacked bar.
#[derive(Debug)]
pub(in crate::report) struct Share {
    /// What its tooltip says.
    pub(in crate::report) words: String,
    pub(in crate::report) value: u64,
}

/// Colours of the parts, most important first; the last is for what remains.
pub(in crate::report) const COLOURS: [&str; 9] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "cx"];

/// Parts side by side that fill the width; the part after the eighth is drawn as the rest.
pub(in crate::report) fn stacked_bar(shares: &[Share], height: f64, label: &str) -> Html {
    let total: u64 = shares.iter().map(|share| share.value).sum();
    let mut html = Html::new();
    html.raw("<svg class=\"stack\" width=\"100%\" role=\"img\"")
        .attr_px("height", height)
        .attr("aria-label", label)
        .raw(">");
    let mut before = 0;
    for (order, share) in shares.iter().enumerate() {
        let scale = 100.0 / total.max(1) as f64;
        html.raw("<rect y=\"0\"").attr("class", COLOURS[order.min(COLOURS.len() - 1)]).attr_px("height", height);
        html.attr_pct("x", before as f64 * scale).attr_pct("width", share.value as f64 * scale);
        html.raw("><title>").text(&share.words).raw("</title></rect>");
        before += share.value;
    }
    html.raw("</svg>");
    html
}

/// One bar of a table's column.
pub(in crate::report) fn length_bar(value: u64, highest: u64) -> Html {
    let mut html = Html::new();
    html.raw("<svg class=\"len\" width=\"100%\" height=\"6\" aria-hidden=\"true\"><rect class=\"fill\" height=\"6\"");
    html.attr_pct("width", percent_of(value, highest)).raw("/></svg>");
    html
}

/// Lines added and deleted, side by side, against the largest sum of a table's column.
pub(in crate::report) fn change_bar(additions: u64, deletions: u64, highest: u64) -> Html {
    let added = percent_of(additions, highest);
    let mut html = Html::new();
    html.raw("<svg class=\"len\" width=\"100%\" height=\"6\" aria-hidden=\"true\"><rect class=\"add\" height=\"6\"");
    html.attr_pct("width", added).raw("/><rect class=\"del\" height=\"6\"").attr_pct("x", added);
    html.attr_pct("width", percent_of(deletions, highest)).raw("/></svg>");
    html
}

fn percent_of(value: u64, highest: u64) -> f64 {
    value as f64 * 100.0 / highest.max(1) as f64
}
