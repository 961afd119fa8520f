//! What is happening to each repository, told to anybody who listens at their own pace.
//!
//! A subscription holds at most the newest state of each repository, besides the ends (`done`, `failed`) that it has not
//! delivered yet: a slow reader skips steps and never loses an outcome, and nothing grows with the work.

use crate::{RepoError, RepoErrorKind};
use indexmap::IndexMap;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

macro_rules! phases {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What is being done to a repository.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Phase {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Phase {
            /// Every phase, in the order of a repository's life.
            pub const ALL: &'static [Phase] = &[$(Phase::$variant,)+];

            /// The name in Python, JSON and errors.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Phase::$variant => $name,)+
                }
            }
        }
    };
}

phases! {
    /// Waiting for its turn.
    Queued = "queued",
    /// Reaching the server, or waiting for whoever else writes the mirror.
    Connecting = "connecting",
    /// The server counts what it will send.
    Counting = "counting",
    /// The server compresses it.
    Compressing = "compressing",
    /// Bytes arrive.
    Receiving = "receiving",
    /// Deltas are resolved, here.
    Resolving = "resolving",
    /// The result is checked and put in its place.
    Checking = "checking",
    /// Commits are read.
    Walking = "walking",
    /// Changes are counted.
    Diffing = "diffing",
    /// Lines are traced to their commits.
    Blaming = "blaming",
    /// Results are written.
    Writing = "writing",
    /// It ended well.
    Done = "done",
    /// It failed; the message says why.
    Failed = "failed",
}

impl Phase {
    /// Nothing follows in the same piece of work.
    pub const fn is_end(self) -> bool {
        matches!(self, Phase::Done | Phase::Failed)
    }
}

/// The state of one repository at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The caller's string, without credentials.
    pub repo: String,
    /// What is being done.
    pub phase: Phase,
    /// How much of it is done, in the phase's own unit (objects, deltas, commits, files).
    pub done: u64,
    /// Of how much, once known.
    pub total: Option<u64>,
    /// Bytes received so far, while bytes are received.
    pub bytes: Option<u64>,
    /// Bytes a second, as git measures it.
    pub rate_bytes_per_second: Option<f64>,
    /// What the server says, or why it failed; control bytes removed.
    pub message: Option<String>,
    /// Seconds since the epoch.
    pub at: f64,
}

impl Event {
    /// The event that `repo` is in `phase` now.
    pub fn new(repo: &str, phase: Phase) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a stamp for people; nothing is decided by it")]
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self {
            repo: crate::table::repo_label(repo),
            phase,
            done: 0,
            total: None,
            bytes: None,
            rate_bytes_per_second: None,
            message: None,
            at,
        }
    }

    /// The event that ends a piece of work with `error`.
    pub fn failed(repo: &str, error: &RepoError) -> Self {
        let message = match error.kind {
            RepoErrorKind::Cancelled => "cancelled".to_owned(),
            _ => match &error.hint {
                Some(hint) => format!("{}: {} (hint: {hint})", error.phase, error.detail),
                None => format!("{}: {}", error.phase, error.detail),
            },
        };
        Self { message: Some(message), ..Self::new(repo, Phase::Failed) }
    }
}

/// Where events come in. One per manager.
#[derive(Debug, Default)]
pub struct Hub {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The newest event of each repository, for those who subscribe late.
    newest: IndexMap<String, Event>,
    readers: Vec<Weak<Shared>>,
    running: usize,
    ever_ran: bool,
    closed: bool,
}

/// One subscription's half that the hub writes.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    notify: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Repositories with something to deliver, in the order in which each began to wait.
    order: VecDeque<String>,
    /// Ends that were not delivered, then at most one newest state.
    pending: IndexMap<String, VecDeque<Event>>,
    /// Nothing runs, and something did.
    idle: bool,
    closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// Tells every subscriber.
    pub fn send(&self, event: Event) {
        let mut inner = lock(&self.inner);
        for reader in inner.readers() {
            lock(&reader.state).put(event.clone());
            reader.wake();
        }
        inner.newest.insert(event.repo.clone(), event);
    }

    /// A subscription that starts with the newest state of each repository.
    pub fn subscribe(&self) -> Events {
        let mut inner = lock(&self.inner);
        let mut state = State { idle: inner.running == 0 && inner.ever_ran, closed: inner.closed, ..State::default() };
        for event in inner.newest.values() {
            state.put(event.clone());
        }
        let shared = Arc::new(Shared { state: Mutex::new(state), arrived: Condvar::new(), notify: Notify::new() });
        inner.readers.push(Arc::downgrade(&shared));
        Events { shared, lasting: false }
    }

    /// Marks a piece of work as running until the guard is dropped: subscriptions end once none runs.
    pub fn begin(self: &Arc<Self>) -> Running {
        let mut inner = lock(&self.inner);
        inner.running += 1;
        inner.ever_ran = true;
        inner.tell(|state| state.idle = false);
        Running(self.clone())
    }

    /// Ends every subscription once it has delivered what it holds.
    pub fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        inner.tell(|state| state.closed = true);
    }
}

