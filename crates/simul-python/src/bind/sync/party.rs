//! Who holds a lock and who waits for it: asked by a thread that is about to block.
//!
//! A thread that blocks holds up the event loop that it runs. If the holder, or anybody ahead in the line, is a task of
//! that loop, its turn would never come: lines are first come, first served, also where another thread holds the lock.

use super::operation::Asker;
use crate::bind::errors;
use crate::delivery::{nesting, running};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};

/// A task or a thread.
pub(crate) enum Party {
    Task {
        event_loop: Py<PyAny>,
        /// None between tasks: a callback of the loop.
        task: Option<Py<PyAny>>,
    },
    Thread {
        ident: u64,
    },
}

impl Party {
    /// Who runs now.
    pub(crate) fn here(py: Python<'_>) -> PyResult<Self> {
        Ok(match running::event_loop(py)? {
            Some(event_loop) => {
                let task = running::task(&event_loop)?.map(Bound::unbind);
                Self::Task { event_loop: event_loop.unbind(), task }
            }
            None => Self::Thread { ident: running::thread_ident() },
        })
    }

    /// For people.
    fn describe(&self, py: Python<'_>) -> String {
        match self {
            Self::Task { task: Some(task), .. } => match task.bind(py).repr() {
                Ok(shown) => shown.to_string(),
                Err(_) => "a task".to_owned(),
            },
            Self::Task { task: None, .. } => "a callback of an event loop".to_owned(),
            Self::Thread { ident } => format!("thread {ident}"),
        }
    }

    fn stands_still(&self, py: Python<'_>, running: Option<&Bound<'_, PyAny>>) -> bool {
        match self {
            Self::Task { event_loop, .. } => nesting::stands_still(event_loop.bind(py), running),
            Self::Thread { .. } => false,
        }
    }

    /// Whether a nested call holds up its loop.
    fn is_below(&self, py: Python<'_>) -> bool {
        match self {
            Self::Task { event_loop, .. } => nesting::is_blocked(event_loop.bind(py)),
            Self::Thread { .. } => false,
        }
    }

    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Task { event_loop, task } => {
                Self::Task { event_loop: event_loop.clone_ref(py), task: task.as_ref().map(|task| task.clone_ref(py)) }
            }
            Self::Thread { ident } => Self::Thread { ident: *ident },
        }
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Task { task: Some(ours), .. }, Self::Task { task: Some(theirs), .. }) => ours.is(theirs),
            (Self::Thread { ident: ours }, Self::Thread { ident: theirs }) => ours == theirs,
            _ => false,
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Task { event_loop, task } => {
                visit.call(event_loop)?;
                visit.call(task)
            }
            Self::Thread { .. } => Ok(()),
        }
    }
}

/// The holders of something and those who wait for it, as far as Python code took them.
#[derive(Default)]
pub(crate) struct Parties {
    holders: Vec<Party>,
    waiting: Vec<(u64, Party)>,
    next: u64,
}

impl Parties {
    /// Somebody holds from now on.
    pub(crate) fn hold(&mut self, party: Party) {
        self.holders.push(party);
    }

    /// Somebody holds no longer: this party if it is one of them, else the one that has held longest.
    pub(crate) fn let_go(&mut self, party: Option<&Party>) -> Option<Party> {
        let place = party.and_then(|party| self.holders.iter().position(|held| held.is_same(party)));
        match self.holders.is_empty() {
            true => None,
            false => Some(self.holders.remove(place.unwrap_or(0))),
        }
    }

    /// Somebody waits from now on.
    pub(crate) fn wait(&mut self, party: Party) -> u64 {
        self.next += 1;
        self.waiting.push((self.next, party));
        self.next
    }

    /// Somebody waits no longer.
    pub(crate) fn leave(&mut self, number: u64) -> Option<Party> {
        let place = self.waiting.iter().position(|(known, _)| *known == number)?;
        Some(self.waiting.remove(place).1)
    }

    /// The first whose turn cannot come while this thread waits.
    fn stuck(&self, py: Python<'_>, running: Option<&Bound<'_, PyAny>>) -> Option<(&'static str, Party)> {
        let holders = self.holders.iter().map(|held| ("is held by", held));
        let waiting = self.waiting.iter().map(|(_, waiting)| ("goes first to", waiting));
        let (how, party) = holders.chain(waiting).find(|(_, party)| party.stands_still(py, running))?;
        Some((how, party.clone_ref(py)))
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.holders.iter().try_for_each(|party| party.traverse(visit))?;
        self.waiting.iter().try_for_each(|(_, party)| party.traverse(visit))
    }
}

/// Refuses a wait that could never end: the holder, or somebody ahead in the line, is a task of a loop that stands still.
///
/// # Errors
/// DeadlockError where this wait would hold up the loop, NestedLoopError where a call around this one does.
pub(crate) fn refuse_deadlock(py: Python<'_>, parties: &Mutex<Parties>, what: &str, asker: Asker) -> PyResult<()> {
    let running = match asker {
        Asker::Task => None,
        Asker::Thread => running::event_loop(py)?,
    };
    let stuck = parties.lock().unwrap_or_else(PoisonError::into_inner).stuck(py, running.as_ref());
    let Some((how, party)) = stuck else { return Ok(()) };
    let class = if party.is_below(py) { "NestedLoopError" } else { "DeadlockError" };
    let message = format!(
        "{what} would wait for ever: it {how} {}, whose event loop this call holds up. Await it in a coroutine of that \
         loop (`async with`), or make this call in another thread (simul.to_thread)",
        party.describe(py)
    );
    Err(errors::raise(py, class, &message)?)
}
