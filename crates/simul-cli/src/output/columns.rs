//! Aligned columns for people.

use crate::terminal::{clean, cut, width};
use std::io::{self, IsTerminal, Write};

/// Text in columns, numbers to the right.
#[derive(Debug)]
pub(crate) struct Columns {
    head: Vec<(&'static str, bool)>,
    rows: Vec<Vec<String>>,
}

/// Widest that a column other than the last becomes.
const WIDEST: usize = 48;

impl Columns {
    /// Columns by title; true for numbers.
    pub(crate) fn new(head: &[(&'static str, bool)]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().map(|cell| clean(&cell)).collect());
    }

    /// Writes head and rows. On a terminal, lines are cut at its width; elsewhere they are whole.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let screen = io::stdout().is_terminal().then(terminal_columns);
        let widths: Vec<usize> = (0..self.head.len())
            .map(|at| {
                let widest = self.rows.iter().map(|row| width(&row[at])).max().unwrap_or(0);
                widest.min(if screen.is_some() { WIDEST } else { usize::MAX }).max(self.head[at].0.len())
            })
            .collect();
        let titles = self.head.iter().map(|(title, _)| (*title).to_owned()).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let mut line = String::new();
            for (at, cell) in row.iter().enumerate() {
                let cell = if screen.is_some() { cut(cell, widths[at]) } else { cell.clone() };
                let room = " ".repeat(widths[at].saturating_sub(width(&cell)));
                let (before, after) = if self.head[at].1 { (room.as_str(), "") } else { ("", room.as_str()) };
                line.push_str(before);
                line.push_str(&cell);
                line.push_str(after);
                line.push_str("  ");
            }
            let line = line.trim_end();
            let line = screen.map_or_else(|| line.to_owned(), |screen| cut(line, screen));
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// How wide the terminal on stdout is.
fn terminal_columns() -> usize {
    let columns = console::Term::stdout().size_checked().map_or(120, |(_, columns)| columns);
    usize::from(columns).max(40)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_hold_only_text() {
        let mut columns = Columns::new(&[("name", false), ("lines", true), ("subject", false)]);
        columns.push(["Ada".to_owned(), "7".to_owned(), "x\u{1b}[2Jy".to_owned()]);
        columns.push(["侯逸凡".to_owned(), "1200".to_owned(), "z".to_owned()]);
        let mut out = Vec::new();
        columns.write(&mut out).expect("a vector takes everything");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text, "name    lines  subject\nAda         7  x\u{fffd}[2Jy\n侯逸凡   1200  z\n");
    }
}
