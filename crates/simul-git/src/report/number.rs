//! Numbers as people read them.

/// 1,234,567
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// 950, 12.3k, 4.5M: at most four characters and a letter.
pub(super) fn short(value: u64) -> String {
    let (scaled, letter) = match value {
        ..1_000 => return value.to_string(),
        1_000..999_950 => (value as f64 / 1e3, 'k'),
        999_950..999_950_000 => (value as f64 / 1e6, 'M'),
        _ => (value as f64 / 1e9, 'G'),
    };
    let text = if scaled < 99.95 { format!("{scaled:.1}") } else { format!("{scaled:.0}") };
    format!("{}{letter}", text.strip_suffix(".0").unwrap_or(&text))
}

/// "1 commit", "2,000 commits"
pub(super) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(value), if value == 1 { one } else { many })
}

/// "38 %", "<1 %"
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 || part == 0 {
        return "0 %".to_owned();
    }
    let share = part as f64 * 100.0 / whole as f64;
    match share {
        ..1.0 => "<1 %".to_owned(),
        _ if part < whole && share > 99.0 => ">99 %".to_owned(),
        _ => format!("{share:.0} %"),
    }
}

/// The smallest round number that is at least `value`: the top of an axis.
pub(super) fn axis_top(value: u64) -> u64 {
    const ROUND: [u64; 7] = [10, 15, 20, 30, 40, 60, 80];
    if value <= 10 {
        return value.max(2).next_multiple_of(2);
    }
    let mut power = 1_u64;
    loop {
        for round in ROUND {
            match power.checked_mul(round) {
                Some(top) if top >= value => return top,
                Some(_) => {}
                None => return u64::MAX,
            }
        }
        power = match power.checked_mul(10) {
            Some(next) => next,
            None => return u64::MAX,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(
            [short(999), short(1_000), short(12_345), short(99_950), short(1_500_000)],
            ["999", "1k", "12.3k", "100k", "1.5M"]
        );
        assert_eq!(counted(1, "commit", "commits"), "1 commit");
        assert_eq!(
            [percent(1, 1_000), percent(999, 1_000), percent(1, 2), percent(0, 0)],
            ["<1 %", ">99 %", "50 %", "0 %"]
        );
    }

    #[test]
    fn an_axis_ends_above_its_values() {
        for value in [0, 1, 2, 3, 7, 10, 11, 499, 501, u64::MAX] {
            assert!(axis_top(value) >= value);
        }
        assert_eq!([axis_top(0), axis_top(3), axis_top(7), axis_top(11), axis_top(580)], [2, 4, 8, 15, 600]);
    }
}
