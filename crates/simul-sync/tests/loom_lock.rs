//! Models of a lock, a semaphore and an event: every interleaving of hand-off, leaving and waiting. Built with
//! `--cfg simul_loom` only (`./dev loom`). Who waits does so as a thread: a hand-off that is lost is a deadlock to loom.
#![cfg(simul_loom)]

use loom::thread;
use simul_sync::semaphore::SemaphoreStatistics;
use simul_sync::wait::Source;
use simul_sync::{Entered, Event, Lock, Semaphore, Wait};

fn later<S: Source>(entered: Entered<S>) -> Wait<S> {
    match entered {
        Entered::Later(wait) => wait,
        Entered::Now(_) => panic!("nothing is free"),
    }
}

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
fn an_event_that_is_set_beside_a_wait_lets_it_go_on() {
    loom::model(|| {
        let event = Event::new();
        let there = event.clone();
        let sets = thread::spawn(move || there.set());
        event.wait().wait().expect("it is set in the end");
        sets.join().expect("it does not panic");
        assert!(event.is_set());
        assert_eq!(event.waiting(), 0);
    });
}

#[test]
fn an_event_that_is_set_and_cleared_lets_all_go_on_who_have_not_left() {
    loom::model(|| {
        let event = Event::new();
        let leaves = later(event.enter());
        let mut stays = later(event.enter());
        let there = event.clone();
        let sets = thread::spawn(move || {
            there.set();
            there.clear();
        });
        drop(leaves);
        stays.block(None).expect("it was set");
        sets.join().expect("it does not panic");
        assert_eq!((event.is_set(), event.waiting()), (false, 0));
    });
}
