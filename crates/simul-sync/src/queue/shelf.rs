//! The state of a queue, under its lock.

use super::calls::Parcel;
use super::store::Store;
use crate::body::State;
use crate::line::Line;
use simul_core::{Error, Kind};
use simul_wake::Wake;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;

/// Why a queue gives nothing, or takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused<E = Infallible> {
    /// It is empty, or full.
    NotNow,
    /// It has been shut down.
    ShutDown,
    /// Two items could not be compared; nothing has changed.
    Order(E),
}

/// What the state of a queue is, for those who look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStatistics {
    /// How many items lie in it.
    pub size: usize,
    /// How many puts have been promised room, and have not been resumed.
    pub promised: usize,
    /// How many items have been put for which `task_done` has not been called.
    pub unfinished: usize,
    /// How many wait for an item.
    pub getting: usize,
    /// How many wait for room.
    pub putting: usize,
    /// How many wait until all work is done.
    pub joining: usize,
    /// Whether it has been shut down.
    pub shut_down: bool,
}

/// What a queue was made with.
pub struct Config<S> {
    /// 0 is without limit.
    pub(super) maxsize: usize,
    pub(super) make: fn() -> S,
}

/// What stands behind the lock of a queue.
pub struct Shelf<T, S> {
    pub(super) store: S,
    /// Handed over and given back: they go first. Sorted by when they were handed over.
    front: VecDeque<(u64, T)>,
    /// Handed over to a getter that has not been resumed. Sorted as above.
    handed: VecDeque<(u64, T)>,
    next: u64,
    promised: usize,
    unfinished: usize,
    pub(super) getters: Line<Parcel<T>>,
    pub(super) putters: Line<()>,
    joiners: Line<()>,
    is_shut: bool,
    /// Shut down at once: nothing is kept any more.
    discards: bool,
}

impl<T, S> Shelf<T, S> {
    fn empty(store: S) -> Self {
        Self {
            store,
            front: VecDeque::new(),
            handed: VecDeque::new(),
            next: 0,
            promised: 0,
            unfinished: 0,
            getters: Line::default(),
            putters: Line::default(),
            joiners: Line::default(),
            is_shut: false,
            discards: false,
        }
    }
}

impl<T: Send, S: Store<T>> State for Shelf<T, S> {
    type Config = Config<S>;

    fn new(config: &Config<S>) -> Self {
        Self::empty((config.make)())
    }

    /// The child finds the items, those on their way too, since nobody is here to read them; and no waiters.
    fn inherited(self, _config: &Config<S>) -> Self {
        let Self { store, front, handed, next, unfinished, getters, putters, joiners, is_shut, discards, .. } = self;
        std::mem::forget((getters, putters, joiners));
        let mut back: Vec<_> = front.into_iter().chain(handed).collect();
        back.sort_by_key(|(number, _)| *number);
        Self { front: back.into(), next, unfinished, is_shut, discards, ..Self::empty(store) }
    }
}

/// A put that cannot go on here.
pub(super) enum Stop<T> {
    Refused(T),
    ShutDown(T),
    /// The store wants another plan.
    Replan(T),
}

impl<T: Send, S: Store<T>> Shelf<T, S> {
    /// How many items lie here.
    pub(super) fn len(&self) -> usize {
        self.front.len() + self.store.len()
    }

    pub(super) fn is_shut(&self) -> bool {
        self.is_shut
    }

    /// Whether a put has to wait: no room, or none that is not promised.
    pub(super) fn is_full(&self, maxsize: usize) -> bool {
        maxsize > 0 && self.len() + self.promised >= maxsize
    }

    /// Takes an item in: to the first who waits for one, else into the store. Room is the caller's business.
    pub(super) fn admit(&mut self, item: T, plan: &S::Plan, wakes: &mut Vec<Wake>) -> Result<(), Stop<T>> {
        if self.is_shut {
            return Err(Stop::ShutDown(item));
        }
        if let Err(item) = self.hand_over(item, wakes) {
            self.store.push(item, plan).map_err(Stop::Replan)?;
        }
        self.unfinished += 1;
        Ok(())
    }

    /// Gives an item to the first who waits for one.
    fn hand_over(&mut self, item: T, wakes: &mut Vec<Wake>) -> Result<(), T> {
        match self.getters.grant(Parcel::Kept(self.next)) {
            Ok(wake) => {
                self.handed.push_back((self.next, item));
                self.next += 1;
                wakes.push(wake);
                Ok(())
            }
            Err(_) => Err(item),
        }
    }

