//! Hunks, expanded into lines.

use super::rows::Rows;
use super::{Cell, Table, TableKind};

impl Table {
    /// The lines of a blame table: each hunk becomes as many rows as it has lines.
    ///
    /// # Returns
    /// None if this is another table than blame. `content` is null where the blame was made without it.
    ///
    /// # Cost
    /// Copies: a row for each line. A blame table without this is much smaller.
    ///
    /// # Example
    /// ```
    /// use simul_git::{record::Hunk, table::{BlameBuilder, Cell}};
    /// let mut builder = BlameBuilder::new("alice/hw1");
    /// builder.push(&Hunk { start_line: 4, orig_start_line: 1, lines: 2, ..Hunk::default() });
    /// let lines = builder.finish().lines().expect("a blame table");
    /// assert_eq!((lines.num_rows(), lines.value(1, "line_number")), (2, Cell::Int(5)));
    /// ```
    pub fn lines(&self) -> Option<Table> {
        if self.kind() != TableKind::Blame {
            return None;
        }
        let mut rows = Rows::new(TableKind::Lines, "");
        for hunk in 0..self.num_rows() {
            let content = match self.value(hunk, "content") {
                Cell::Texts(lines) => lines,
                _ => Vec::new(),
            };
            rows.relabel(self.text(hunk, "repo"));
            for line in 0..self.int(hunk, "lines") {
                rows.row()
                    .text(self.text(hunk, "path"))
                    .int(self.int(hunk, "start_line") + line)
                    .text(self.text(hunk, "sha"))
                    .int(self.int(hunk, "orig_start_line") + line)
                    .text(self.text(hunk, "orig_path"))
                    .text(self.text(hunk, "author_name"))
                    .text(self.text(hunk, "author_email"))
                    .time(self.seconds(hunk, "author_time"))
                    .int(self.int(hunk, "author_offset_minutes"))
                    .text(content.get(line as usize).copied())
                    .end();
            }
        }
        Some(rows.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Hunk;
    use crate::table::BlameBuilder;

    fn hunk(start_line: u32, lines: u32, content: &[&str]) -> Hunk {
        let content = content.iter().map(|line| (*line).to_owned()).collect();
        Hunk { path: "a.py".into(), start_line, orig_start_line: 10, lines, content, ..Hunk::default() }
    }

    #[test]
    fn each_line_of_each_hunk_is_a_row() {
        let mut builder = BlameBuilder::new("r");
        builder.push(&hunk(1, 2, &["x = 1", ""]));
        builder.push(&hunk(3, 1, &[]));
        let lines = builder.finish().lines().expect("a blame table");
        let column = |name| (0..lines.num_rows()).map(|row| lines.value(row, name)).collect::<Vec<_>>();
        assert_eq!(column("line_number"), [Cell::Int(1), Cell::Int(2), Cell::Int(3)]);
        assert_eq!(column("orig_line_number"), [Cell::Int(10), Cell::Int(11), Cell::Int(10)]);
        assert_eq!(column("content"), [Cell::Text("x = 1"), Cell::Text(""), Cell::Null]);
        assert_eq!(column("repo"), vec![Cell::Text("r"); 3]);
        assert!(lines.lines().is_none());
    }
}
