//! A small picture of one repository's commits, on the time axis that all share.

use crate::report::html::Html;

/// Bars drawn at most; more buckets are summed.
const POINTS: usize = 48;

/// Bars of `counts`, scaled to their own highest.
pub(in crate::report) fn spark_line(counts: &[u64]) -> Html {
    let step = counts.len().div_ceil(POINTS).max(1);
    let sums: Vec<u64> = counts.chunks(step).map(|chunk| chunk.iter().sum()).collect();
    let highest = sums.iter().copied().max().unwrap_or(0).max(1);
    let mut html = Html::new();
    // Every bar as one path: a table of 300 repositories has 300 of these.
    html.raw("<svg class=\"spark\" preserveAspectRatio=\"none\" aria-hidden=\"true\"");
    html.attr("viewBox", &format!("0 0 {} 20", sums.len().max(12))).raw("><path");
    let mut path = String::new();
    for (at, &sum) in sums.iter().enumerate() {
        if sum > 0 {
            let height = (sum as f64 * 18.0 / highest as f64).ceil().max(2.0);
            path.push_str(&format!("M{at} 20v-{height}h.8v{height}z"));
        }
    }
    html.attr("d", &path).raw("/></svg>");
    html
}
