//! Models of the inbox and of a Job's state: every interleaving is tried. Built with `--cfg simul_loom` only (`./dev loom`).
#![cfg(simul_loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use simul_core::{Error, Kind};
use simul_wake::inbox::{Bell, Inbox, Notice};
use simul_wake::{Core, Join, Parker, Slab, SlotKey, Waiter, Woken};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// A readable flag with a count of rings, as an eventfd has.
#[derive(Clone, Default)]
struct Flag {
    readable: Arc<AtomicUsize>,
    rings: Arc<AtomicUsize>,
}

impl Bell for Flag {
    fn ring(&self) {
        self.rings.fetch_add(1, Ordering::SeqCst);
        self.readable.swap(1, Ordering::SeqCst);
    }
}

fn keys<const N: usize>() -> [SlotKey; N] {
    let mut slab = Slab::default();
    std::array::from_fn(|_| slab.insert(()))
}

#[test]
fn no_push_is_lost_and_a_burst_rings_once() {
    loom::model(|| {
        let flag = Flag::default();
        let inbox = Arc::new(Inbox::new(Box::new(flag.clone())));
        let [a, b] = keys();
        let pushers: Vec<_> = [a, b]
            .into_iter()
            .map(|key| {
                let inbox = inbox.clone();
                thread::spawn(move || inbox.push(Notice::Done(key)))
            })
            .collect();
        // One turn of the loop, at any moment: silence the bell, then drain.
        // Reading an eventfd takes the kernel's lock, so it sees what came before the write that made it readable: a swap.
        flag.readable.swap(0, Ordering::SeqCst);
        let mut drained = inbox.drain();
        for pusher in pushers {
            pusher.join().expect("a pusher does not panic");
        }
        if drained.len() < 2 {
            assert_eq!(flag.readable.load(Ordering::SeqCst), 1, "something is inside and nobody was woken");
        }
        drained.extend(inbox.drain());
        assert_eq!(drained.len(), 2);
        assert!(drained.contains(&Notice::Done(a)) && drained.contains(&Notice::Done(b)));
        assert!(flag.rings.load(Ordering::SeqCst) <= 2);
    });
}

#[test]
fn a_burst_without_a_drain_between_rings_exactly_once() {
    loom::model(|| {
        let flag = Flag::default();
        let inbox = Arc::new(Inbox::new(Box::new(flag.clone())));
        let [a, b] = keys();
        let other = inbox.clone();
        let pusher = thread::spawn(move || other.push(Notice::Done(a)));
        inbox.push(Notice::Done(b));
        pusher.join().expect("a pusher does not panic");
        assert_eq!(flag.rings.load(Ordering::SeqCst), 1);
        assert_eq!(inbox.drain().len(), 2);
    });
}

#[test]
fn a_push_beside_a_close_is_dropped_or_collected_but_never_leaked() {
    loom::model(|| {
        let inbox = Arc::new(Inbox::new(Box::new(Flag::default())));
        let [a] = keys();
        let other = inbox.clone();
        let pusher = thread::spawn(move || other.push(Notice::Done(a)));
        inbox.close();
        pusher.join().expect("a pusher does not panic");
        assert!(inbox.drain().is_empty());
    });
}

#[test]
fn settling_or_cancelling_wins_and_the_waiter_hears_of_it() {
    loom::model(|| {
        let core = Arc::new(Core::<u8>::default());
        let parker = Arc::new(Parker::default());
        let joined = core.header().join(Waiter::Thread(parker.clone()), true);
        assert!(matches!(joined, Join::Joined(_)));
        let (settler, canceller) = (core.clone(), core.clone());
        let settles = thread::spawn(move || settler.settle(Ok(7)));
        let cancels = thread::spawn(move || canceller.header().cancel());
        assert_eq!(parker.park(None), Woken::Done);
        let settled = settles.join().expect("settling does not panic");
        let cancelled = cancels.join().expect("cancelling does not panic");
        assert!(settled != cancelled, "exactly one wins");
        assert_eq!(cancelled, core.header().is_cancelled(), "cancel() True implies cancelled()");
        assert_eq!(core.take().is_some(), settled);
    });
}

