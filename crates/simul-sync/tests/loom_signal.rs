//! Models of an event, a condition and a barrier: every interleaving of telling, leaving, waiting and sending away. Built
//! with `--cfg simul_loom` only (`./dev loom`). Who waits does so as a thread: a word that is lost is a deadlock to loom.
#![cfg(simul_loom)]

#[path = "model/later.rs"]
mod later;

use later::later;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use simul_core::Kind;
use simul_sync::condition::Guard;
use simul_sync::{Barrier, Condition, Entered, Event, Lock, RLock, Wait};
use simul_wake::{Join, Waiter};
use std::pin::Pin;
use std::task::{Context, Waker};

/// All interleavings of these would take minutes: those with so many switches where nothing waits.
fn bounded(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(check);
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

#[test]
fn who_sees_an_event_set_sees_what_was_done_before() {
    loom::model(|| {
        let (event, done) = (Event::new(), Arc::new(AtomicUsize::new(0)));
        let there = (event.clone(), done.clone());
        let sets = thread::spawn(move || {
            there.1.store(7, Ordering::Relaxed);
            there.0.set();
        });
        if event.is_set() {
            assert_eq!(done.load(Ordering::Relaxed), 7);
        }
        sets.join().expect("it does not panic");
    });
}

#[test]
fn a_set_beside_a_clear_leaves_nobody_behind_while_it_is_set() {
    loom::model(|| {
        let event = Event::new();
        let waits = later(event.enter());
        let there = event.clone();
        let clears = thread::spawn(move || there.clear());
        event.set();
        clears.join().expect("it does not panic");
        // Whichever was last, who waited at the set goes on, and who comes waits only if it is not set.
        assert!(waits.as_header().header().is_done());
        let comes = event.enter();
        assert_eq!(matches!(comes, Entered::Now(())), event.is_set());
    });
}

#[test]
fn a_notification_beside_one_who_leaves_reaches_the_other() {
    loom::model(|| {
        let condition = Condition::new();
        let leaves = condition.join();
        let mut stays = condition.join();
        let there = condition.clone();
        let tells = thread::spawn(move || there.notify(1));
        drop(leaves);
        stays.block(None).expect("it was told, by whoever left or at first");
        assert_eq!(tells.join().expect("it does not panic"), 1);
        assert_eq!(condition.waiting(), 0);
    });
}

#[test]
fn a_notification_beside_a_time_that_is_up_is_taken_or_reaches_the_other() {
    loom::model(|| {
        let condition = Condition::new();
        let mut late = condition.join();
        let mut stays = condition.join();
        let there = condition.clone();
        let tells = thread::spawn(move || there.notify(1));
        // As `Wait::block` does when the time is up: loom knows no time.
        let header = late.as_header();
        if let Join::Joined(ticket) = header.header().join(Waiter::Task(Waker::noop().clone()), true) {
            header.header().leave(ticket, false);
        }
        let was_told = header.header().is_done();
        if was_told {
            late.take().expect("it was told in time");
        }
        drop(late);
        if was_told {
            assert_eq!(condition.waiting(), 1);
            assert_eq!(condition.notify(1), 1);
        }
        stays.block(None).expect("one of the two was told, and it was not the one who left");
        assert_eq!(tells.join().expect("it does not panic"), 1);
    });
}

#[test]
fn a_change_told_under_the_lock_is_seen_by_one_who_looks_and_then_waits() {
    bounded(3, || {
        let (lock, changed, full) = (Lock::new(), Condition::new(), Arc::new(AtomicUsize::new(0)));
        let there = (lock.clone(), changed.clone(), full.clone());
        let fills = thread::spawn(move || {
            let held = there.0.acquire().wait().expect("it is free in the end");
            there.2.store(1, Ordering::Relaxed);
            there.1.notify(1);
            drop(held);
        });
        let mut held = lock.acquire().wait().expect("it is free in the end");
        while full.load(Ordering::Relaxed) == 0 {
            held = changed.wait(held).wait().expect("it is told");
        }
        assert!(!lock.acquire_nowait(), "it is held again");
        drop(held);
        fills.join().expect("it does not panic");
        assert!(lock.acquire_nowait(), "nobody holds it");
    });
}

/// One poll, as a task makes it.
fn poll<G: Guard>(waiter: &mut simul_sync::condition::Waiter<G>) -> bool {
    Pin::new(waiter).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn one_who_is_dropped_after_it_was_told_tells_the_next_wherever_it_stood() {
    loom::model(|| {
        let (lock, changed) = (Lock::new(), Condition::new());
        let mut first = changed.wait(lock.acquire().wait().expect("it is free"));
        assert!(!poll(&mut first), "nobody has told it");
        let mut second = changed.join();
        assert!(lock.acquire_nowait());
        let there = changed.clone();
        let tells = thread::spawn(move || there.notify(1));
        // It has left the line, or was told, or waits for the lock already, which is held here.
        poll(&mut first);
        drop(first);
        second.block(None).expect("the first does not act on it");
        assert_eq!(tells.join().expect("it does not panic"), 1);
        lock.release().expect("it is held");
        assert!(lock.acquire_nowait(), "the first is in no line");
    });
}

#[test]
fn one_who_waits_gives_a_lock_up_altogether_and_has_it_again_as_deep() {
    bounded(3, || {
        let (lock, changed) = (RLock::new(), Condition::new());
        let outer = lock.acquire(1).wait().expect("it is free");
        let inner = lock.acquire(1).wait().expect("it is its own");
        let there = (lock.clone(), changed.clone());
        let tells = thread::spawn(move || {
            let held = there.0.acquire(2).wait().expect("it is given up");
            assert_eq!(there.1.notify(1), 1, "who waits stood in the line before it gave the lock up");
            drop(held);
        });
        let inner = changed.wait(inner).wait().expect("it is told");
        assert_eq!(lock.depth(1), 2);
        drop((inner, outer));
        tells.join().expect("it does not panic");
        assert!(!lock.locked());
    });
}

/// A number for one that went on, None for one that was sent away.
fn passed(barrier: &Barrier) -> Option<usize> {
    match barrier.wait().wait() {
        Ok(number) => Some(number),
        Err(error) => {
            assert_eq!(error.kind(), Kind::Closed);
            None
        }
    }
}

#[test]
fn two_who_meet_beside_an_abort_both_go_on_or_are_both_sent_away() {
    bounded(3, || {
        let barrier = Barrier::new(2);
        let (other, breaker) = (barrier.clone(), barrier.clone());
        let meets = thread::spawn(move || passed(&other));
        let aborts = thread::spawn(move || breaker.abort());
        let numbers = [passed(&barrier), meets.join().expect("it does not panic")];
        aborts.join().expect("it does not panic");
        assert!([[None, None], [Some(0), Some(1)], [Some(1), Some(0)]].contains(&numbers), "{numbers:?}");
        assert!(barrier.broken());
        assert_eq!(barrier.n_waiting(), 0);
    });
}

/// A number for one that goes on at once or was let go, the place of one that waits, None for one that was sent away.
fn went(entered: Result<Entered<Barrier>, simul_core::Error>) -> Result<Option<usize>, Wait<Barrier>> {
    match entered.expect("it is not broken") {
        Entered::Now(number) => Ok(Some(number)),
        Entered::Later(wait) => settled(wait),
    }
}

fn settled(mut wait: Wait<Barrier>) -> Result<Option<usize>, Wait<Barrier>> {
    match wait.as_header().header().is_done() {
        true => Ok(wait.take().ok()),
        false => Err(wait),
    }
}

#[test]
fn a_reset_beside_the_last_who_comes_sends_away_the_first_or_nobody() {
    loom::model(|| {
        let barrier = Barrier::new(2);
        let first = later(barrier.enter().expect("it is not broken"));
        let (other, manager) = (barrier.clone(), barrier.clone());
        let comes = thread::spawn(move || went(other.enter()));
        let resets = thread::spawn(move || manager.reset());
        let last = comes.join().expect("it does not panic");
        resets.join().expect("it does not panic");
        let last = last.or_else(settled);
        let first = settled(first).expect("it was let go or sent away");
        match (first, last) {
            (Some(0), Ok(Some(1))) => assert_eq!(barrier.n_waiting(), 0),
            // Reset before the last one came, which waits now, alone.
            (None, Err(_waits)) => assert_eq!(barrier.n_waiting(), 1),
            (first, last) => panic!("{first:?} {last:?}"),
        }
        assert!(!barrier.broken());
    });
}

#[test]
fn three_who_meet_beside_one_who_leaves_get_numbers_of_their_own_or_wait() {
    loom::model(|| {
        let barrier = Barrier::new(3);
        let leaves = later(barrier.enter().expect("it is not broken"));
        let second = later(barrier.enter().expect("it is not broken"));
        let other = barrier.clone();
        let comes = thread::spawn(move || went(other.enter()));
        drop(leaves);
        match (comes.join().expect("it does not panic"), settled(second)) {
            (Ok(Some(last)), Ok(Some(second))) => {
                assert!(last == 2 && second < 2);
                assert_eq!(barrier.n_waiting(), 0);
            }
            (Err(_), Err(_)) => {}
            (last, second) => panic!("{last:?} {second:?}"),
        }
    });
}