    /// Takes the next item out. None: there is none, or the store wants another plan.
    pub(super) fn next(&mut self, plan: &S::Plan) -> Option<T> {
        match self.front.pop_front() {
            Some((_, item)) => Some(item),
            None => self.store.pop(plan),
        }
    }

    /// Promises the room that there is to those who wait for it.
    pub(super) fn promise(&mut self, maxsize: usize, wakes: &mut Vec<Wake>) {
        while !self.is_shut && !self.is_full(maxsize) {
            let Ok(wake) = self.putters.grant(()) else { break };
            self.promised += 1;
            wakes.push(wake);
        }
    }

    /// A promise has been used, or was given back.
    pub(super) fn redeem(&mut self) {
        self.promised = self.promised.saturating_sub(1);
    }

    /// What was handed over is read now.
    pub(super) fn collect(&mut self, number: u64) -> Option<T> {
        let place = self.handed.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.handed.remove(place).map(|(_, item)| item)
    }

    /// What was handed over comes back unread: to the next who waits, else to the front.
    ///
    /// # Returns
    /// The item, if it is to be dropped.
    pub(super) fn take_back(&mut self, parcel: Parcel<T>, wakes: &mut Vec<Wake>) -> Option<T> {
        let (number, item) = match parcel {
            Parcel::Kept(number) => (number, self.collect(number)?),
            Parcel::Here(item) => (0, item),
        };
        if self.discards {
            self.finish(1, wakes);
            return Some(item);
        }
        if let Err(item) = self.hand_over(item, wakes) {
            let place = self.front.partition_point(|(held, _)| *held < number);
            self.front.insert(place, (number, item));
        }
        None
    }

    /// Work on `count` items is done. False, and nothing is changed, if there were not as many.
    pub(super) fn finish(&mut self, count: usize, wakes: &mut Vec<Wake>) -> bool {
        let Some(left) = self.unfinished.checked_sub(count) else { return false };
        self.unfinished = left;
        if left == 0 {
            while let Ok(wake) = self.joiners.grant(()) {
                wakes.push(wake);
            }
        }
        true
    }

    pub(super) fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    pub(super) fn joiners(&mut self) -> &mut Line<()> {
        &mut self.joiners
    }

    /// Nothing goes in any more. What lies here is returned if it is to go at once.
    pub(super) fn shut(&mut self, immediate: bool, wakes: &mut Vec<Wake>) -> Vec<T> {
        self.is_shut = true;
        self.discards |= immediate;
        let mut dropped = Vec::new();
        if immediate {
            dropped.extend(std::mem::take(&mut self.front).into_iter().map(|(_, item)| item));
            dropped.append(&mut self.store.take_all());
            self.finish(dropped.len().min(self.unfinished), wakes);
        }
        // Whoever waits for an item does so because there is none.
        while let Some(wake) = self.getters.fail(shut_down()) {
            wakes.push(wake);
        }
        while let Some(wake) = self.putters.fail(shut_down()) {
            wakes.push(wake);
        }
        dropped
    }

    /// Takes everything out, for a collector that breaks cycles.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        let handed = std::mem::take(&mut self.handed);
        let front = std::mem::take(&mut self.front);
        let mut all: Vec<T> = front.into_iter().chain(handed).map(|(_, item)| item).collect();
        all.append(&mut self.store.take_all());
        all
    }

    /// Shows each item.
    pub(super) fn try_each<E>(&self, mut look: impl FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        self.front.iter().chain(&self.handed).try_for_each(|(_, item)| look(item))?;
        self.store.try_each(look)
    }

    pub(super) fn statistics(&self) -> QueueStatistics {
        QueueStatistics {
            size: self.len(),
            promised: self.promised,
            unfinished: self.unfinished,
            getting: self.getters.len(),
            putting: self.putters.len(),
            joining: self.joiners.len(),
            shut_down: self.is_shut,
        }
    }
}

/// What a waiter is failed with by a shutdown.
pub(super) fn shut_down() -> Error {
    Error::new(Kind::Closed, "the queue has been shut down")
}

impl<S> fmt::Debug for Config<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("maxsize", &self.maxsize).finish_non_exhaustive()
    }
}

impl<T, S> fmt::Debug for Shelf<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("unfinished", &self.unfinished).finish_non_exhaustive()
    }
}
