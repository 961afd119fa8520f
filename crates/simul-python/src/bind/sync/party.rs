//! Who holds a lock and who waits for it: asked by a thread that is about to block.
//!
//! A thread that blocks holds up the event loop that it runs. If the holder, or anybody ahead in the line, is a task of
//! that loop, its turn would never come: lines are first come, first served, also where another thread holds the lock.

use super::operation::Asker;
use crate::bind::errors;
use crate::delivery::{nesting, running};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use simul_wake::{AsHeader, generation};
use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard};

/// A task or a thread.
pub(crate) enum Party {
    /// Its loop is asked of it when that matters.
    Task(Py<PyAny>),
    /// A loop between tasks, on this thread.
    Callback {
        event_loop: Py<PyAny>,
        ident: u64,
    },
    Thread {
        ident: u64,
    },
}

impl Party {
    /// Who runs now.
    pub(crate) fn here(py: Python<'_>) -> PyResult<Self> {
        let Some(event_loop) = running::event_loop(py)? else {
            return Ok(Self::Thread { ident: running::thread_ident() });
        };
        Ok(match running::task(&event_loop)? {
            Some(task) => Self::Task(task.unbind()),
            None => Self::Callback { event_loop: event_loop.unbind(), ident: running::thread_ident() },
        })
    }

    /// A number that is its alone while it is kept: a task's address, else the thread's number, which is the address of
    /// something else.
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::Task(task) => task.as_ptr().addr() as u64,
            Self::Callback { ident, .. } | Self::Thread { ident } => *ident,
        }
    }

    /// For people.
    fn describe(&self, py: Python<'_>) -> String {
        match self {
            Self::Task(task) => match task.bind(py).repr() {
                Ok(shown) => shown.to_string(),
                Err(_) => "a task".to_owned(),
            },
            Self::Callback { .. } => "a callback of an event loop".to_owned(),
            Self::Thread { ident } => format!("thread {ident}"),
        }
    }

    fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        match self {
            // A task that cannot say it is no reason to refuse.
            Self::Task(task) => task.bind(py).call_method0(pyo3::intern!(py, "get_loop")).ok(),
            Self::Callback { event_loop, .. } => Some(event_loop.bind(py).clone()),
            Self::Thread { .. } => None,
        }
    }

    fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Task(task) => Self::Task(task.clone_ref(py)),
            Self::Callback { event_loop, ident } => {
                Self::Callback { event_loop: event_loop.clone_ref(py), ident: *ident }
            }
            Self::Thread { ident } => Self::Thread { ident: *ident },
        }
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Task(task) => visit.call(task),
            Self::Callback { event_loop, .. } => visit.call(event_loop),
            Self::Thread { .. } => Ok(()),
        }
    }
}

/// The holder of something and those who wait for it, as far as Python code took them.
pub(crate) struct Parties {
    generation: u32,
    holder: Option<Party>,
    waiting: VecDeque<Waiting>,
    next: u64,
}

struct Waiting {
    number: u64,
    party: Party,
    place: Arc<dyn AsHeader>,
}

impl Default for Parties {
    fn default() -> Self {
        Self { generation: generation::current(), holder: None, waiting: VecDeque::new(), next: 0 }
    }
}

impl Parties {
    /// In a forked child: those of the parent are not here. Dropped, its tasks would complain that they are pending.
    #[inline]
    pub(crate) fn forget_inherited(&mut self) {
        if generation::is_inherited(self.generation) {
            let next = self.next;
            std::mem::forget(std::mem::take(self));
            self.next = next;
        }
    }

    /// It is held from now on; by whom it was held already, if by anybody.
    #[inline]
    pub(crate) fn hold_alone(&mut self, party: Party) {
        if self.holder.is_none() {
            self.holder = Some(party);
        }
    }

    /// It is held no longer.
    #[inline]
    pub(crate) fn let_go(&mut self) -> Option<Party> {
        self.holder.take()
    }

    /// Somebody waits from now on.
    pub(crate) fn wait(&mut self, party: Party, place: Arc<dyn AsHeader>) -> u64 {
        self.next += 1;
        self.waiting.push_back(Waiting { number: self.next, party, place });
        self.next
    }

    /// Somebody waits no longer.
    pub(crate) fn leave(&mut self, number: u64) -> Option<Party> {
        let place = self.waiting.iter().position(|waiting| waiting.number == number)?;
        self.waiting.remove(place).map(|waiting| waiting.party)
    }

    /// Copied, since asking a task for its loop may run Python code, and that not under the lock.
    fn all(&self, py: Python<'_>, but_the_holder: bool) -> Vec<(&'static str, Party)> {
        let holder = self.holder.iter().filter(|_| !but_the_holder).map(|held| ("is held by", held));
        // One that was cancelled has left the line, also when its task has not run since. One that was granted has not.
        let ahead = self.waiting.iter().filter(|waiting| !waiting.place.header().is_cancelled());
        let ahead = ahead.map(|waiting| ("goes first to", &waiting.party));
        holder.chain(ahead).map(|(how, party)| (how, party.clone_ref(py))).collect()
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.holder.iter().try_for_each(|party| party.traverse(visit))?;
        self.waiting.iter().try_for_each(|waiting| waiting.party.traverse(visit))
    }
}

/// Refuses a wait that could never end: the holder, or somebody ahead in the line, is a task of a loop that stands still.
///
/// # Errors
/// DeadlockError where this wait would hold up the loop, NestedLoopError where a call around this one does.
pub(crate) fn refuse_deadlock<'a>(
    py: Python<'_>,
    parties: impl FnOnce() -> MutexGuard<'a, Parties>,
    what: &str,
    asker: Asker,
) -> PyResult<()> {
    refuse(py, |py| parties().all(py, false), what, asker)
}

/// Refuses to give a lock up for a while where it could never be had again: it would go to a task of a loop that stands
/// still.
///
/// # Errors
/// As [`refuse_deadlock`].
pub(crate) fn refuse_overtaking<'a>(
    py: Python<'_>,
    parties: impl FnOnce() -> MutexGuard<'a, Parties>,
    asker: Asker,
) -> PyResult<()> {
    refuse(py, |py| parties().all(py, true), "Condition.wait", asker)
}

fn refuse<'py>(
    py: Python<'py>,
    others: impl FnOnce(Python<'py>) -> Vec<(&'static str, Party)>,
    what: &str,
    asker: Asker,
) -> PyResult<()> {
    let running = match asker {
        Asker::Task => None,
        Asker::Thread => running::event_loop(py)?,
    };
    if running.is_none() && !nesting::any_blocked() {
        return Ok(());
    }
    for (how, party) in others(py) {
        let Some(event_loop) = party.event_loop(py) else { continue };
        if !nesting::stands_still(&event_loop, running.as_ref()) {
            continue;
        }
        let class = if nesting::is_blocked(&event_loop) { "NestedLoopError" } else { "DeadlockError" };
        let message = format!(
            "{what}() would wait for ever: the lock {how} {}, whose event loop this call holds up. Await it in a coroutine \
             of that loop (`async with`), or make this call in another thread (simul.to_thread)",
            party.describe(py)
        );
        return Err(errors::raise(py, class, &message)?);
    }
    Ok(())
}
