//! Callers who want the same thing at the same time share one piece of work; it ends when the last of them leaves.

use super::progress::Said;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use simul_engine::per_process::PerProcess;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who hears how a flight goes.
pub(super) type Listener = Arc<dyn Fn(&Said) + Send + Sync>;

/// Everybody who shares one flight.
#[derive(Clone, Default)]
pub(super) struct Listeners(Arc<Mutex<Vec<Listener>>>);

impl Listeners {
    pub(super) fn tell(&self, said: &Said) {
        for listener in lock(&self.0).clone() {
            listener(said);
        }
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listeners({})", lock(&self.0).len())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The flights in the air, by what they are for.
pub(super) struct Flights<K, T: Clone>(Mutex<HashMap<K, Flight<T>>>);

type Work<T> = Shared<BoxFuture<'static, T>>;

struct Flight<T: Clone> {
    work: WeakShared<BoxFuture<'static, T>>,
    listeners: Listeners,
}

impl<K, T: Clone> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq, T: Clone + Send + Sync> Flights<K, T> {
    /// Joins the flight for `key`, or starts one.
    ///
    /// # Cancellation
    /// Dropping what this returns leaves the flight; the last to leave drops the work.
    pub(super) fn join(
        &self,
        key: K,
        listener: Listener,
        start: impl FnOnce(Listeners) -> BoxFuture<'static, T>,
    ) -> Work<T> {
        let mut flights = lock(&self.0);
        flights.retain(|_, flight| flight.work.upgrade().is_some());
        if let Some(flight) = flights.get(&key)
            && let Some(work) = flight.work.upgrade()
            && work.peek().is_none()
        {
            lock(&flight.listeners.0).push(listener);
            return work;
        }
        let listeners = Listeners::default();
        lock(&listeners.0).push(listener);
        let work = start(listeners.clone()).shared();
        if let Some(weak) = work.downgrade() {
            flights.insert(key, Flight { work: weak, listeners });
        }
        work
    }
}

/// The flights of this process.
pub(super) type Registry<K, T> = PerProcess<Flights<K, T>>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Count(Arc<AtomicUsize>);

    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_last_to_leave_ends_the_work() {
        let flights = Flights::<&str, u32>::default();
        let (started, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let heard = Arc::new(AtomicUsize::new(0));
        let listener: Listener = {
            let heard = heard.clone();
            Arc::new(move |_: &Said| {
                heard.fetch_add(1, Ordering::SeqCst);
            })
        };
        let join = || {
            let (started, dropped) = (started.clone(), dropped.clone());
            flights.join("a", listener.clone(), move |listeners| {
                started.fetch_add(1, Ordering::SeqCst);
                let count = Count(dropped);
                async move {
                    listeners.tell(&Said::default());
                    std::future::pending::<()>().await;
                    drop(count);
                    1
                }
                .boxed()
            })
        };
        let (first, second) = (join(), join());
        assert_eq!(started.load(Ordering::SeqCst), 1);
        assert!(first.clone().now_or_never().is_none());
        assert_eq!(heard.load(Ordering::SeqCst), 2, "both hear");
        drop(first);
        assert_eq!(dropped.load(Ordering::SeqCst), 0, "the other still wants it");
        drop(second);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        let _third = join();
        assert_eq!(started.load(Ordering::SeqCst), 2, "a new caller starts anew");
    }

    #[test]
    fn a_flight_that_landed_is_not_joined() {
        let flights = Flights::<u8, u32>::default();
        let fly = |value| flights.join(0, Arc::new(|_: &Said| {}), move |_| async move { value }.boxed());
        let first = fly(1);
        assert_eq!(first.clone().now_or_never(), Some(1));
        assert_eq!(fly(2).now_or_never(), Some(2), "what was asked for later is done later");
        drop(first);
    }
}
