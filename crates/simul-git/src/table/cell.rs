//! One value of one row.

use super::{ColumnType, Table};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use std::fmt;

/// One value of one row, borrowed from its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A count.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Several texts.
    Texts(Vec<&'a str>),
    /// Microseconds since the epoch, UTC.
    Time(i64),
}

impl<'a> Cell<'a> {
    pub(super) fn of(batch: &'a RecordBatch, row: usize, column: usize, column_type: ColumnType) -> Self {
        let array = batch.column(column);
        if array.is_null(row) {
            return Cell::Null;
        }
        match column_type {
            ColumnType::Label => {
                let array = array.as_dictionary::<Int32Type>();
                let key = array.key(row).expect("the cell is not null");
                Cell::Text(array.values().as_string::<i32>().value(key))
            }
            ColumnType::Text => Cell::Text(array.as_string::<i32>().value(row)),
            ColumnType::LongText => Cell::Text(array.as_string::<i64>().value(row)),
            ColumnType::Texts | ColumnType::LongTexts => {
                let list = array.as_list::<i32>();
                let offsets = list.value_offsets();
                let items = offsets[row] as usize..offsets[row + 1] as usize;
                Cell::Texts(match column_type {
                    ColumnType::Texts => items.map(|item| list.values().as_string::<i32>().value(item)).collect(),
                    _ => items.map(|item| list.values().as_string::<i64>().value(item)).collect(),
                })
            }
            ColumnType::Int32 => Cell::Int(array.as_primitive::<Int32Type>().value(row).into()),
            ColumnType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(row)),
            ColumnType::Bool => Cell::Bool(array.as_boolean().value(row)),
            ColumnType::Time => Cell::Time(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        }
    }
}

/// Cells of columns that are known to hold one type, for tables that are made from tables.
impl Table {
    /// A text that is never null.
    pub(super) fn text(&self, row: usize, name: &str) -> &str {
        match self.value(row, name) {
            Cell::Text(text) => text,
            other => unreachable!("{name} is text that is never null, not {other:?}"),
        }
    }

    /// A count that is never null.
    pub(super) fn int(&self, row: usize, name: &str) -> i64 {
        match self.value(row, name) {
            Cell::Int(value) => value,
            other => unreachable!("{name} is a count that is never null, not {other:?}"),
        }
    }

    /// A time in whole seconds, if there is one.
    pub(super) fn seconds(&self, row: usize, name: &str) -> Option<i64> {
        match self.value(row, name) {
            Cell::Time(micros) => Some(micros.div_euclid(1_000_000)),
            _ => None,
        }
    }
}

/// As a reader wants it on one line: empty for null, lists joined by a space, times in RFC 3339. Control characters in text
/// are replaced by a space, so that a hostile commit cannot move a terminal's cursor.
impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| -> String { text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
        match self {
            Cell::Null => Ok(()),
            Cell::Bool(value) => write!(f, "{value}"),
            Cell::Int(value) => write!(f, "{value}"),
            Cell::Text(text) => f.write_str(&shown(text)),
            Cell::Texts(texts) => f.write_str(&shown(&texts.join(" "))),
            Cell::Time(micros) => f.write_str(&rfc3339(micros.div_euclid(1_000_000))),
        }
    }
}

/// `seconds` since the epoch as `2026-05-01T23:59:00Z`.
fn rfc3339(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Civil date from days in the proleptic Gregorian calendar, counted in eras of 400 years from 1 March of year 0.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_dates() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_777_679_940, "2026-05-01T23:59:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-62_135_596_800, "0001-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), shown);
        }
    }

    #[test]
    fn text_cannot_move_a_cursor() {
        assert_eq!(Cell::Text("a\u{1b}[2J\nb\u{9b}c").to_string(), "a [2J b c");
        assert_eq!(Cell::Texts(vec!["p", "q"]).to_string(), "p q");
        assert_eq!(Cell::Null.to_string(), "");
    }
}
