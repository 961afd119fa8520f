//! The thread that shows what is happening, and that stops the work on the second Ctrl-C.

use super::board::{Board, Change};
use super::json::Json;
use super::live::Live;
use super::plain::Plain;
use crate::args::ProgressKind;
use crate::{interrupt, terminal};
use simul_engine::Job;
use simul_git::events::{Event, Events, Hub};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A way to show events.
pub(super) trait View {
    /// One event, and what it changed.
    fn event(&mut self, board: &Board, event: &Event, change: Change);
    /// A line that is not about one repository.
    fn notice(&mut self, line: &str) {
        terminal::say(line);
    }
    /// Some ten times a second.
    fn tick(&mut self, _: &Board) {}
    /// Nothing follows.
    fn close(&mut self) {}
}

struct Silent;

impl View for Silent {
    fn event(&mut self, _: &Board, _: &Event, _: Change) {}
}

/// Shows events until it is finished or dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to show what `hub` tells about `total` repositories; stops `job` if the user asks for it.
    pub(crate) fn start(kind: ProgressKind, hub: &Hub, total: usize, job: Arc<Job<()>>) -> io::Result<Self> {
        let events = hub.subscribe().lasting();
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let body = move || {
            let mut view = view(kind);
            show(&mut *view, &events, total, &seen, &job, kind);
        };
        let thread = thread::Builder::new().name("simul-progress".to_owned()).spawn(body)?;
        Ok(Self { over, thread: Some(thread) })
    }

    /// Shows what is left and clears the rows.
    pub(crate) fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It only draws; if that panicked, the results still stand.
            let _ = thread.join();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

fn view(kind: ProgressKind) -> Box<dyn View> {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    match kind {
        ProgressKind::Auto if io::stderr().is_terminal() && !dumb => Box::new(Live::new()),
        ProgressKind::Auto | ProgressKind::Plain => Box::new(Plain),
        ProgressKind::Json => Box::new(Json),
        ProgressKind::None => Box::new(Silent),
    }
}

fn show(view: &mut dyn View, events: &Events, total: usize, over: &AtomicBool, job: &Job<()>, kind: ProgressKind) {
    // Events come faster than eyes: look ten times a second.
    const TICK: Duration = Duration::from_millis(100);
    let mut board = Board::new(total);
    let mut told = false;
    loop {
        let last = over.load(Ordering::SeqCst);
        while let Some(event) = events.try_next() {
            let change = board.apply(&event);
            view.event(&board, &event, change);
        }
        view.tick(&board);
        if interrupt::stopping() {
            job.cancel();
        } else if interrupt::draining() && !told && !matches!(kind, ProgressKind::Json) {
            told = true;
            view.notice("simul: interrupted: finishing what runs, nothing new starts; Ctrl-C again stops at once");
        }
        if last {
            view.close();
            return;
        }
        thread::park_timeout(TICK);
    }
}
