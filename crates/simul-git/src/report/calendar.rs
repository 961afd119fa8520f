//! Days since the epoch as dates (proleptic Gregorian), without a dependency on a time zone.

/// The days that are told apart: years 1 to 9999. Dates beyond are drawn at the edge, since commits may claim any.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;

/// Names of the weekdays, Monday first.
pub(super) const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The day of a local time in seconds.
pub(super) fn day_of(local_seconds: i64) -> i32 {
    let day = local_seconds.div_euclid(86_400).clamp(FIRST_DAY, LAST_DAY);
    i32::try_from(day).expect("clamped above")
}

/// 0 is Monday.
pub(super) fn weekday(day: i32) -> usize {
    // The epoch was a Thursday.
    usize::try_from((day + 3).rem_euclid(7)).expect("0 to 6, by rem_euclid")
}

/// Year, month (1 to 12), day of month.
pub(super) fn civil(day: i32) -> (i32, u32, u32) {
    // Count from 1 March of year 0, so that the leap day is the last day of a year; 146,097 days are 400 years.
    let shifted = i64::from(day) + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        i32::try_from(year).expect("years 1 to 9999"),
        u32::try_from(month).expect("1 to 12"),
        u32::try_from(of_month).expect("1 to 31"),
    )
}

/// The day of a date.
pub(super) fn day_from_civil(year: i32, month: u32, of_month: u32) -> i32 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = (i64::from(month) + 9) % 12;
    let of_year = (153 * march_month + 2) / 5 + i64::from(of_month) - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    i32::try_from(era * 146_097 + of_era - 719_468).expect("years 1 to 9999")
}

/// 2026-03-14
pub(super) fn date(day: i32) -> String {
    let (year, month, of_month) = civil(day);
    format!("{year:04}-{month:02}-{of_month:02}")
}

/// 14 Mar 2026
pub(super) fn long_date(day: i32) -> String {
    let (year, month, of_month) = civil(day);
    format!("{of_month} {} {year}", month_name(month))
}

/// Mar
pub(super) fn month_name(month: u32) -> &'static str {
    MONTHS[(month as usize + 11) % 12]
}

/// 2026-03-14 09:26 UTC
pub(super) fn moment(seconds: i64) -> String {
    let of_day = seconds.rem_euclid(86_400);
    format!("{} {:02}:{:02} UTC", date(day_of(seconds)), of_day / 3_600, of_day / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back_on_every_day_of_800_years() {
        let (start, end) = (day_from_civil(1600, 1, 1), day_from_civil(2400, 1, 1));
        assert_eq!(end - start, 292_194);
        let mut before = civil(start - 1);
        for day in start..end {
            let date = civil(day);
            assert!(date > before, "{date:?} after {before:?}");
            assert_eq!(day_from_civil(date.0, date.1, date.2), day);
            before = date;
        }
    }

    #[test]
    fn known_days() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(weekday(0), 3);
        assert_eq!(date(day_of(1_793_000_000)), "2026-10-26");
        assert_eq!(WEEKDAYS[weekday(day_of(1_793_000_000))], "Monday");
        assert_eq!(date(day_of(i64::MAX)), "9999-12-31");
        assert_eq!(date(day_of(i64::MIN)), "0001-01-01");
        assert_eq!(moment(0), "1970-01-01 00:00 UTC");
        assert_eq!(long_date(59), "1 Mar 1970");
    }
}
