//! Sleeping as an argument, so that tests need no time.

use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// Where sleeping comes from.
pub trait Timer: Send + Sync + 'static {
    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The engine's own timer wheel.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A timer whose sleeps end when it is told that time has passed.
///
/// # Example
/// ```
/// use simul_engine::timer::{FakeTimer, Timer};
/// use simul_engine::spawn;
/// use std::time::Duration;
/// let timer = FakeTimer::default();
/// let hour = timer.sleep(Duration::from_secs(3600));
/// let job = spawn("hour", async move { Ok(hour.await) });
/// timer.advance(Duration::from_secs(3600));
/// job.wait(None)?;
/// # Ok::<(), simul_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct FakeTimer(Arc<Mutex<FakeTime>>);

#[derive(Default)]
struct FakeTime {
    now: Duration,
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl FakeTimer {
    /// Moves time forward and ends the sleeps that are due, earliest first.
    pub fn advance(&self, by: Duration) {
        let mut time = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        time.now += by;
        let now = time.now;
        let (mut due, later): (Vec<_>, Vec<_>) = time.sleepers.drain(..).partition(|(at, _)| *at <= now);
        time.sleepers = later;
        drop(time);
        due.sort_by_key(|(at, _)| *at);
        for (_, sleeper) in due {
            // A sleeper that was dropped needs no waking.
            let _ = sleeper.send(());
        }
    }
}

impl Timer for FakeTimer {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (wake, woken) = oneshot::channel();
        let mut time = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let at = time.now + duration;
        if duration.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        time.sleepers.push((at, wake));
        Box::pin(async move {
            // The sender lives as long as the timer; without one, time stands still for ever.
            if woken.await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

impl fmt::Debug for FakeTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeTimer")
    }
}
