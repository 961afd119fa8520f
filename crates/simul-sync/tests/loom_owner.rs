//! Models of a lock and a limiter that know who holds: every interleaving of hand-off, leaving, taking again and changing
//! the total. Built with `--cfg simul_loom` only (`./dev loom`).
#![cfg(simul_loom)]

#[path = "model/later.rs"]
mod later;

use later::later;
use loom::thread;
use simul_sync::limiter::CapacityLimiterStatistics;
use simul_sync::rlock::RLockStatistics;
use simul_sync::{CapacityLimiter, Entered, RLock};

fn stands(owner: Option<u64>, depth: usize) -> RLockStatistics {
    RLockStatistics { owner, depth, waiting: 0 }
}

#[test]
fn a_lock_whose_first_waiter_leaves_goes_to_the_second_as_deep_as_it_asked() {
    loom::model(|| {
        let lock = RLock::new();
        assert!(lock.acquire_nowait(1));
        let first = later(lock.enter(2, 1));
        let mut second = later(lock.enter(3, 2));
        let holder = lock.clone();
        let releases = thread::spawn(move || holder.release(1).expect("it is held"));
        drop(first);
        second.block(None).expect("the first has left");
        assert!(releases.join().expect("it does not panic"), "it was held once");
        assert_eq!(lock.statistics(), stands(Some(3), 2));
    });
}

#[test]
fn a_lock_that_was_granted_to_one_who_leaves_ends_without_an_owner() {
    loom::model(|| {
        let lock = RLock::new();
        assert!(lock.acquire_nowait(1));
        let waits = later(lock.enter(2, 3));
        let holder = lock.clone();
        let releases = thread::spawn(move || holder.release_all(1).expect("it is held"));
        drop(waits);
        assert_eq!(releases.join().expect("it does not panic"), 1);
        assert_eq!(lock.statistics(), stands(None, 0));
    });
}

#[test]
fn an_owner_takes_it_again_beside_one_who_waits_and_gives_it_up_as_often() {
    loom::model(|| {
        let lock = RLock::new();
        assert!(lock.acquire_nowait(1));
        let owner = lock.clone();
        let holds = thread::spawn(move || {
            assert!(owner.acquire_nowait(1), "it is its own, whoever waits");
            assert!(!owner.release(1).expect("it is held twice"));
            assert_eq!(owner.depth(1), 1);
            assert!(owner.release(1).expect("it is held once"));
            assert!(owner.release(1).is_err(), "it is held no more, or by another");
        });
        if let Entered::Later(mut wait) = lock.enter(2, 1) {
            wait.block(None).expect("it is given up in the end");
        }
        assert_eq!(lock.statistics(), stands(Some(2), 1));
        holds.join().expect("it does not panic");
        assert_eq!(lock.statistics(), stands(Some(2), 1));
    });
}

fn lent(total_tokens: usize, borrowed_tokens: usize) -> CapacityLimiterStatistics {
    CapacityLimiterStatistics { total_tokens, borrowed_tokens, waiting: 0 }
}

#[test]
fn a_token_released_beside_one_who_leaves_goes_to_the_next() {
    loom::model(|| {
        let limiter = CapacityLimiter::new(1);
        assert_eq!(limiter.acquire_nowait(1).ok(), Some(true));
        let first = later(limiter.enter(2).expect("it is not known"));
        let mut second = later(limiter.enter(3).expect("it is not known"));
        let holder = limiter.clone();
        let releases = thread::spawn(move || holder.release(1).expect("it has one"));
        drop(first);
        second.block(None).expect("the first has left");
        releases.join().expect("it does not panic");
        assert_eq!(limiter.statistics(), lent(1, 1));
        assert!(limiter.holds(3) && !limiter.holds(2));
        // Who has left is not known any more, and may ask again.
        assert_eq!(limiter.acquire_nowait(2).ok(), Some(false));
    });
}

#[test]
fn a_token_given_back_beside_a_larger_total_serves_both_who_wait() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let limiter = CapacityLimiter::new(1);
        assert_eq!(limiter.acquire_nowait(1).ok(), Some(true));
        let mut waits = [2, 3].map(|borrower| later(limiter.enter(borrower).expect("it is not known")));
        let (holder, manager) = (limiter.clone(), limiter.clone());
        let releases = thread::spawn(move || holder.release(1).expect("it has one"));
        let enlarges = thread::spawn(move || manager.set_total_tokens(2));
        for wait in &mut waits {
            wait.block(None).expect("there are two");
        }
        for thread in [releases, enlarges] {
            thread.join().expect("it does not panic");
        }
        assert_eq!(limiter.statistics(), lent(2, 2));
    });
}

#[test]
fn a_token_given_back_beside_a_smaller_total_is_lent_before_it_or_not_at_all() {
    loom::model(|| {
        let limiter = CapacityLimiter::new(2);
        assert!([1, 2].iter().all(|&borrower| limiter.acquire_nowait(borrower).is_ok_and(|taken| taken)));
        let mut waits = later(limiter.enter(3).expect("it is not known"));
        let last = later(limiter.enter(4).expect("it is not known"));
        let (holder, manager) = (limiter.clone(), limiter.clone());
        let releases = thread::spawn(move || holder.release(1).expect("it has one"));
        manager.set_total_tokens(1);
        releases.join().expect("it does not panic");
        // Lent while there were two, it stays lent; else the one that is lent is all that there is.
        let was_lent = limiter.holds(3);
        assert_eq!(limiter.statistics().borrowed_tokens, 1 + usize::from(was_lent));
        limiter.release(2).expect("it has one");
        waits.block(None).expect("nobody else has one");
        assert!(!limiter.holds(4), "there is one");
        drop(last);
        assert_eq!(limiter.statistics(), lent(1, 1));
    });
}