#[test]
fn a_waiter_that_joins_beside_settling_is_woken_or_told() {
    loom::model(|| {
        let core = Arc::new(Core::<u8>::default());
        let settler = core.clone();
        let settles = thread::spawn(move || settler.settle(Err(Error::new(Kind::Timeout, "late"))));
        let parker = Arc::new(Parker::default());
        if let Join::Joined(_) = core.header().join(Waiter::Thread(parker.clone()), true) {
            assert_eq!(parker.park(None), Woken::Done);
        }
        assert!(core.header().is_done());
        assert!(core.take().is_some());
        settles.join().expect("settling does not panic");
    });
}

#[test]
fn the_last_waiter_to_leave_cancels_and_one_that_stays_does_not() {
    loom::model(|| {
        let core = Arc::new(Core::<u8>::default());
        let tickets: Vec<_> = (0..2)
            .map(|_| match core.header().join(Waiter::Hook(Box::new(|| ())), true) {
                Join::Joined(ticket) => ticket,
                Join::Ended => unreachable!("nothing has ended it"),
            })
            .collect();
        let other = core.clone();
        let first = tickets[0];
        let leaves = thread::spawn(move || other.header().leave(first, true));
        core.header().leave(tickets[1], false);
        leaves.join().expect("leaving does not panic");
        // Cancelled only if the one that drops as last was the last.
        assert!(core.header().waiting() == 0);
        assert_eq!(core.settle(Ok(1)), !core.header().is_cancelled());
    });
}

#[test]
fn two_takers_get_one_outcome() {
    loom::model(|| {
        let core = Arc::new(Core::<u8>::default());
        core.settle(Ok(3));
        let other = core.clone();
        let taker = thread::spawn(move || other.take().is_some());
        let here = core.take().is_some();
        let there = taker.join().expect("taking does not panic");
        assert!(here != there);
    });
}

#[test]
fn a_cancel_reaches_work_that_is_just_starting() {
    loom::model(|| {
        let core = Arc::new(Core::<u8>::default());
        let woken = Arc::new(AtomicUsize::new(0));
        let other = core.clone();
        let cancels = thread::spawn(move || other.header().cancel());
        let may_start = core.header().driven_by(&waker_of(woken.clone()));
        cancels.join().expect("cancelling does not panic");
        if may_start {
            assert_eq!(woken.load(Ordering::SeqCst), 1, "the driver runs and nobody told it");
        }
    });
}

/// A waker that counts; loom's Arc is no std Arc, so `Wake` cannot be used.
fn waker_of(count: Arc<AtomicUsize>) -> Waker {
    fn raw(count: *const ()) -> RawWaker {
        static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_it);
        RawWaker::new(count, &TABLE)
    }
    fn held(count: *const ()) -> &'static Arc<AtomicUsize> {
        // SAFETY: every waker owns one box of this type, freed in `drop_it` only.
        unsafe { &*count.cast::<Arc<AtomicUsize>>() }
    }
    fn clone(count: *const ()) -> RawWaker {
        raw(Box::into_raw(Box::new(held(count).clone())).cast())
    }
    fn wake(count: *const ()) {
        wake_by_ref(count);
        drop_it(count);
    }
    fn wake_by_ref(count: *const ()) {
        held(count).fetch_add(1, Ordering::SeqCst);
    }
    fn drop_it(count: *const ()) {
        // SAFETY: called once a waker.
        drop(unsafe { Box::from_raw(count.cast_mut().cast::<Arc<AtomicUsize>>()) });
    }
    let count = raw(Box::into_raw(Box::new(count)).cast());
    // SAFETY: the table keeps the contract of RawWaker: one box a waker.
    unsafe { Waker::from_raw(count) }
}
