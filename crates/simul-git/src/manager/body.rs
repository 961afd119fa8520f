//! What a manager has in one process. A forked child makes its own: permits held by the parent's work would never come
//! back there.

use super::task::Tasks;
use crate::RepoError;
use crate::events::{Event, Hub, Phase, Running};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

#[derive(Debug)]
pub(super) struct Body {
    pub(super) permits: Arc<Semaphore>,
    pub(super) hub: Arc<Hub>,
    pub(super) tasks: Arc<Tasks>,
    /// What dead processes left in the cache was removed.
    pub(super) swept: AtomicBool,
}

impl Body {
    pub(super) fn new(jobs: usize, sources: &[String]) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(jobs)),
            hub: Arc::default(),
            tasks: Arc::new(Tasks::new(sources)),
            swept: AtomicBool::new(false),
        }
    }
}

/// One piece of work on one repository, told to whoever listens. Dropped before its end, it was cancelled.
#[derive(Debug)]
pub(super) struct Telling {
    hub: Arc<Hub>,
    source: String,
    ended: bool,
    /// Dropped last, so that the end is told before subscriptions may end.
    _running: Running,
}

/// How often the steps of a walk are told.
const PACE: Duration = Duration::from_millis(50);

impl Telling {
    pub(super) fn begin(hub: &Arc<Hub>, source: &str) -> Self {
        let running = hub.begin();
        hub.send(Event::new(source, Phase::Queued));
        Self { hub: hub.clone(), source: source.to_owned(), ended: false, _running: running }
    }

    /// Tells how it ended.
    pub(super) fn end<T>(mut self, outcome: &Result<T, RepoError>) {
        self.ended = true;
        self.hub.send(match outcome {
            Ok(_) => Event::new(&self.source, Phase::Done),
            Err(error) => Event::failed(&self.source, error),
        });
    }

    /// A progress function for work that counts: told at once when it begins and ends, else at a pace.
    pub(super) fn counter(&self, phase: Phase) -> impl Fn(u64, Option<u64>) + Send + Sync + 'static {
        let (hub, source) = (self.hub.clone(), self.source.clone());
        let last = Mutex::new(None::<Instant>);
        move |done, total| {
            let now = Instant::now();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if total == Some(done) || last.is_none_or(|last| now.duration_since(last) >= PACE) {
                *last = Some(now);
                hub.send(Event { done, total, ..Event::new(&source, phase) });
            }
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if !self.ended {
            let message = Some("cancelled".to_owned());
            self.hub.send(Event { message, ..Event::new(&self.source, Phase::Failed) });
        }
    }
}
