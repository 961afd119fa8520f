//! Where a time axis is labelled.

use crate::report::calendar::{civil, weekday};
use crate::report::html::Html;
use crate::report::series::{Series, Unit};

/// Most labels that a wide chart takes.
const LABELS: usize = 9;

/// The bars to label.
fn ticks(series: &Series) -> Vec<usize> {
    let count = series.buckets.len();
    let wanted = |at: usize| {
        let (year, month, _) = civil(series.buckets[at].start);
        let before = at.checked_sub(1).map(|before| civil(series.buckets[before].start));
        match series.unit {
            Unit::Day => count <= LABELS * 2 || weekday(series.buckets[at].start) == 0,
            Unit::Week => count <= LABELS * 2 || before.is_none_or(|before| before.1 != month),
            Unit::Month | Unit::Quarter => before.is_none_or(|before| before.0 != year),
            Unit::Years(_) => true,
        }
    };
    let candidates: Vec<usize> = (0..count).filter(|&at| wanted(at)).collect();
    let step = candidates.len().div_ceil(LABELS).max(1);
    // A first bar that begins in the middle of a month or year would stand too close to the next label.
    let crowded = candidates.len() > 1 && (candidates[1] - candidates[0]) * 14 < count;
    candidates.into_iter().skip(usize::from(crowded)).step_by(step).collect()
}

/// Draws the labels of the time axis at height `y`; every other one only where there is room.
pub(super) fn time_axis(html: &mut Html, series: &Series, top: f64, y: f64) {
    let slot = 100.0 / series.buckets.len() as f64;
    let mut year_shown = None;
    for (order, at) in ticks(series).into_iter().enumerate() {
        let x = at as f64 * slot;
        let year = civil(series.buckets[at].start).0;
        let label =
            series.unit.tick(series.buckets[at].start, series.buckets.len() > LABELS * 2, year_shown != Some(year));
        year_shown = Some(year);
        html.raw("<g").attr("class", if order % 2 == 1 { "t w" } else { "t" }).raw("><line");
        html.attr_pct("x1", x).attr_pct("x2", x).attr_px("y1", top).attr_px("y2", y - 9.0).raw("/><text");
        let late = x > 88.0;
        html.attr_pct("x", x).attr_px("dx", if late { -3.0 } else { 3.0 }).attr_px("y", y);
        if late {
            html.raw(" text-anchor=\"end\"");
        }
        html.raw(">").text(&label).raw("</text></g>");
    }
}

/// A line across with its value above it.
pub(super) fn level(html: &mut Html, y: f64, label: &str) {
    html.raw("<line class=\"grid\" x1=\"0\" x2=\"100%\"").attr_px("y1", y).attr_px("y2", y).raw("/>");
    html.raw("<text class=\"level\" x=\"0\"").attr_px("y", y - 4.0).raw(">").text(label).raw("</text>");
}
