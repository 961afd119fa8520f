//! Bounded threads for work that blocks: history walks, files, child processes.

use crate::{CancelToken, panics, runtime};
use simul_core::{Error, Kind, Result};

/// Runs blocking work on a lane; it never attaches to Python.
///
/// # Args
/// `work` polls its token between units of work and returns soon once it is cancelled.
///
/// # Cancellation
/// Dropping the future cancels the token; the thread is free when `work` returns.
///
/// # Cost
/// At most 32 lanes; further work waits its turn in order.
///
/// # Example
/// ```
/// use simul_engine::{blocking, spawn};
/// let sum = spawn("sum", blocking(|_cancel| Ok((1..=10).sum::<u32>())));
/// assert_eq!(sum.wait(None)?, 55);
/// # Ok::<(), simul_core::Error>(())
/// ```
pub async fn blocking<T, F>(work: F) -> Result<T>
where
    F: FnOnce(&CancelToken) -> Result<T> + Send + 'static,
    T: Send + 'static,
{
    let closed = || Error::new(Kind::Closed, "the engine was shut down before the work ended");
    let engine = runtime::current().ok_or_else(closed)?;
    let permit = engine.lanes.clone().acquire_owned().await.map_err(|_| closed())?;
    let token = CancelToken::new();
    let _guard = token.cancel_on_drop();
    #[expect(clippy::disallowed_methods, reason = "the one lawful place: lanes are bounded here")]
    let lane = tokio::task::spawn_blocking(move || {
        let outcome = panics::caught(|| work(&token));
        // The lane is free before its caller learns of it.
        drop(permit);
        outcome
    });
    match lane.await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(panic),
        Err(_) => Err(closed()),
    }
}
