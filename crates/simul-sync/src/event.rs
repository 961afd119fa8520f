//! [`Event`]: a flag to wait for.

use crate::body::{Body, State};
use crate::lazy::{Call, Lazy};
use crate::line::Line;
use crate::sync::{Arc, AtomicBool, Ordering};
use crate::wait::{Entered, Source, Wait};
use simul_core::Result;
use simul_wake::Wake;

/// The flag: changed under the lock of the line only, and not behind it, since it survives a fork.
#[derive(Debug)]
pub struct Flag(AtomicBool);

#[derive(Debug, Default)]
struct Waiting {
    line: Line<()>,
}

impl State for Waiting {
    type Config = Flag;

    fn new(_config: &Flag) -> Self {
        Self::default()
    }
}

/// A flag to wait for: set once, or set and cleared any number of times. A handle: its clones are the same event.
///
/// # Cancellation
/// A waiter that is dropped leaves.
///
/// # Threads and loops
/// Any thread and any async runtime at once. A forked child keeps the flag, and has no waiters.
///
/// # Example
/// ```
/// use simul_sync::Event;
/// let ready = Event::new();
/// let there = ready.clone();
/// let setter = std::thread::spawn(move || there.set());
/// ready.wait().wait()?;
/// assert!(ready.is_set());
/// # setter.join().expect("setting does not panic");
/// # Ok::<(), simul_core::Error>(())
/// ```
///
/// In a task, set by a thread:
/// ```
/// use simul_sync::Event;
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> simul_core::Result<()> {
///     let ready = Event::new();
///     let there = ready.clone();
///     let thread = std::thread::spawn(move || there.set());
///     ready.wait().await?;
///     thread.join().expect("the thread does not panic");
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Event(Arc<Body<Waiting>>);

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Self {
        Self(Arc::new(Body::new(Flag(AtomicBool::new(false)))))
    }

    /// Sets it: everybody who waits goes on, and who comes does not wait.
    pub fn set(&self) {
        let mut state = self.0.lock();
        self.0.config().0.store(true, Ordering::Release);
        let wakes: Vec<Wake> = std::iter::from_fn(|| state.line.grant(()).ok()).collect();
        drop(state);
        drop(wakes);
    }

    /// Clears it: who comes waits. Those who were let go by [`set`](Self::set) go on.
    pub fn clear(&self) {
        let _state = self.0.lock();
        self.0.config().0.store(false, Ordering::Release);
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.0.config().0.load(Ordering::Acquire)
    }

    /// A call that waits until it is set.
    pub fn wait(&self) -> Lazy<WaitForSet> {
        Lazy::new(WaitForSet(self.clone()))
    }

    /// Goes on or takes a place among the waiters, for bindings.
    pub fn enter(&self) -> Entered<Self> {
        let mut state = self.0.lock();
        if self.is_set() {
            return Entered::Now(());
        }
        let core = state.line.join();
        drop(state);
        Entered::Later(Wait::new(core, self.clone()))
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.0.lock().line.len()
    }
}

impl Source for Event {
    type Grant = ();

    fn give_back(&self, (): ()) {}

    fn left(&self) {
        self.0.lock().line.left();
    }
}

/// Begins [`Event::wait`].
#[derive(Debug)]
pub struct WaitForSet(Event);

impl Call for WaitForSet {
    type Source = Event;
    type Output = ();

    fn enter(&mut self) -> Result<Entered<Event>> {
        Ok(self.0.enter())
    }

    fn finish(&mut self, (): ()) {}
}
