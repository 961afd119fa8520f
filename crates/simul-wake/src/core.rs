//! A Job's state: settled once, by the work or by a cancel; it holds the list of its waiters.

use crate::generation;
use crate::sync::{AtomicU8, Mutex, Ordering, UnsafeCell, lock};
use crate::waiter::Waiter;
use simul_core::Result;
use std::fmt;
use std::task::Waker;

/// How far the work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Running, or about to.
    Pending,
    /// The outcome is being written.
    Settling,
    /// The outcome stands and has not been taken.
    Done,
    /// The outcome stood and has been taken.
    Taken,
    /// Dropped before it ended.
    Cancelled,
}

const PENDING: u8 = 0;
const SETTLING: u8 = 1;
const DONE: u8 = 2;
const TAKEN: u8 = 3;
const CANCELLED: u8 = 4;

/// Names one waiter of one Core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// What came of joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// The waiter will be woken.
    Joined(Ticket),
    /// There is nothing to wait for any more; the waiter was not kept.
    Ended,
}

#[derive(Debug)]
struct Entry {
    ticket: Ticket,
    /// None once it has left.
    waiter: Option<Waiter>,
    /// A callback is told of the end but does not keep the work going.
    counts: bool,
}

/// Everyone who waits, in the order of joining.
#[derive(Debug, Default)]
struct Waiters {
    /// Sorted by ticket, with gaps where somebody has left.
    entries: Vec<Entry>,
    gaps: usize,
    counting: usize,
    next_ticket: u64,
    /// Wakes the task that drives the work, so that it drops the work after a cancel.
    driver: Option<Waker>,
}

impl Waiters {
    fn add(&mut self, waiter: Waiter, counts: bool) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.counting += usize::from(counts);
        self.entries.push(Entry { ticket, waiter: Some(waiter), counts });
        ticket
    }

    fn find(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        let at = self.entries.binary_search_by_key(&ticket.0, |entry| entry.ticket.0).ok()?;
        self.entries.get_mut(at).filter(|entry| entry.waiter.is_some())
    }

    /// The waiter that has left, and whether it counted.
    fn remove(&mut self, ticket: Ticket) -> Option<(Waiter, bool)> {
        let entry = self.find(ticket)?;
        let (waiter, counts) = (entry.waiter.take()?, entry.counts);
        self.counting -= usize::from(counts);
        self.gaps += 1;
        // Thousands may leave one Job at once: closing the gaps now and then keeps each of them cheap.
        if self.gaps > 32 && self.gaps * 2 > self.entries.len() {
            self.entries.retain(|entry| entry.waiter.is_some());
            self.gaps = 0;
        }
        Some((waiter, counts))
    }
}

/// The part of a [`Core`] that does not depend on the type of its outcome.
#[derive(Debug)]
pub struct Header {
    generation: u32,
    phase: AtomicU8,
    waiters: Mutex<Waiters>,
}

impl Header {
    fn new() -> Self {
        Self {
            generation: generation::current(),
            phase: AtomicU8::new(PENDING),
            waiters: Mutex::new(Waiters::default()),
        }
    }

    /// Whether this belongs to a process that this one was forked from. Then nothing else here may be called.
    #[inline]
    pub fn is_inherited(&self) -> bool {
        generation::is_inherited(self.generation)
    }

    /// How far the work is.
    #[inline]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            PENDING => Phase::Pending,
            SETTLING => Phase::Settling,
            DONE => Phase::Done,
            TAKEN => Phase::Taken,
            _ => Phase::Cancelled,
        }
    }

    /// Whether an outcome stands or the work was cancelled.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.phase.load(Ordering::Acquire) >= DONE
    }

    /// Whether the work was dropped before it ended.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.phase.load(Ordering::Acquire) == CANCELLED
    }

    /// Waits from now on. A waiter that `counts` keeps the work going; the last such one to [`leave`](Self::leave)
    /// may end it.
    pub fn join(&self, waiter: Waiter, counts: bool) -> Join {
        let mut waiters = lock(&self.waiters);
        // Under the lock, since settling takes the list under the lock after it has stored the phase.
        if self.is_done() {
            return Join::Ended;
        }
        Join::Joined(waiters.add(waiter, counts))
    }

    /// Waits no longer. With `drop_if_last`, the work is dropped when no counting waiter is left.
    ///
    /// # Returns
    /// Whether the waiter was still waiting.
    pub fn leave(&self, ticket: Ticket, drop_if_last: bool) -> bool {
        let mut waiters = lock(&self.waiters);
        let Some((left, counted)) = waiters.remove(ticket) else { return false };
        // Decided under the lock: whoever joins after this finds it cancelled, or keeps it going.
        let driver = match counted && drop_if_last && waiters.counting == 0 {
            true => self.end(&mut waiters),
            false => Ended::default(),
        };
        // What is woken or dropped may own anything, so it is not under the lock.
        drop(waiters);
        drop(left);
        driver.tell();
        true
    }

    /// Drops the work if nobody waits whose waiting counts: for a task that was cancelled before it began to wait.
    pub fn drop_unless_awaited(&self) {
        let mut waiters = lock(&self.waiters);
        if waiters.counting == 0 {
            let ended = self.end(&mut waiters);
            drop(waiters);
            ended.tell();
        }
    }

    /// Replaces the waker of a Rust task that waits already.
    pub fn renew(&self, ticket: Ticket, waker: &Waker) -> Join {
        let mut waiters = lock(&self.waiters);
        match waiters.find(ticket) {
            Some(entry) => {
                if !matches!(&entry.waiter, Some(Waiter::Task(old)) if old.will_wake(waker)) {
                    entry.waiter = Some(Waiter::Task(waker.clone()));
                }
                Join::Joined(ticket)
            }
            None => Join::Ended,
        }
    }

    /// How many waiters keep the work going.
    pub fn waiting(&self) -> usize {
        lock(&self.waiters).counting
    }

    /// Ends the work for everybody, unless it has ended. Waiters hear of it when the work has been dropped.
    ///
    /// # Returns
    /// Whether this call ended it.
    pub fn cancel(&self) -> bool {
        let mut waiters = lock(&self.waiters);
        let ended = self.end(&mut waiters);
        drop(waiters);
        let by_us = ended.by_us;
        ended.tell();
        by_us
    }

    /// The cancel itself, under the lock of the waiters.
    fn end(&self, waiters: &mut Waiters) -> Ended {
        if self.phase.compare_exchange(PENDING, CANCELLED, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return Ended::default();
        }
        match waiters.driver.take() {
            // It drops the work and then wakes the others, by `dropped`.
            Some(driver) => Ended { by_us: true, driver: Some(driver), waiters: Vec::new() },
            // The work has not begun, and never will.
            None => Ended { by_us: true, driver: None, waiters: std::mem::take(&mut waiters.entries) },
        }
    }

    /// Told by the driver when it has dropped cancelled work: now everybody may know.
    pub fn dropped(&self) {
        self.wake_all();
    }

    /// Remembers how to reach the task that drives the work.
    ///
    /// # Returns
    /// False if the work has been cancelled already: then it must not start.
    pub fn driven_by(&self, driver: &Waker) -> bool {
        let mut waiters = lock(&self.waiters);
        if self.is_done() {
            return false;
        }
        waiters.driver = Some(driver.clone());
        true
    }

    /// Asks the thread of somebody who waits to run an upcall: one in `wait()` first, since it has nothing else to do
    /// (and its loop, if it has one, stands still), else a loop.
    ///
    /// # Returns
    /// Whether one was found.
    pub fn upcall(&self) -> bool {
        let waiters = lock(&self.waiters);
        let waiting = || waiters.entries.iter().filter(|entry| entry.counts).filter_map(|entry| entry.waiter.as_ref());
        waiting().any(Waiter::poke_thread) || waiting().any(Waiter::poke_loop)
    }

    fn wake_all(&self) {
        drop(self.take_waiters());
    }

    fn take_waiters(&self) -> Wake {
        let mut waiters = lock(&self.waiters);
        waiters.driver = None;
        waiters.counting = 0;
        Wake(std::mem::take(&mut waiters.entries))
    }
}

