//! Models of a lock and a semaphore: every interleaving of hand-off, leaving and waiting. Built with `--cfg simul_loom`
//! only (`./dev loom`). Who waits does so as a thread: a hand-off that is lost is a deadlock to loom.
#![cfg(simul_loom)]

#[path = "model/later.rs"]
mod later;

use later::later;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use simul_sync::semaphore::SemaphoreStatistics;
use simul_sync::{Entered, Lock, Semaphore, Wait};
use simul_wake::inbox::{Bell, Inbox};
use simul_wake::{Join, Slab, Waiter};

/// Held by one who was granted it, and free after that one has released it.
fn assert_held_once(lock: &Lock) {
    assert!(!lock.acquire_nowait(), "somebody holds it");
    assert_eq!(lock.statistics().waiting, 0);
    lock.release().expect("it is held");
    assert!(lock.release().is_err(), "it was held twice");
}

#[test]
fn a_lock_whose_first_waiter_leaves_goes_to_the_second() {
    loom::model(|| {
        let lock = Lock::new();
        assert!(lock.acquire_nowait());
        let first = later(lock.enter());
        let mut second = later(lock.enter());
        let holder = lock.clone();
        let releases = thread::spawn(move || holder.release().expect("it is held"));
        drop(first);
        second.block(None).expect("the first has left");
        releases.join().expect("it does not panic");
        assert_held_once(&lock);
    });
}

#[test]
fn a_lock_that_was_granted_to_one_who_leaves_ends_free() {
    loom::model(|| {
        let lock = Lock::new();
        assert!(lock.acquire_nowait());
        let waits = later(lock.enter());
        let holder = lock.clone();
        let releases = thread::spawn(move || holder.release().expect("it is held"));
        drop(waits);
        releases.join().expect("it does not panic");
        assert!(lock.acquire_nowait(), "nobody holds it");
        assert_held_once(&lock);
    });
}

#[test]
fn a_lock_that_comes_back_unread_goes_to_one_who_comes() {
    loom::model(|| {
        let lock = Lock::new();
        assert!(lock.acquire_nowait());
        let granted = later(lock.enter());
        lock.release().expect("it is held");
        let leaves = thread::spawn(move || drop(granted));
        if let Entered::Later(mut wait) = lock.enter() {
            wait.block(None).expect("the other has left");
        }
        leaves.join().expect("it does not panic");
        assert_held_once(&lock);
    });
}

#[test]
fn of_two_releases_at_once_one_is_refused() {
    loom::model(|| {
        let lock = Lock::new();
        assert!(lock.acquire_nowait());
        let other = lock.clone();
        let releases = thread::spawn(move || other.release().is_ok());
        let here = lock.release().is_ok();
        let there = releases.join().expect("it does not panic");
        assert!(here != there, "it was held once");
        assert!(lock.acquire_nowait(), "nobody holds it");
        assert_held_once(&lock);
    });
}

#[test]
fn two_permits_beside_one_who_leaves_are_neither_lost_nor_doubled() {
    let mut model = loom::model::Builder::new();
    // All interleavings of three threads would take a minute.
    model.preemption_bound = Some(3);
    model.check(|| {
        let semaphore = Semaphore::bounded(2);
        assert!(semaphore.acquire_nowait() && semaphore.acquire_nowait());
        let first = later(semaphore.enter());
        let mut second = later(semaphore.enter());
        let releases = [semaphore.clone(), semaphore.clone()]
            .map(|semaphore| thread::spawn(move || semaphore.release().expect("two are held")));
        drop(first);
        second.block(None).expect("the first has left");
        for thread in releases {
            thread.join().expect("it does not panic");
        }
        assert_eq!(semaphore.statistics(), SemaphoreStatistics { free: 1, waiting: 0 });
        semaphore.release().expect("the second holds one");
        assert!(semaphore.release().is_err(), "there were two");
    });
}

