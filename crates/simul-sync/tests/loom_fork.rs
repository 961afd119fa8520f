//! Models of a forked child: every interleaving of two threads that touch an inherited primitive first. Built with
//! `--cfg simul_loom` only (`./dev loom`). The child is made up: the generation goes up by one.
#![cfg(simul_loom)]

use loom::thread;
use simul_sync::body::{Body, State};
use simul_sync::queue::Refused;
use simul_sync::{Event, Lock, Queue};
use simul_wake::generation::pretend_fork;
use std::sync::{Mutex, PoisonError};

/// The generation is the process's: one model at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn model(check: impl Fn() + Sync + Send + 'static) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    loom::model(check);
}

#[test]
fn a_lock_that_the_parent_held_is_held_by_one_thread_of_the_child() {
    model(|| {
        let lock = Lock::new();
        assert!(lock.acquire_nowait());
        pretend_fork();
        let other = lock.clone();
        let there = thread::spawn(move || other.acquire_nowait());
        let here = lock.acquire_nowait();
        assert!(here != there.join().expect("it does not panic"), "it is free in the child, once");
        lock.release().expect("one holds it");
        lock.release().expect("the parent's hold is left here, too, once");
        assert!(lock.release().is_err(), "nobody holds it");
    });
}

#[test]
fn an_item_that_the_parent_put_is_got_by_one_thread_of_the_child() {
    model(|| {
        let queue = Queue::new(0);
        queue.put_nowait(7).expect("it has no limit");
        pretend_fork();
        let other = queue.clone();
        let there = thread::spawn(move || other.get_nowait());
        let mut got = [queue.get_nowait(), there.join().expect("it does not panic")];
        got.sort_by_key(Result::is_err);
        assert_eq!(got, [Ok(7), Err(Refused::NotNow)]);
        assert_eq!(queue.statistics().unfinished, 1);
    });
}

#[test]
fn an_event_that_the_child_sets_first_lets_its_other_thread_go_on() {
    model(|| {
        let event = Event::new();
        pretend_fork();
        let there = event.clone();
        let sets = thread::spawn(move || there.set());
        event.wait().wait().expect("it is set in the end");
        sets.join().expect("it does not panic");
    });
}

struct Counted(usize);

impl State for Counted {
    type Config = ();

    fn new(_config: &()) -> Self {
        Self(0)
    }
}

#[test]
fn a_state_that_was_locked_at_the_fork_is_made_anew_once() {
    model(|| {
        let body = loom::sync::Arc::new(Body::<Counted>::new(()));
        let mut inside = body.lock();
        inside.0 = 7;
        // The parent's thread is not in the child, and never unlocks it there.
        std::mem::forget(inside);
        pretend_fork();
        let other = body.clone();
        let there = thread::spawn(move || other.lock().0 += 1);
        body.lock().0 += 1;
        there.join().expect("it does not panic");
        assert_eq!(body.lock().0, 2);
    });
}
