//! Commits, and lines added and deleted, over time.

use super::axis::{level, time_axis};
use crate::report::html::Html;
use crate::report::model::DayStats;
use crate::report::number::{axis_top, counted, grouped, short};
use crate::report::series::Series;

/// Room under the bars for the axis.
const FOOT: f64 = 24.0;
/// Room above them for the topmost label.
const HEAD: f64 = 18.0;

/// Bars of commits.
pub(in crate::report) fn commits_over_time(series: &Series) -> Html {
    let (height, plot) = (220.0, 220.0 - FOOT - HEAD);
    let scale = Scale::of(series.buckets.iter().map(|bucket| bucket.stats.commits));
    let base = HEAD + plot;
    let mut html = open(height, "Commits over time", series, |stats| counted(stats.commits, "commit", "commits"));
    level(&mut html, base - plot, &grouped(scale.top));
    if scale.top.is_multiple_of(2) {
        level(&mut html, base - plot / 2.0, &grouped(scale.top / 2));
    }
    each(&mut html, series, height, |html, slot, stats| {
        bar(html, slot, "fill", scale.bar(stats.commits, base, plot, Direction::Up));
    });
    html.raw("<line class=\"base\" x1=\"0\" x2=\"100%\"").attr_px("y1", base).attr_px("y2", base).raw("/>");
    time_axis(&mut html, series, base, height - 6.0);
    html.raw("</svg>");
    html
}

/// Bars of lines: added above the line, deleted below it.
pub(in crate::report) fn lines_over_time(series: &Series) -> Html {
    let (height, half) = (240.0, (240.0 - FOOT - HEAD) / 2.0);
    let base = HEAD + half;
    let values = series.buckets.iter().flat_map(|bucket| [bucket.stats.additions, bucket.stats.deletions]);
    let scale = Scale::of(values);
    let mut html = open(height, "Lines added and deleted over time", series, |stats| {
        format!("{} added, {} deleted", counted(stats.additions, "line", "lines"), grouped(stats.deletions))
    });
    level(&mut html, base - half, &format!("+{}", short(scale.top)));
    each(&mut html, series, height, |html, slot, stats| {
        bar(html, slot, "add", scale.bar(stats.additions, base, half, Direction::Up));
        bar(html, slot, "del", scale.bar(stats.deletions, base, half, Direction::Down));
    });
    html.raw("<line class=\"base\" x1=\"0\" x2=\"100%\"").attr_px("y1", base).attr_px("y2", base).raw("/>");
    html.raw("<line class=\"grid\" x1=\"0\" x2=\"100%\"").attr_px("y1", base + half).attr_px("y2", base + half);
    html.raw("/><text class=\"level\" x=\"0\"").attr_px("y", base + half - 4.0).raw(">");
    html.text(&format!("−{}", short(scale.top))).raw("</text>");
    time_axis(&mut html, series, base + half, height - 6.0);
    html.raw("</svg>");
    html
}

/// The top of the axis. Bars above it are drawn cut, with their value: one import of a library must not flatten a term.
struct Scale {
    top: u64,
}

/// Which way bars grow from the line.
#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

struct Bar {
    y: f64,
    height: f64,
    /// Value and where to write it, if the bar is cut.
    cut: Option<(u64, f64)>,
}

impl Scale {
    fn of(values: impl Iterator<Item = u64>) -> Self {
        let mut values: Vec<u64> = values.filter(|&value| value > 0).collect();
        values.sort_unstable_by(|a, b| b.cmp(a));
        let highest = values.first().copied().unwrap_or(0);
        let usual = values.get(2.min(values.len() / 8)).copied().unwrap_or(highest);
        Self { top: axis_top(if highest > usual.saturating_mul(6) { usual } else { highest }) }
    }

    fn bar(&self, value: u64, base: f64, room: f64, direction: Direction) -> Bar {
        let share = (value as f64 / self.top as f64).min(1.0);
        // What is not nothing stays visible.
        let height = if value == 0 { 0.0 } else { (share * room).max(1.0) };
        let (y, label) = match direction {
            Direction::Up => (base - height, base - room - 5.0),
            Direction::Down => (base, base + room - 5.0),
        };
        Bar { y, height, cut: (value > self.top).then_some((value, label)) }
    }
}

/// The part of the width that belongs to one bar.
#[derive(Clone, Copy)]
struct Slot {
    x: f64,
    width: f64,
}

fn open(height: f64, title: &str, series: &Series, words: impl Fn(&DayStats) -> String) -> Html {
    let mut html = Html::new();
    let label = match series.buckets.iter().max_by_key(|bucket| (bucket.stats.commits, -i64::from(bucket.start))) {
        Some(top) => format!(
            "{title}, {}. {} in all; most commits: {} ({}).",
            series.unit.per(),
            words(&total(series)),
            series.unit.name(top.start),
            words(&top.stats)
        ),
        None => title.to_owned(),
    };
    html.raw("<svg class=\"plot\" width=\"100%\" role=\"img\"").attr_px("height", height).attr("aria-label", &label);
    html.raw(">");
    html
}

fn total(series: &Series) -> DayStats {
    series.buckets.iter().fold(DayStats::default(), |sum, bucket| DayStats {
        commits: sum.commits + bucket.stats.commits,
        additions: sum.additions + bucket.stats.additions,
        deletions: sum.deletions + bucket.stats.deletions,
    })
}

/// Draws one group for each bucket: bars, and over them a clear area of full height that shows the numbers.
fn each(html: &mut Html, series: &Series, height: f64, draw: impl Fn(&mut Html, Slot, &DayStats)) {
    let slot = 100.0 / series.buckets.len() as f64;
    for (at, bucket) in series.buckets.iter().enumerate() {
        if bucket.stats == DayStats::default() {
            continue;
        }
        let x = at as f64 * slot;
        let width = (slot * 0.82).min(5.0);
        html.raw("<g class=\"b\">");
        draw(html, Slot { x: x + (slot - width) / 2.0, width }, &bucket.stats);
        html.raw("<rect class=\"hit\" y=\"0\"")
            .attr_pct("x", x)
            .attr_pct("width", slot)
            .attr_px("height", height - FOOT);
        html.raw("/><title>").text(&words(series, bucket.start, &bucket.stats)).raw("</title></g>");
    }
}

fn words(series: &Series, start: i32, stats: &DayStats) -> String {
    format!(
        "{}: {}, +{} −{}",
        series.unit.name(start),
        counted(stats.commits, "commit", "commits"),
        grouped(stats.additions),
        grouped(stats.deletions)
    )
}

fn bar(html: &mut Html, slot: Slot, class: &'static str, bar: Bar) {
    if bar.height == 0.0 {
        return;
    }
    html.raw("<rect").attr("class", class).attr_pct("x", slot.x).attr_pct("width", slot.width);
    html.attr_px("y", bar.y).attr_px("height", bar.height).raw("/>");
    if let Some((value, y)) = bar.cut {
        html.raw("<text class=\"cut\"").attr_pct("x", slot.x + slot.width / 2.0).attr_px("y", y);
        html.attr(
            "text-anchor",
            if slot.x < 6.0 {
                "start"
            } else if slot.x > 94.0 {
                "end"
            } else {
                "middle"
            },
        );
        html.raw(">")
            .text(&format!("↑ {}", short(value)).replace('↑', if y > 120.0 { "↓" } else { "↑" }))
            .raw("</text>");
    }
}
