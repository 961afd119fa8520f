//! The books behind the lock: which work is in flight, who leads it, and who waits for it.

use super::place::Told;
use crate::body::State;
use simul_wake::Core;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// What work is told apart by.
pub trait Key: Eq + Hash + Clone + Send + Sync + 'static {}

impl<K: Eq + Hash + Clone + Send + Sync + 'static> Key for K {}

/// Who leads which work: another leader, or other work, is another term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Which work.
    pub(super) work: u64,
    /// Its how manyeth leader.
    pub(super) leader: u64,
}

/// One who waits.
pub(super) struct Waiting<K: Key, T: Send + 'static> {
    pub(super) core: Arc<Core<Told<K, T>>>,
    /// It was told of a vacancy, and has not answered.
    pub(super) told: bool,
}

impl<K: Key, T: Send + 'static> Waiting<K, T> {
    pub(super) fn listen(&mut self) {
        self.told = false;
    }
}

pub(super) struct Run<K: Key, T: Send + 'static> {
    pub(super) term: Term,
    /// Settled when the leader need not go on: nobody waits any more, it was reset, or another leads. None: vacant.
    pub(super) released: Option<Arc<Core<()>>>,
    pub(super) waiting: Vec<Waiting<K, T>>,
    /// How many have not left.
    pub(super) live: usize,
}

impl<K: Key, T: Send + 'static> Run<K, T> {
    /// A new leader, if there is none.
    pub(super) fn appoint(&mut self) -> Option<Arc<Core<()>>> {
        if self.released.is_some() {
            return None;
        }
        self.term.leader += 1;
        let released = Arc::new(Core::default());
        self.released = Some(released.clone());
        Some(released)
    }
}

pub(super) struct Runs<K: Key, T: Send + 'static> {
    pub(super) by_key: HashMap<K, Run<K, T>>,
    works: u64,
}

impl<K: Key, T: Send + 'static> State for Runs<K, T> {
    type Config = ();

    fn new(_config: &()) -> Self {
        Self { by_key: HashMap::new(), works: 0 }
    }
}

impl<K: Key, T: Send + 'static> Runs<K, T> {
    /// The work of this key, if it is still that one.
    pub(super) fn get(&mut self, key: &K, work: u64) -> Option<&mut Run<K, T>> {
        self.by_key.get_mut(key).filter(|run| run.term.work == work)
    }

    /// The work of this key, in flight from now on if it was not.
    pub(super) fn get_or_begin(&mut self, key: &K) -> &mut Run<K, T> {
        // A key is cloned for work that begins, and not for one who joins.
        if !self.by_key.contains_key(key) {
            self.works += 1;
            let term = Term { work: self.works, leader: 0 };
            self.by_key.insert(key.clone(), Run { term, released: None, waiting: Vec::new(), live: 0 });
        }
        self.by_key.get_mut(key).expect("it was put there just now")
    }

    /// Takes the work out if this term still stands.
    pub(super) fn remove(&mut self, key: &K, term: Term) -> Option<Run<K, T>> {
        match self.by_key.get(key) {
            Some(run) if run.term == term && run.released.is_some() => self.by_key.remove(key),
            _ => None,
        }
    }
}
