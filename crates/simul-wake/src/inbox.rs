//! A loop's inbox: finished slots, pushed by any thread without a lock, drained by the loop in batches.
//!
//! A Treiber stack whose push says whether the stack was empty: that push, and no other, rings the bell. So a burst
//! costs one wake-up however long it is, with no flag that could be left standing. Draining takes the whole stack and
//! turns it round, which gives first in, first out.

use crate::SlotKey;
use crate::sync::{AtomicPtr, Ordering};
use crate::{gate, generation};
use std::fmt;
use std::ptr;
use std::sync::atomic::AtomicU64;

/// What a push tells its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// What the slot waits for has ended.
    Done(SlotKey),
    /// The slot's thread is needed for an upcall.
    Upcall(SlotKey),
}

struct Node {
    notice: Notice,
    next: *mut Node,
}

/// How a loop learns that its inbox is no longer empty.
pub trait Bell: Send + Sync {
    /// Called from any thread, without the interpreter, by the push that found the inbox empty.
    fn ring(&self);
}

/// Wake-ups since the process began (for tests and `simul.testing.statistics`).
static WAKE_UPS: AtomicU64 = AtomicU64::new(0);

/// How often any inbox rang its bell in this process.
pub fn wake_ups() -> u64 {
    WAKE_UPS.load(std::sync::atomic::Ordering::Relaxed)
}

/// The half of a loop's inbox that other threads see.
pub struct Inbox {
    head: AtomicPtr<Node>,
    bell: Box<dyn Bell>,
    generation: u32,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("generation", &self.generation).finish_non_exhaustive()
    }
}

// SAFETY: nodes are owned by whoever took them off the stack; the bell is Send + Sync by its trait.
unsafe impl Send for Inbox {}
// SAFETY: as above; the head is only touched by atomic operations.
unsafe impl Sync for Inbox {}

/// The head of a closed inbox: no node has this address.
fn closed() -> *mut Node {
    ptr::without_provenance_mut(1)
}

impl Inbox {
    /// An open, empty inbox of this generation.
    pub fn new(bell: Box<dyn Bell>) -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), bell, generation: generation::current() }
    }

    /// The generation in which it was made.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Adds a notice; rings if the inbox was empty. A closed inbox, one of an older generation, and any inbox while the
    /// interpreter exits drop it.
    ///
    /// # Returns
    /// Whether it was taken in.
    ///
    /// # Threads and loops
    /// Any thread; lock-free; never touches the interpreter.
    pub fn push(&self, notice: Notice) -> bool {
        if generation::is_inherited(self.generation) || gate::is_closed() {
            return false;
        }
        let node = Box::into_raw(Box::new(Node { notice, next: ptr::null_mut() }));
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            if head == closed() {
                // SAFETY: the node was never published.
                drop(unsafe { Box::from_raw(node) });
                return false;
            }
            // SAFETY: the node is ours until the exchange below publishes it.
            unsafe { (*node).next = head };
            match self.head.compare_exchange_weak(head, node, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        if head.is_null() {
            WAKE_UPS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.bell.ring();
        }
        true
    }

    /// Takes everything, oldest first. The caller has silenced the bell before: what arrives after that rings again.
    pub fn drain(&self) -> Vec<Notice> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            if head.is_null() || head == closed() {
                return Vec::new();
            }
            match self.head.compare_exchange_weak(head, ptr::null_mut(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Self::collect(head),
                Err(now) => head = now,
            }
        }
    }

    /// Closes for good: what is inside and what comes later is dropped.
    pub fn close(&self) {
        let head = self.head.swap(closed(), Ordering::AcqRel);
        if head != closed() {
            drop(Self::collect(head));
        }
    }

    fn collect(mut head: *mut Node) -> Vec<Notice> {
        let mut notices = Vec::new();
        while !head.is_null() {
            // SAFETY: the exchange made this thread the only owner of the chain.
            let node = unsafe { Box::from_raw(head) };
            notices.push(node.notice);
            head = node.next;
        }
        notices.reverse();
        notices
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.close();
    }
}
