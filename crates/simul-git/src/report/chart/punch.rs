//! Which hours of the week commits were written in.

use crate::report::calendar::WEEKDAYS;
use crate::report::html::Html;
use crate::report::number::{counted, grouped};

/// Height of one weekday.
const ROW: f64 = 22.0;
/// Share of the width that the weekdays' names take.
const NAMES: f64 = 9.0;
/// Shades besides "none".
const SHADES: u64 = 5;

/// A grid of weekdays and hours, darker where there are more commits.
pub(in crate::report) fn punch_card(hours: &[[u64; 24]; 7]) -> Html {
    let highest = hours.iter().flatten().copied().max().unwrap_or(0);
    let cell = (100.0 - NAMES) / 24.0;
    let mut html = Html::new();
    html.raw("<svg class=\"plot punch\" width=\"100%\" role=\"img\"").attr_px("height", ROW * 7.0 + 22.0);
    html.attr("aria-label", &label(hours)).raw(">");
    for (day, counts) in hours.iter().enumerate() {
        let y = day as f64 * ROW;
        html.raw("<text class=\"tick\" x=\"0\"")
            .attr_px("y", y + ROW * 0.7)
            .raw(">")
            .text(&WEEKDAYS[day][..3])
            .raw("</text>");
        for (hour, &count) in counts.iter().enumerate() {
            let x = NAMES + hour as f64 * cell;
            html.raw("<rect rx=\"2\"").attr("class", SHADE_CLASSES[shade(count, highest)]);
            html.attr_pct("x", x).attr_pct("width", cell * 0.88).attr_px("y", y + 1.0).attr_px("height", ROW - 3.0);
            if count == 0 {
                html.raw("/>");
                continue;
            }
            html.raw("><title>");
            html.text(&format!(
                "{}, {hour:02}:00 to {hour:02}:59: {}",
                WEEKDAYS[day],
                counted(count, "commit", "commits")
            ));
            html.raw("</title></rect>");
        }
    }
    for hour in [0, 6, 12, 18] {
        html.raw("<text class=\"tick\"").attr_pct("x", NAMES + f64::from(hour) * cell).attr_px("y", ROW * 7.0 + 14.0);
        html.raw(">").text(&format!("{hour:02}:00")).raw("</text>");
    }
    html.raw("</svg>");
    html
}

const SHADE_CLASSES: [&str; SHADES as usize + 1] = ["h0", "h1", "h2", "h3", "h4", "h5"];

/// 0 for none; by the square root, so that quiet hours stay visible beside busy ones.
fn shade(count: u64, highest: u64) -> usize {
    if count == 0 || highest == 0 {
        return 0;
    }
    let share = (count as f64 / highest as f64).sqrt();
    ((share * SHADES as f64).ceil() as usize).clamp(1, SHADES as usize)
}

fn label(hours: &[[u64; 24]; 7]) -> String {
    let total: u64 = hours.iter().flatten().sum();
    let busiest =
        (0..7).flat_map(|day| (0..24).map(move |hour| (day, hour))).max_by_key(|&(day, hour)| hours[day][hour]);
    let weekend: u64 = hours[5..].iter().flatten().sum();
    let (day, hour) = busiest.expect("a week has 168 hours");
    format!(
        "{} by weekday and hour. Most on {} from {hour:02}:00 ({}); {} on Saturdays and Sundays.",
        counted(total, "commit", "commits"),
        WEEKDAYS[day],
        grouped(hours[day][hour]),
        grouped(weekend)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_run_from_none_to_the_highest() {
        assert_eq!([shade(0, 10), shade(1, 100), shade(100, 100), shade(1, 1)], [0, 1, 5, 5]);
        let mut hours = [[0; 24]; 7];
        hours[1][14] = 12;
        assert!(label(&hours).contains("Most on Tuesday from 14:00 (12)"));
    }
}