#[test]
fn what_one_holder_wrote_the_next_one_reads() {
    loom::model(|| {
        let lock = Lock::new();
        let counted = Arc::new(AtomicUsize::new(0));
        // Relaxed, in two steps: without the lock's order, or with two inside, one of them is lost.
        let count = |lock: &Lock, counted: &AtomicUsize| {
            let held = lock.acquire().wait().expect("it is free in the end");
            counted.store(counted.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            drop(held);
        };
        let there = (lock.clone(), counted.clone());
        let other = thread::spawn(move || count(&there.0, &there.1));
        count(&lock, &counted);
        other.join().expect("it does not panic");
        assert_eq!(counted.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn one_who_does_not_wait_never_overtakes_one_who_does() {
    loom::model(|| {
        let lock = Lock::new();
        assert!(lock.acquire_nowait());
        let mut waits = later(lock.enter());
        let holder = lock.clone();
        let releases = thread::spawn(move || holder.release().expect("it is held"));
        assert!(!lock.acquire_nowait(), "it goes from the holder to the one who waits");
        waits.block(None).expect("it was released");
        releases.join().expect("it does not panic");
        assert_held_once(&lock);
    });
}

#[test]
fn a_permit_released_beside_the_only_one_who_leaves_is_free() {
    loom::model(|| {
        let semaphore = Semaphore::bounded(1);
        assert!(semaphore.acquire_nowait());
        let waits = later(semaphore.enter());
        let holder = semaphore.clone();
        let releases = thread::spawn(move || holder.release().expect("it is held"));
        drop(waits);
        releases.join().expect("it does not panic");
        assert_eq!(semaphore.statistics(), SemaphoreStatistics { free: 1, waiting: 0 });
    });
}

#[test]
fn a_permit_that_comes_back_unread_goes_to_one_who_comes() {
    loom::model(|| {
        let semaphore = Semaphore::bounded(1);
        assert!(semaphore.acquire_nowait());
        let granted = later(semaphore.enter());
        semaphore.release().expect("it is held");
        let leaves = thread::spawn(move || drop(granted));
        if let Entered::Later(mut wait) = semaphore.enter() {
            wait.block(None).expect("the other has left");
        }
        leaves.join().expect("it does not panic");
        assert_eq!(semaphore.statistics(), SemaphoreStatistics { free: 0, waiting: 0 });
    });
}

#[test]
fn a_permit_taken_without_waiting_never_overtakes_one_who_waits() {
    loom::model(|| {
        let semaphore = Semaphore::bounded(1);
        assert!(semaphore.acquire_nowait());
        let mut waits = later(semaphore.enter());
        let holder = semaphore.clone();
        let releases = thread::spawn(move || holder.release().expect("it is held"));
        assert!(!semaphore.acquire_nowait(), "it goes from the holder to the one who waits");
        waits.block(None).expect("it was released");
        releases.join().expect("it does not panic");
        assert_eq!(semaphore.statistics(), SemaphoreStatistics { free: 0, waiting: 0 });
    });
}

struct Silent;

impl Bell for Silent {
    fn ring(&self) {}
}

/// A task of a loop waits; its loop closes: it is told no more, and gives up its place and what it was granted.
fn close_loop_of(inbox: &Inbox, wait: Wait<Semaphore>, joined: Join) {
    inbox.close();
    if let Join::Joined(ticket) = joined {
        wait.as_header().header().leave(ticket, false);
    }
    drop(wait);
}

#[test]
fn a_permit_released_beside_the_close_of_a_loop_goes_on_to_a_thread() {
    loom::model(|| {
        let semaphore = Semaphore::bounded(1);
        assert!(semaphore.acquire_nowait());
        let of_loop = later(semaphore.enter());
        let inbox = Arc::new(Inbox::new(Box::new(Silent)));
        let slot = Waiter::Slot(inbox.clone(), Slab::default().insert(()));
        let joined = of_loop.as_header().header().join(slot, true);
        let mut of_thread = later(semaphore.enter());
        let holder = semaphore.clone();
        let releases = thread::spawn(move || holder.release().expect("it is held"));
        close_loop_of(&inbox, of_loop, joined);
        of_thread.block(None).expect("the task has left");
        releases.join().expect("it does not panic");
        assert_eq!(semaphore.statistics(), SemaphoreStatistics { free: 0, waiting: 0 });
        semaphore.release().expect("the thread holds it");
        assert!(semaphore.release().is_err(), "there was one");
    });
}