/// Waiters of what has ended: woken when this is dropped, so that it can be dropped outside of a lock.
#[derive(Debug)]
#[must_use = "dropping it wakes the waiters: do so outside of any lock"]
pub struct Wake(Vec<Entry>);

impl Drop for Wake {
    fn drop(&mut self) {
        std::mem::take(&mut self.0).into_iter().filter_map(|entry| entry.waiter).for_each(Waiter::wake);
    }
}

/// Whom a cancel must tell, once the lock is free.
#[derive(Default)]
struct Ended {
    by_us: bool,
    driver: Option<Waker>,
    waiters: Vec<Entry>,
}

impl Ended {
    fn tell(self) {
        if let Some(driver) = self.driver {
            driver.wake();
        }
        self.waiters.into_iter().filter_map(|entry| entry.waiter).for_each(Waiter::wake);
    }
}

/// Any [`Core`], whatever the type of its outcome.
pub trait AsHeader: Send + Sync {
    /// The part that does not depend on the type.
    fn header(&self) -> &Header;
}

impl<T: Send> AsHeader for Core<T> {
    fn header(&self) -> &Header {
        &self.header
    }
}

/// A Job's state with its outcome.
pub struct Core<T> {
    header: Header,
    outcome: UnsafeCell<Option<Result<T>>>,
}

// SAFETY: the outcome is written by the one thread that moved the phase from PENDING to SETTLING, and read by the one
// that moved it from DONE to TAKEN; the phase's release and acquire order the two.
unsafe impl<T: Send> Sync for Core<T> {}

impl<T> fmt::Debug for Core<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("phase", &self.header.phase()).finish_non_exhaustive()
    }
}

impl<T> Default for Core<T> {
    fn default() -> Self {
        Self { header: Header::new(), outcome: UnsafeCell::new(None) }
    }
}

impl<T> Core<T> {
    /// The part that does not depend on `T`.
    #[inline]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Stores the outcome and wakes every waiter; dropped if the work was cancelled before.
    ///
    /// # Returns
    /// Whether this outcome stands.
    pub fn settle(&self, outcome: Result<T>) -> bool {
        self.settle_quietly(outcome).is_ok()
    }

    /// As [`settle`](Self::settle), for a caller that holds a lock: the outcome stands now, and the waiters are woken
    /// when what this returns is dropped.
    ///
    /// # Errors
    /// The outcome, handed back: the work was cancelled or settled before.
    pub fn settle_quietly(&self, outcome: Result<T>) -> std::result::Result<Wake, Result<T>> {
        let phase = &self.header.phase;
        if phase.compare_exchange(PENDING, SETTLING, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return Err(outcome);
        }
        // SAFETY: only the winner of the exchange above gets here, and nobody reads before DONE.
        self.outcome.with_mut(|place| unsafe { *place = Some(outcome) });
        phase.store(DONE, Ordering::Release);
        Ok(self.header.take_waiters())
    }

    /// Takes the outcome; `None` if there is none, or it has been taken.
    pub fn take(&self) -> Option<Result<T>> {
        let phase = &self.header.phase;
        phase.compare_exchange(DONE, TAKEN, Ordering::AcqRel, Ordering::Acquire).ok()?;
        // SAFETY: only the winner of the exchange above gets here, after the outcome was published.
        self.outcome.with_mut(|place| unsafe { (*place).take() })
    }
}
