//! [`Barrier`]: so many wait for each other.

use crate::body::{Body, State};
use crate::lazy::{Call, Lazy};
use crate::line::Line;
use crate::sync::Arc;
use crate::wait::{Entered, Source, Wait};
use simul_core::{Error, Kind, Result};
use simul_wake::Wake;

/// How many it takes.
#[derive(Debug)]
pub struct Parties(usize);

#[derive(Debug, Default)]
struct Gathered {
    line: Line<usize>,
    broken: bool,
}

impl State for Gathered {
    type Config = Parties;

    fn new(_config: &Parties) -> Self {
        Self::default()
    }
}

/// So many wait for each other; when the last one comes all go on, and the barrier is as new. A handle: its clones are
/// the same barrier.
///
/// # Cancellation
/// A waiter that is dropped leaves, and the others wait for one more.
///
/// # Threads and loops
/// Any thread and any async runtime at once. In a forked child nobody waits, and it is not broken.
///
/// # Example
/// ```
/// use simul_sync::Barrier;
/// let barrier = Barrier::new(2);
/// let there = barrier.clone();
/// let other = std::thread::spawn(move || there.wait().wait());
/// let mine = barrier.wait().wait()?;
/// let theirs = other.join().expect("waiting does not panic")?;
/// assert_eq!(mine + theirs, 1, "they are numbered 0 and 1");
/// # Ok::<(), simul_core::Error>(())
/// ```
///
/// Two tasks and a thread:
/// ```
/// use simul_sync::Barrier;
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> simul_core::Result<()> {
///     let barrier = Barrier::new(3);
///     let there = barrier.clone();
///     let thread = std::thread::spawn(move || there.wait().wait());
///     let (one, other) = tokio::join!(barrier.wait(), barrier.wait());
///     let third = thread.join().expect("the thread does not panic");
///     let mut numbers = [one?, other?, third?];
///     numbers.sort_unstable();
///     assert_eq!(numbers, [0, 1, 2]);
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Barrier(Arc<Body<Gathered>>);

impl Barrier {
    /// A barrier for `parties`; for one or none, nobody waits.
    pub fn new(parties: usize) -> Self {
        Self(Arc::new(Body::new(Parties(parties))))
    }

    /// A call that waits until all are here; it returns a number, another for each of them, from 0 on.
    ///
    /// # Errors
    /// The call fails with `Closed` if the barrier is broken, or is reset or broken while it waits.
    pub fn wait(&self) -> Lazy<WaitForAll> {
        Lazy::new(WaitForAll(self.clone()))
    }

    /// Goes on or takes a place among the waiters, for bindings.
    ///
    /// # Errors
    /// `Closed`: the barrier is broken.
    pub fn enter(&self) -> Result<Entered<Self>> {
        let mut state = self.0.lock();
        if state.broken {
            return Err(broken("the barrier is broken: reset() it before it is used again"));
        }
        let here = state.line.len();
        if here + 1 < self.parties() {
            let core = state.line.join();
            drop(state);
            return Ok(Entered::Later(Wait::new(core, self.clone())));
        }
        // Numbered as they are let go, so that two never get the same, whoever has left.
        let wakes: Vec<Wake> = (0..here).map_while(|number| state.line.grant(number).ok()).collect();
        drop(state);
        drop(wakes);
        Ok(Entered::Now(here))
    }

    /// Sends away everybody who waits, with an error; the barrier is as new.
    pub fn reset(&self) {
        self.send_away(false, "the barrier was reset while this waited");
    }

    /// Sends away everybody who waits or comes, with an error, until it is [`reset`](Self::reset).
    pub fn abort(&self) {
        self.send_away(true, "the barrier was broken by abort() while this waited");
    }

    fn send_away(&self, broken_now: bool, why: &'static str) {
        let mut state = self.0.lock();
        state.broken = broken_now;
        let wakes: Vec<Wake> = std::iter::from_fn(|| state.line.fail(broken(why))).collect();
        drop(state);
        drop(wakes);
    }

    /// How many it takes.
    pub fn parties(&self) -> usize {
        self.0.config().0
    }

    /// How many wait.
    pub fn n_waiting(&self) -> usize {
        self.0.lock().line.len()
    }

    /// Whether it was aborted and not reset since.
    pub fn broken(&self) -> bool {
        self.0.lock().broken
    }
}

fn broken(why: &'static str) -> Error {
    Error::new(Kind::Closed, why)
}

impl Source for Barrier {
    type Grant = usize;

    /// The others have gone on; there is nothing to undo.
    fn give_back(&self, _number: usize) {}

    fn left(&self) {
        self.0.lock().line.left();
    }
}

/// Begins [`Barrier::wait`].
#[derive(Debug)]
pub struct WaitForAll(Barrier);

impl Call for WaitForAll {
    type Source = Barrier;
    type Output = usize;

    fn enter(&mut self) -> Result<Entered<Barrier>> {
        self.0.enter()
    }

    fn finish(&mut self, number: usize) -> usize {
        number
    }
}
