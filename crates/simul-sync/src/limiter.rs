//! [`CapacityLimiter`]: so many borrowers at a time, each with one token; their number may change.

use crate::body::{Body, State};
use crate::lazy::{Call, Lazy};
use crate::line::Line;
use crate::sync::{Arc, AtomicUsize, Ordering};
use crate::wait::{Entered, Source, Wait};
use simul_core::{Error, Kind, Result};
use simul_wake::Wake;
use std::collections::HashMap;

/// No limit at all.
pub const UNLIMITED: usize = usize::MAX;

/// How a limiter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapacityLimiterStatistics {
    /// How many tokens there are; [`UNLIMITED`] means no limit.
    pub total_tokens: usize,
    /// How many are lent. More than there are, after the total was made smaller.
    pub borrowed_tokens: usize,
    /// How many wait.
    pub waiting: usize,
}

/// The size: changed under the lock of the state only, and not behind it, since it survives a fork.
#[derive(Debug)]
pub struct Total(AtomicUsize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waits,
    Holds,
}

/// There is a token left only while nobody waits.
#[derive(Debug, Default)]
struct Lent {
    known: HashMap<u64, Standing>,
    borrowed: usize,
    /// In a forked child: how many were lent at the fork, whose releases say nothing.
    pardoned: usize,
    line: Line<(), u64>,
}

impl State for Lent {
    type Config = Total;

    fn new(_config: &Total) -> Self {
        Self::default()
    }

    fn inherited(self, _config: &Total) -> Self {
        let pardoned = self.borrowed + self.pardoned;
        std::mem::forget(self);
        Self { pardoned, ..Self::default() }
    }
}

impl Lent {
    fn lend(&mut self, borrower: u64) {
        self.known.insert(borrower, Standing::Holds);
        self.borrowed += 1;
    }

    /// Lends what is left to those who wait. What is returned wakes them.
    fn serve(&mut self, total: usize) -> Vec<Wake> {
        let mut wakes = Vec::new();
        while self.borrowed < total {
            let Ok((wake, borrower)) = self.line.grant_to(()) else { break };
            self.lend(borrower);
            wakes.push(wake);
        }
        wakes
    }
}

