//! One line for each step of each repository, for logs.

use super::board::{Board, Change};
use super::watch::View;
use crate::terminal::{clean, say};
use simul_git::events::{Event, Phase};

#[derive(Debug)]
pub(super) struct Plain;

impl View for Plain {
    fn event(&mut self, board: &Board, event: &Event, change: Change) {
        // Phases that pass in a moment would only make the log longer.
        let shown = matches!(
            event.phase,
            Phase::Connecting | Phase::Receiving | Phase::Walking | Phase::Blaming | Phase::Done | Phase::Failed
        );
        if change != Change::Phase || !shown {
            return;
        }
        let ended = if event.phase.is_end() {
            format!("[{}/{}] ", board.done + board.failed, board.total)
        } else {
            String::new()
        };
        let why =
            event.message.as_deref().filter(|_| event.phase == Phase::Failed).map(|why| format!(": {}", clean(why)));
        say(&format!("{ended}{}: {}{}", clean(&event.repo), event.phase.name(), why.unwrap_or_default()));
    }
}