impl Inner {
    fn readers(&mut self) -> Vec<Arc<Shared>> {
        self.readers.retain(|reader| reader.strong_count() > 0);
        self.readers.iter().filter_map(Weak::upgrade).collect()
    }

    fn tell(&mut self, change: impl Fn(&mut State)) {
        for reader in self.readers() {
            change(&mut lock(&reader.state));
            reader.wake();
        }
    }
}

/// A piece of work that runs; see [`Hub::begin`].
#[derive(Debug)]
pub struct Running(Arc<Hub>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut inner = lock(&self.0.inner);
        inner.running -= 1;
        if inner.running == 0 {
            inner.tell(|state| state.idle = true);
        }
    }
}

impl Shared {
    fn wake(&self) {
        self.arrived.notify_all();
        self.notify.notify_one();
    }
}

impl State {
    fn put(&mut self, event: Event) {
        let queue = match self.pending.get_mut(&event.repo) {
            Some(queue) => queue,
            None => {
                self.order.push_back(event.repo.clone());
                self.pending.entry(event.repo.clone()).or_default()
            }
        };
        if queue.back().is_some_and(|last| !last.phase.is_end()) {
            queue.pop_back();
        }
        queue.push_back(event);
    }

    fn take(&mut self) -> Option<Event> {
        let repo = self.order.pop_front()?;
        let queue = self.pending.get_mut(&repo)?;
        let event = queue.pop_front();
        if queue.is_empty() {
            self.pending.swap_remove(&repo);
        } else {
            self.order.push_back(repo);
        }
        event
    }
}

/// A subscription.
///
/// It starts with the newest state of each repository and ends once nothing runs any more (if something ever ran), or
/// when its manager is gone. [`Events::lasting`] makes one that stays over idle times.
///
/// # Threads and loops
/// Any thread; each event is delivered once to whoever asks first.
///
/// # Cancellation
/// [`Events::next`] is cancel safe.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    lasting: bool,
}

impl Events {
    /// The same subscription, ending only with its manager.
    #[must_use]
    pub fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }

    /// The next event, if there is one now. Never waits.
    pub fn try_next(&self) -> Option<Event> {
        lock(&self.shared.state).take()
    }

    /// Whether nothing is left and nothing will come.
    pub fn is_ended(&self) -> bool {
        self.ended(&lock(&self.shared.state))
    }

    /// Waits for the next event; `None` once the subscription has ended.
    pub async fn next(&self) -> Option<Event> {
        loop {
            {
                let mut state = lock(&self.shared.state);
                if let Some(event) = state.take() {
                    if !state.order.is_empty() {
                        // Another task may wait on the same subscription.
                        self.shared.notify.notify_one();
                    }
                    return Some(event);
                }
                if self.ended(&state) {
                    self.shared.notify.notify_one();
                    return None;
                }
            }
            self.shared.notify.notified().await;
        }
    }

    /// Waits until there is an event to take (true), or none will come (false). Takes nothing, so nothing is lost when the
    /// wait is dropped.
    pub async fn ready(&self) -> bool {
        loop {
            {
                let state = lock(&self.shared.state);
                let (ready, ended) = (!state.order.is_empty(), self.ended(&state));
                if ready || ended {
                    // Whoever else waits must see it too.
                    self.shared.notify.notify_one();
                    return ready;
                }
            }
            self.shared.notify.notified().await;
        }
    }

    /// Blocks for the next event; `None` once the subscription has ended or `timeout` has passed
    /// ([`Events::is_ended`] tells which).
    pub fn next_blocking(&self, timeout: Option<Duration>) -> Option<Event> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = lock(&self.shared.state);
        loop {
            if let Some(event) = state.take() {
                return Some(event);
            }
            if self.ended(&state) {
                return None;
            }
            state = match deadline {
                None => self.shared.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
                    self.shared.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn ended(&self, state: &State) -> bool {
        state.order.is_empty() && (state.closed || (state.idle && !self.lasting))
    }
}

#[cfg(test)]
mod tests;
