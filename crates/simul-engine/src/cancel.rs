//! How running work learns that nobody wants it any more.

use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFuture};

/// A flag that is raised once; asynchronous work awaits it, blocking work polls it.
///
/// # Threads and loops
/// Clones share the flag; any thread may raise, poll or await it.
///
/// # Example
/// ```
/// use simul_engine::CancelToken;
/// let token = CancelToken::new();
/// let child = token.child();
/// token.cancel();
/// assert!(child.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CancelToken(CancellationToken);

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled with this one, and alone too.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Raises the flag; wakes whoever awaits it. Never blocks.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether the flag is up. One atomic load and a lock of no contention: call it between units of work.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Ends when the flag is raised.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        self.0.cancelled()
    }

    /// Raises the flag when the guard is dropped: keeps blocking work tied to the future that waits for it.
    #[must_use]
    pub fn cancel_on_drop(&self) -> DropGuard {
        self.0.clone().drop_guard()
    }
}
