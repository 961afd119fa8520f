//! A span of time cut into days, weeks, months, ... of which at most about 130 are drawn.

use super::calendar::{civil, date, day_from_civil, month_name, weekday};
use super::model::DayStats;
use std::collections::BTreeMap;

/// The width of one bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Years(i32),
}

/// One bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    /// First day.
    pub(super) start: i32,
    pub(super) stats: DayStats,
}

/// What is drawn, and what is not.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) unit: Unit,
    pub(super) buckets: Vec<Bucket>,
    /// Commits whose dates lie so far away that drawing them would hide all others.
    pub(super) left_out: u64,
}

impl Unit {
    /// The narrowest unit in which `first..=last` has few enough bars.
    fn for_span(first: i32, last: i32) -> Self {
        let days = i64::from(last) - i64::from(first) + 1;
        match days {
            ..=92 => Self::Day,
            93..=910 => Self::Week,
            911..=3_900 => Self::Month,
            3_901..=11_000 => Self::Quarter,
            11_001..=45_000 => Self::Years(1),
            45_001..=450_000 => Self::Years(10),
            _ => Self::Years(100),
        }
    }

    /// First day of the bar that `day` is in.
    fn floor(self, day: i32) -> i32 {
        let (year, month, _) = civil(day);
        match self {
            Self::Day => day,
            Self::Week => day - i32::try_from(weekday(day)).expect("0 to 6"),
            Self::Month => day_from_civil(year, month, 1),
            Self::Quarter => day_from_civil(year, (month - 1) / 3 * 3 + 1, 1),
            Self::Years(count) => day_from_civil(year - year.rem_euclid(count), 1, 1),
        }
    }

    /// First day of the next bar.
    fn next(self, start: i32) -> i32 {
        let (year, month, _) = civil(start);
        match self {
            Self::Day => start + 1,
            Self::Week => start + 7,
            Self::Month if month == 12 => day_from_civil(year + 1, 1, 1),
            Self::Month => day_from_civil(year, month + 1, 1),
            Self::Quarter if month == 10 => day_from_civil(year + 1, 1, 1),
            Self::Quarter => day_from_civil(year, month + 3, 1),
            Self::Years(count) => day_from_civil(year + count, 1, 1),
        }
    }

    /// "per week"
    pub(super) fn per(self) -> &'static str {
        match self {
            Self::Day => "per day",
            Self::Week => "per week",
            Self::Month => "per month",
            Self::Quarter => "per quarter",
            Self::Years(1) => "per year",
            Self::Years(10) => "per decade",
            Self::Years(_) => "per century",
        }
    }

    /// What a bar is called, in full.
    pub(super) fn name(self, start: i32) -> String {
        let (year, month, _) = civil(start);
        match self {
            Self::Day => date(start),
            Self::Week => format!("week of {}", date(start)),
            Self::Month => format!("{} {year}", month_name(month)),
            Self::Quarter => format!("{year}, {} to {}", month_name(month), month_name(month + 2)),
            Self::Years(1) => year.to_string(),
            Self::Years(count) => format!("{year} to {}", year + count - 1),
        }
    }

    /// What stands under the axis; `dense` axes name the month of a week, `with_year` where the year is new.
    pub(super) fn tick(self, start: i32, dense: bool, with_year: bool) -> String {
        let (year, month, of_month) = civil(start);
        match self {
            Self::Week if dense && with_year => format!("{} {year}", month_name(month)),
            Self::Week if dense => month_name(month).to_owned(),
            Self::Day | Self::Week if with_year => format!("{of_month} {} {year}", month_name(month)),
            Self::Day | Self::Week => format!("{of_month} {}", month_name(month)),
            Self::Month | Self::Quarter | Self::Years(_) => year.to_string(),
        }
    }
}

impl Series {
    /// Cuts `days` into bars. `None` without any.
    pub(super) fn of(days: &BTreeMap<i32, DayStats>) -> Option<Self> {
        let (first, last) = main_span(days)?;
        Some(Self::within(days, first, last))
    }

    /// The same bars as another series, to draw several above each other.
    pub(super) fn aligned(&self, days: &BTreeMap<i32, DayStats>) -> Vec<u64> {
        let mut counts = vec![0; self.buckets.len()];
        for (day, stats) in days {
            if let Some(at) = self.position(*day) {
                counts[at] += stats.commits;
            }
        }
        counts
    }

