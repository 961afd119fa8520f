//! Sizes and durations as people write them.

/// `512MiB`, `2GB`, `1048576`, or `none` for no limit.
pub(crate) fn bytes(text: &str) -> Result<Option<u64>, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim());
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "tib" | "t" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(format!("unknown unit {unit:?}: write bytes, KiB, MiB, GiB, kB, MB or GB, as in 512MiB")),
    };
    let value: f64 = number.parse().map_err(|_| "not a size: write for example 512MiB, or none".to_owned())?;
    let value = (value * factor as f64).round();
    if !(1.0..=9e18).contains(&value) {
        return Err("a limit is at least one byte; write none for no limit".to_owned());
    }
    Ok(Some(value as u64))
}

/// Seconds (`90`, `0.5`), or `none` for no limit.
pub(crate) fn seconds(text: &str) -> Result<Option<f64>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(Some(value)),
        _ => Err("not a number of seconds above 0: write for example 900, or none".to_owned()),
    }
}

/// 3.4 MB
pub(crate) fn shown(bytes: f64) -> String {
    let (value, unit) = match bytes {
        ..1e3 => return format!("{bytes:.0} B"),
        ..1e6 => (bytes / 1e3, "kB"),
        ..1e9 => (bytes / 1e6, "MB"),
        _ => (bytes / 1e9, "GB"),
    };
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, value) in
            [("512MiB", 512 << 20), ("2GB", 2_000_000_000), ("1.5 KiB", 1536), ("7", 7), ("1g", 1 << 30)]
        {
            assert_eq!(bytes(text), Ok(Some(value)), "{text}");
        }
        assert_eq!(bytes("none"), Ok(None));
        for text in ["", "x", "0", "-1", "5 parsecs", "1e99TB", "..", "99999999TB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
        assert_eq!(seconds("0.5"), Ok(Some(0.5)));
        assert!(seconds("0").is_err() && seconds("inf").is_err() && seconds("nan").is_err());
        assert_eq!([shown(999.0), shown(3_400_000.0)], ["999 B", "3.4 MB"]);
    }
}
