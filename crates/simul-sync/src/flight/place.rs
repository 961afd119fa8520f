//! One who waits for work that is in flight.

use super::join::{Flight, Joined};
use super::lead::Lead;
use super::run::{Key, Term, Waiting};
use crate::wait::{Source, Wait};
use simul_wake::Core;
use std::fmt;
use std::sync::Arc;

/// An outcome, as each waiter gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landing<T> {
    /// What the work gave.
    pub value: T,
    /// Whether others got it too.
    pub shared: bool,
}

/// What a waiter is told.
#[derive(Debug)]
pub enum Told<K: Key, T: Send + 'static> {
    /// The work has ended.
    Landed(Landing<T>),
    /// Who carried the work has gone. This waiter is in the flight still.
    Vacant(Vacant<K, T>),
}

/// A place in a flight that had no leader a moment ago. Dropping it leaves the flight.
#[must_use = "dropping it leaves the flight"]
pub struct Vacant<K: Key, T: Send + 'static>(Box<Wait<Place<K, T>>>);

impl<K: Key, T: Send + 'static> Vacant<K, T> {
    /// Goes on waiting, and takes the lead if nobody else has it.
    ///
    /// # Returns
    /// As [`Flight::join`]: the lead, if this waiter has it now, and its place.
    pub fn claim(self) -> Joined<K, T> {
        let place = self.0.source();
        let mut runs = place.flight.lock();
        let appointed = runs.get(&place.key, place.work).and_then(|run| {
            // From here on it waits, and wants to hear of the next vacancy.
            run.waiting
                .iter_mut()
                .filter(|waiting| Arc::ptr_eq(&waiting.core, self.0.core()))
                .for_each(Waiting::listen);
            run.appoint().map(|released| (run.term, released))
        });
        drop(runs);
        let lead = appointed.map(|(term, released)| Lead::new(place.clone(), term, released));
        (lead, *self.0)
    }
}

impl<K: Key, T: Send + 'static> fmt::Debug for Vacant<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vacant").finish_non_exhaustive()
    }
}

/// Which work a waiter waits for.
pub struct Place<K: Key, T: Send + 'static> {
    pub(super) flight: Flight<K, T>,
    pub(super) key: K,
    pub(super) work: u64,
}

impl<K: Key, T: Send + 'static> Clone for Place<K, T> {
    fn clone(&self) -> Self {
        Self { flight: self.flight.clone(), key: self.key.clone(), work: self.work }
    }
}

impl<K: Key, T: Send + 'static> Place<K, T> {
    /// The leader of this term has gone: all who wait are told so, and stay.
    pub(super) fn vacate(&self, term: Term) -> bool {
        let mut runs = self.flight.lock();
        let Some(run) = runs.get(&self.key, self.work).filter(|run| run.term == term) else { return false };
        let Some(released) = run.released.take() else { return false };
        let mut wakes = Vec::with_capacity(run.live);
        for waiting in std::mem::take(&mut run.waiting) {
            if waiting.told {
                run.waiting.push(waiting);
                continue;
            }
            let next = Arc::new(Core::default());
            let vacant = Vacant(Box::new(Wait::new(next.clone(), self.clone())));
            match waiting.core.settle_quietly(Ok(Told::Vacant(vacant))) {
                Ok(wake) => {
                    run.waiting.push(Waiting { core: next, told: true });
                    wakes.push(wake);
                }
                // It is about to leave, and will count itself out.
                Err(Ok(Told::Vacant(vacant))) => vacant.0.forget(),
                Err(_) => {}
            }
        }
        drop(runs);
        drop(wakes);
        released.settle(Ok(()));
        true
    }
}

impl<K: Key, T: Send + 'static> Source for Place<K, T> {
    type Grant = Told<K, T>;

    /// Nobody else lacks it; the place of one who was told that the flight is vacant is left by being dropped.
    fn give_back(&self, _told: Told<K, T>) {}

    fn left(&self) {
        let mut runs = self.flight.lock();
        let Some(run) = runs.get(&self.key, self.work) else { return };
        run.live -= 1;
        if run.live > 0 {
            // Thousands may give up while one stays: sweeping now and then keeps each of them cheap.
            if run.waiting.len() > 64 && run.live * 2 < run.waiting.len() {
                run.waiting.retain(|waiting| !waiting.core.header().is_done());
            }
            return;
        }
        // Decided under the lock: who asks after this leads anew.
        let run = runs.by_key.remove(&self.key);
        drop(runs);
        if let Some(released) = run.and_then(|run| run.released) {
            released.settle(Ok(()));
        }
    }
}

impl<K: Key, T: Send + 'static> fmt::Debug for Place<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("work", &self.work).finish_non_exhaustive()
    }
}
