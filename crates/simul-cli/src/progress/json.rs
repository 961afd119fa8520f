//! One JSON object a line, for programs.

use super::board::{Board, Change};
use super::watch::View;
use crate::terminal::say;
use serde_json::json;
use simul_git::events::Event;

#[derive(Debug)]
pub(super) struct Json;

impl View for Json {
    fn event(&mut self, _: &Board, event: &Event, change: Change) {
        if change == Change::Nothing {
            return;
        }
        let line = json!({
            "repo": event.repo,
            "phase": event.phase.name(),
            "done": event.done,
            "total": event.total,
            "bytes": event.bytes,
            "rate_bytes_per_second": event.rate_bytes_per_second,
            "message": event.message,
            "at": event.at,
        });
        say(&line.to_string());
    }
}
