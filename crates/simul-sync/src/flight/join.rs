//! A flight, and who joins it.

use super::lead::Lead;
use super::place::Place;
use super::run::{Key, Runs, Term, Waiting};
use crate::body::Body;
use crate::sync::{Arc as Shared, MutexGuard};
use crate::wait::Wait;
use simul_core::{Error, Kind};
use simul_wake::Core;
use std::fmt;
use std::sync::Arc;

/// Work by key, done once for all who ask while it goes on. A handle: its clones are the same flight.
///
/// It is no cache: work that has ended is forgotten, and whoever asks next leads again. Keys are hashed, compared,
/// cloned and dropped under a lock: they must not come back here when that happens.
///
/// # Cancellation
/// A waiter that is dropped leaves. When the last one has left, the [`Lead`] hears that its work is unwanted. A [`Lead`]
/// that is dropped goes to one of those who wait.
///
/// # Threads and loops
/// Any thread and any async runtime at once. A forked child has nothing in flight.
///
/// # Example
/// ```
/// use simul_sync::Flight;
/// use simul_sync::flight::Told;
/// let flight = Flight::<&str, u32>::new();
/// let (lead, mut first) = flight.join("answer");
/// let (nobody, mut second) = flight.join("answer");
/// assert!(nobody.is_none());
/// let lead = lead.expect("the first leads");
/// std::thread::spawn(move || lead.land(42));
/// for wait in [&mut first, &mut second] {
///     let Told::Landed(landing) = wait.block(None)? else { panic!("who carried it did not go away") };
///     assert_eq!((landing.value, landing.shared), (42, true));
/// }
/// # Ok::<(), simul_core::Error>(())
/// ```
pub struct Flight<K: Key, T: Send + 'static>(Shared<Body<Runs<K, T>>>);

impl<K: Key, T: Send + 'static> Clone for Flight<K, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Key, T: Send + 'static> Default for Flight<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Key, T: Send + 'static> Flight<K, T> {
    /// Nothing is in flight.
    pub fn new() -> Self {
        Self(Shared::new(Body::new(())))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Runs<K, T>> {
        self.0.lock()
    }

    /// How many wait for the work of this key.
    pub fn waiting(&self, key: &K) -> usize {
        self.0.lock().by_key.get(key).map_or(0, |run| run.live)
    }

    /// How many keys have work in flight.
    pub fn len(&self) -> usize {
        self.0.lock().by_key.len()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the work of this key up: who waits for it gets a `Cancelled` error, and who asks next leads anew.
    ///
    /// # Returns
    /// Whether there was any.
    pub fn reset(&self, key: &K) -> bool {
        let removed = self.0.lock().by_key.remove(key);
        let Some(run) = removed else { return false };
        if let Some(released) = run.released {
            released.settle(Ok(()));
        }
        for waiting in run.waiting {
            waiting.core.settle(Err(Error::new(Kind::Cancelled, "the flight was reset while this call waited for it")));
        }
        true
    }

    /// Takes the lead away from one who does not get on with the work: all who wait are told that the flight is vacant.
    ///
    /// # Args
    /// `seen`: whose lead, by [`Lead::term`]. Another's is left alone.
    ///
    /// # Returns
    /// Whether that one led.
    pub fn vacate(&self, key: K, seen: Term) -> bool {
        Place { flight: self.clone(), key, work: seen.work }.vacate(seen)
    }

    /// Waits for the work of this key from now on.
    ///
    /// # Returns
    /// The place of this waiter; and the duty to have the work done, if nobody has it.
    pub fn join(&self, key: K) -> Joined<K, T> {
        let core = Arc::new(Core::default());
        let mut runs = self.0.lock();
        let run = runs.get_or_begin(&key);
        run.live += 1;
        run.waiting.push(Waiting { core: core.clone(), told: false });
        let (appointed, term) = (run.appoint(), run.term);
        drop(runs);
        let place = Place { flight: self.clone(), key, work: term.work };
        let lead = appointed.map(|released| Lead::new(place.clone(), term, released));
        (lead, Wait::new(core, place))
    }
}

/// The lead, for the one who has it; and the place of a waiter.
pub type Joined<K, T> = (Option<Lead<K, T>>, Wait<Place<K, T>>);

impl<K: Key, T: Send + 'static> fmt::Debug for Flight<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
    }
}
