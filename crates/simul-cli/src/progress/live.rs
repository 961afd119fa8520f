//! Rows on a terminal: one for each repository that is being worked on, and one for all of them.

use super::board::{Board, Change};
use super::watch::View;
use crate::size;
use crate::terminal::{clean, cut, width};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use simul_git::events::{Event, Phase};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Columns of a repository's name.
const NAME: usize = 30;

pub(super) struct Live {
    screen: MultiProgress,
    head: ProgressBar,
    rows: HashMap<String, ProgressBar>,
    begun: Instant,
}

impl Live {
    pub(super) fn new() -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let head = screen.add(ProgressBar::no_length().with_style(style("{wide_msg}")));
        Self { screen, head, rows: HashMap::new(), begun: Instant::now() }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates of this file are well formed").progress_chars("━╸ ")
}

/// The end of a name says more than its start.
fn name(repo: &str) -> String {
    let clean = clean(repo);
    let skipped = width(&clean).saturating_sub(NAME);
    let name: String =
        if skipped == 0 { clean } else { format!("…{}", clean.chars().skip(skipped + 1).collect::<String>()) };
    let name = cut(&name, NAME);
    format!("{name}{}", " ".repeat(NAME.saturating_sub(width(&name))))
}

impl View for Live {
    fn event(&mut self, _: &Board, event: &Event, change: Change) {
        if change == Change::Nothing || event.phase == Phase::Queued {
            return;
        }
        if event.phase.is_end() {
            if let Some(row) = self.rows.remove(&event.repo) {
                row.finish_and_clear();
                self.screen.remove(&row);
            }
            if event.phase == Phase::Failed {
                let why = event.message.as_deref().unwrap_or("failed");
                // A terminal that has gone is no reason to stop.
                let _ = self.screen.println(format!("✗ {}: {}", clean(&event.repo), clean(why)));
            }
            return;
        }
        let row = self
            .rows
            .entry(event.repo.clone())
            .or_insert_with(|| self.screen.add(ProgressBar::no_length().with_prefix(name(&event.repo))));
        if change == Change::Phase || row.length().is_some() != event.total.is_some() {
            row.set_style(style(match event.total {
                Some(_) => "{prefix} {msg:12} {bar:24.cyan/dim} {percent:>3}% {pos}/{len}",
                None => "{prefix} {msg:12} {pos}",
            }));
        }
        let bytes = event.bytes.filter(|_| event.phase == Phase::Receiving);
        row.set_message(bytes.map_or_else(|| event.phase.name().to_owned(), |bytes| size::shown(bytes as f64)));
        if let Some(total) = event.total {
            row.set_length(total);
        }
        row.set_position(event.done);
    }

    fn notice(&mut self, line: &str) {
        let _ = self.screen.println(line);
    }

    fn tick(&mut self, board: &Board) {
        self.head.set_message(headline(board, self.begun.elapsed()));
    }

    fn close(&mut self) {
        self.rows.clear();
        let _ = self.screen.clear();
    }
}

/// "12 of 40 done, 1 failed, 8 active, 19 queued · 3.4 MB/s · about 2 min left"
fn headline(board: &Board, elapsed: Duration) -> String {
    let mut line = format!("{} of {} done", board.done, board.total);
    if board.failed > 0 {
        line.push_str(&format!(", {} failed", board.failed));
    }
    line.push_str(&format!(", {} active, {} queued", board.active().count(), board.queued()));
    let rate = board.bytes_per_second();
    if rate > 0.0 {
        line.push_str(&format!(" · {}/s", size::shown(rate)));
    }
    match board.left(elapsed).map(|left| left.as_secs()) {
        Some(left @ 0..90) => line.push_str(&format!(" · about {} s left", left.max(1))),
        Some(left) => line.push_str(&format!(" · about {} min left", (left + 30) / 60)),
        None => {}
    }
    if crate::interrupt::draining() {
        line.push_str(" · finishing what runs; Ctrl-C again stops it");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headline_counts() {
        let mut board = Board::new(40);
        for at in 0..12 {
            board.apply(&Event::new(&format!("r{at}"), Phase::Done));
        }
        board.apply(&Event { rate_bytes_per_second: Some(3.4e6), ..Event::new("x", Phase::Receiving) });
        let line = headline(&board, Duration::from_secs(60));
        assert_eq!(line, "12 of 40 done, 1 active, 27 queued · 3.4 MB/s · about 2 min left");
        assert_eq!(width(&name("https://github.com/course-2026/chess-team-05.git")), NAME);
        assert!(name("https://github.com/course-2026/chess-team-05.git").ends_with("chess-team-05.git"));
        assert_eq!(width(&name("hw1")), NAME);
    }
}