/// So many borrowers at a time, each with one token. Who a borrower is, the caller says: a number. A handle: its clones
/// are the same limiter.
///
/// # Cancellation
/// A waiter that is dropped leaves the line; a token that had been lent to it goes to the next.
///
/// # Threads and loops
/// Any thread and any async runtime at once; a token may be released anywhere. A forked child keeps the total, and
/// nothing is lent; the release of a token that was lent before the fork does nothing.
///
/// # Example
/// ```
/// use simul_sync::CapacityLimiter;
/// let limiter = CapacityLimiter::new(1);
/// let token = limiter.acquire(7).wait()?;
/// assert!(!limiter.acquire_nowait(8)?);
/// limiter.set_total_tokens(2);
/// assert!(limiter.acquire_nowait(8)?);
/// drop(token);
/// assert_eq!(limiter.statistics().borrowed_tokens, 1);
/// # Ok::<(), simul_core::Error>(())
/// ```
///
/// In a task, with a thread that makes room:
/// ```
/// use simul_sync::CapacityLimiter;
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> simul_core::Result<()> {
///     let limiter = CapacityLimiter::new(0);
///     let there = limiter.clone();
///     let thread = std::thread::spawn(move || there.set_total_tokens(1));
///     let _token = limiter.acquire(1).await?;
///     assert_eq!(limiter.statistics().total_tokens, 1);
///     thread.join().expect("the thread does not panic");
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct CapacityLimiter(Arc<Body<Lent>>);

impl CapacityLimiter {
    /// A limiter of `total_tokens`; [`UNLIMITED`] for no limit.
    pub fn new(total_tokens: usize) -> Self {
        Self(Arc::new(Body::new(Total(AtomicUsize::new(total_tokens)))))
    }

    /// How many tokens there are.
    pub fn total_tokens(&self) -> usize {
        self.0.config().0.load(Ordering::Acquire)
    }

    /// Changes how many there are. If they are more, those who wait get them; if they are less, what is lent stays lent.
    pub fn set_total_tokens(&self, total_tokens: usize) {
        let mut state = self.0.lock();
        self.0.config().0.store(total_tokens, Ordering::Release);
        let wakes = state.serve(total_tokens);
        drop(state);
        drop(wakes);
    }

    /// A call that waits until `borrower` has a token.
    ///
    /// # Errors
    /// The call fails with `Invalid` if this borrower has one, or waits for one already.
    pub fn acquire(&self, borrower: u64) -> Lazy<Acquire> {
        Lazy::new(Acquire(Borrowing { limiter: self.clone(), borrower }))
    }

    /// Takes a token if one is left.
    ///
    /// # Errors
    /// `Invalid` if this borrower has one, or waits for one already.
    pub fn acquire_nowait(&self, borrower: u64) -> Result<bool> {
        let mut state = self.0.lock();
        refuse_known(&state, borrower)?;
        let left = state.borrowed < self.total_tokens();
        if left {
            state.lend(borrower);
        }
        Ok(left)
    }

    /// Takes a token even if none is left, and overtakes everybody: for one who gave it back for a while only.
    ///
    /// # Errors
    /// `Invalid` if this borrower has one, or waits for one already.
    pub fn take_anyway(&self, borrower: u64) -> Result<()> {
        let mut state = self.0.lock();
        refuse_known(&state, borrower)?;
        state.lend(borrower);
        Ok(())
    }

    /// Takes a token or a place in the line, for bindings; it must be given back by [`release`](Self::release).
    ///
    /// # Errors
    /// `Invalid` if this borrower has one, or waits for one already.
    pub fn enter(&self, borrower: u64) -> Result<Entered<Borrowing>> {
        let mut state = self.0.lock();
        refuse_known(&state, borrower)?;
        if state.borrowed < self.total_tokens() {
            state.lend(borrower);
            return Ok(Entered::Now(()));
        }
        state.known.insert(borrower, Standing::Waits);
        let core = state.line.join_as(borrower);
        drop(state);
        Ok(Entered::Later(Wait::new(core, Borrowing { limiter: self.clone(), borrower })))
    }

    /// Gives a token back: to the first who waits, unless more are lent than there are.
    ///
    /// # Errors
    /// `Invalid` if this borrower has none.
    pub fn release(&self, borrower: u64) -> Result<()> {
        let mut state = self.0.lock();
        if state.known.get(&borrower) != Some(&Standing::Holds) {
            if state.pardoned > 0 {
                state.pardoned -= 1;
                return Ok(());
            }
            return Err(Error::new(
                Kind::Invalid,
                "this borrower isn't holding any of this CapacityLimiter's tokens: release() without acquire()",
            ));
        }
        state.known.remove(&borrower);
        state.borrowed -= 1;
        let wakes = state.serve(self.total_tokens());
        drop(state);
        drop(wakes);
        Ok(())
    }

    /// Whether this borrower has a token.
    pub fn holds(&self, borrower: u64) -> bool {
        self.0.lock().known.get(&borrower) == Some(&Standing::Holds)
    }

    /// How many there are, are lent, are waited for.
    pub fn statistics(&self) -> CapacityLimiterStatistics {
        let state = self.0.lock();
        CapacityLimiterStatistics {
            total_tokens: self.total_tokens(),
            borrowed_tokens: state.borrowed,
            waiting: state.line.len(),
        }
    }
}

fn refuse_known(state: &Lent, borrower: u64) -> Result<()> {
    let why = match state.known.get(&borrower) {
        None => return Ok(()),
        Some(Standing::Holds) => "this borrower is already holding one of this CapacityLimiter's tokens",
        Some(Standing::Waits) => "this borrower is already waiting for one of this CapacityLimiter's tokens",
    };
    Err(Error::new(Kind::Invalid, why))
}

/// One borrower's place in the line of a limiter.
#[derive(Debug, Clone)]
pub struct Borrowing {
    limiter: CapacityLimiter,
    borrower: u64,
}

impl Source for Borrowing {
    type Grant = ();

    fn give_back(&self, (): ()) {
        let _ = self.limiter.release(self.borrower);
    }

    fn left(&self) {
        let mut state = self.limiter.0.lock();
        state.known.remove(&self.borrower);
        state.line.left();
    }
}

/// Begins [`CapacityLimiter::acquire`].
#[derive(Debug)]
pub struct Acquire(Borrowing);

impl Call for Acquire {
    type Source = Borrowing;
    type Output = Token;

    fn enter(&mut self) -> Result<Entered<Borrowing>> {
        self.0.limiter.enter(self.0.borrower)
    }

    fn finish(&mut self, (): ()) -> Token {
        Token(self.0.clone())
    }
}

/// A token, given back when this is dropped.
#[derive(Debug)]
#[must_use = "the token is given back when this is dropped"]
pub struct Token(Borrowing);

impl Drop for Token {
    fn drop(&mut self) {
        let _ = self.0.limiter.release(self.0.borrower);
    }
}