    fn within(days: &BTreeMap<i32, DayStats>, first: i32, last: i32) -> Self {
        let unit = Unit::for_span(first, last);
        let mut buckets = Vec::new();
        let mut start = unit.floor(first);
        while start <= last {
            buckets.push(Bucket { start, stats: DayStats::default() });
            start = unit.next(start);
        }
        let mut series = Self { unit, buckets, left_out: 0 };
        for (day, stats) in days {
            match series.position(*day) {
                Some(at) => {
                    let sum = &mut series.buckets[at].stats;
                    sum.commits += stats.commits;
                    sum.additions += stats.additions;
                    sum.deletions += stats.deletions;
                }
                None => series.left_out += stats.commits,
            }
        }
        series
    }

    fn position(&self, day: i32) -> Option<usize> {
        let last = self.buckets.last()?;
        if day >= self.unit.next(last.start) {
            return None;
        }
        self.buckets.partition_point(|bucket| bucket.start <= day).checked_sub(1)
    }
}

/// First and last day, without the few commits (1 in 100, at least 2) that stretch the span to more than three times
/// what the others need: one commit that claims 1970 must not squeeze a term into one bar.
fn main_span(days: &BTreeMap<i32, DayStats>) -> Option<(i32, i32)> {
    let (first, last) = (*days.keys().next()?, *days.keys().next_back()?);
    let commits: u64 = days.values().map(|stats| stats.commits).sum();
    let full = i64::from(last) - i64::from(first);
    if commits < 10 || full < 366 {
        return Some((first, last));
    }
    let spare = (commits / 100).max(2);
    let mut best = (first, last);
    let mut dropped = 0;
    let mut from_left = days.iter();
    let mut left = first;
    while dropped <= spare {
        let mut right_dropped = dropped;
        let mut right = last;
        for (day, stats) in days.iter().rev() {
            right = *day;
            right_dropped += stats.commits;
            if right_dropped > spare {
                break;
            }
        }
        if right >= left && i64::from(right) - i64::from(left) < i64::from(best.1) - i64::from(best.0) {
            best = (left, right);
        }
        let Some((_, stats)) = from_left.next() else { break };
        dropped += stats.commits;
        let Some((day, _)) = from_left.clone().next() else { break };
        left = *day;
    }
    let main = i64::from(best.1) - i64::from(best.0);
    Some(if main.max(1) * 3 < full { best } else { (first, last) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(counts: &[(i32, u64)]) -> BTreeMap<i32, DayStats> {
        counts.iter().map(|&(day, commits)| (day, DayStats { commits, ..DayStats::default() })).collect()
    }

    #[test]
    fn the_unit_follows_the_span_and_no_commit_is_lost() {
        for (last, unit) in [
            (0, Unit::Day),
            (91, Unit::Day),
            (200, Unit::Week),
            (3_000, Unit::Month),
            (9_000, Unit::Quarter),
            (20_000, Unit::Years(1)),
            (400_000, Unit::Years(10)),
            (2_900_000, Unit::Years(100)),
        ] {
            let series = Series::of(&days(&[(0, 4), (last, 5)])).expect("there are days");
            assert_eq!(series.unit, unit, "{last}");
            assert!(series.buckets.len() <= 135, "{last}: {}", series.buckets.len());
            let drawn: u64 = series.buckets.iter().map(|bucket| bucket.stats.commits).sum();
            assert_eq!(drawn, if last == 0 { 5 } else { 9 });
            assert_eq!(series.left_out, 0);
        }
        assert!(Series::of(&days(&[])).is_none());
    }

    #[test]
    fn a_forged_date_does_not_squeeze_the_rest() {
        let mut counts: Vec<(i32, u64)> = (20_000..20_060).map(|day| (day, 2)).collect();
        counts.push((0, 1));
        counts.push((40_000, 1));
        let series = Series::of(&days(&counts)).expect("there are days");
        assert_eq!(series.unit, Unit::Day);
        assert_eq!(series.left_out, 2);
        assert_eq!(series.buckets.first().map(|bucket| bucket.start), Some(20_000));
    }

    #[test]
    fn an_even_history_is_drawn_whole() {
        let counts: Vec<(i32, u64)> = (0..400).map(|week| (week * 7, 1)).collect();
        let series = Series::of(&days(&counts)).expect("there are days");
        assert_eq!(series.left_out, 0);
        assert_eq!(series.aligned(&days(&[(-5, 1), (0, 2), (2_793, 3), (90_000, 1)])).iter().sum::<u64>(), 5);
    }
}
