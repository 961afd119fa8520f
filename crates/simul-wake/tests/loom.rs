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

/// A hook that counts its calls.
fn counting(count: &Arc<AtomicUsize>) -> Waiter {
    let count = count.clone();
    Waiter::Hook(Box::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    }))
}

fn ticket_of(joined: Join) -> simul_wake::Ticket {
    match joined {
        Join::Joined(ticket) => ticket,
        Join::Ended => unreachable!("nothing has ended it"),
    }
}

#[test]
fn what_one_thread_pushes_is_drained_in_its_order() {
    loom::model(|| {
        let inbox = Arc::new(Inbox::new(Box::new(Flag::default())));
        let [first, second, other] = keys();
        let (one, two) = (inbox.clone(), inbox.clone());
        let ordered = thread::spawn(move || {
            one.push(Notice::Done(first));
            one.push(Notice::Done(second));
        });
        let beside = thread::spawn(move || two.push(Notice::Done(other)));
        let mut drained = inbox.drain();
        ordered.join().expect("a pusher does not panic");
        beside.join().expect("a pusher does not panic");
        drained.extend(inbox.drain());
        assert_eq!(drained.len(), 3);
        let place = |key| drained.iter().position(|notice| *notice == Notice::Done(key));
        assert!(place(first) < place(second), "{drained:?}");
    });
}

#[test]
fn a_drain_beside_a_close_takes_each_notice_once_or_not_at_all() {
    loom::model(|| {
        let inbox = Arc::new(Inbox::new(Box::new(Flag::default())));
        let [a, b] = keys();
        inbox.push(Notice::Done(a));
        let (pushing, closing) = (inbox.clone(), inbox.clone());
        let pusher = thread::spawn(move || pushing.push(Notice::Done(b)));
        let closer = thread::spawn(move || closing.close());
        let mut drained = inbox.drain();
        pusher.join().expect("a pusher does not panic");
        closer.join().expect("closing does not panic");
        drained.extend(inbox.drain());
        assert!(drained.iter().filter(|notice| **notice == Notice::Done(a)).count() <= 1);
        assert!(drained.iter().filter(|notice| **notice == Notice::Done(b)).count() <= 1);
    });
}

#[test]
fn a_waiter_that_has_left_is_not_woken_and_one_that_was_woken_cannot_leave() {
    loom::model(|| {
        let core = Arc::new(Core::<u8>::default());
        let called = Arc::new(AtomicUsize::new(0));
        let ticket = ticket_of(core.header().join(counting(&called), true));
        let settler = core.clone();
        let settles = thread::spawn(move || settler.settle(Ok(1)));
        let left = core.header().leave(ticket, true);
        let settled = settles.join().expect("settling does not panic");
        assert_eq!(called.load(Ordering::SeqCst), usize::from(!left));
        assert!(settled || core.header().is_cancelled(), "the last one to leave ends it, unless it has ended");
        assert!(!core.header().leave(ticket, true), "nobody leaves twice");
    });
}

#[test]
fn a_waiter_that_is_not_counted_hears_of_a_cancel_by_the_last_one_that_is() {
    loom::model(|| {
        let core = Arc::new(Core::<u8>::default());
        let called = Arc::new(AtomicUsize::new(0));
        let ignored = Arc::new(AtomicUsize::new(0));
        let leaver = ticket_of(core.header().join(counting(&ignored), true));
        let joiner = core.clone();
        let callback = counting(&called);
        let joins = thread::spawn(move || matches!(joiner.header().join(callback, false), Join::Joined(_)));
        assert!(core.header().leave(leaver, true));
        let joined = joins.join().expect("joining does not panic");
        assert!(core.header().is_cancelled());
        assert_eq!(called.load(Ordering::SeqCst), usize::from(joined), "a callback that joined is called");
        assert_eq!(ignored.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn a_task_that_renews_its_waker_beside_settling_is_woken_by_it_or_told() {
    loom::model(|| {
        let core = Arc::new(Core::<u8>::default());
        let (old, new) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let ticket = ticket_of(core.header().join(Waiter::Task(waker_of(old)), true));
        let settler = core.clone();
        let settles = thread::spawn(move || settler.settle(Ok(1)));
        let renewed = core.header().renew(ticket, &waker_of(new.clone()));
        settles.join().expect("settling does not panic");
        match renewed {
            Join::Joined(_) => assert_eq!(new.load(Ordering::SeqCst), 1, "the old waker was woken, or none"),
            Join::Ended => assert!(core.header().is_done() && core.take().is_some()),
        }
    });
}

#[test]
fn a_slot_is_notified_once_and_its_outcome_stands_when_the_bell_rings() {
    loom::model(|| {
        let flag = Flag::default();
        let inbox = Arc::new(Inbox::new(Box::new(flag.clone())));
        let core = Arc::new(Core::<u8>::default());
        let [key] = keys();
        ticket_of(core.header().join(Waiter::Slot(inbox.clone(), key), true));
        let settler = core.clone();
        let settles = thread::spawn(move || settler.settle(Ok(9)));
        if flag.readable.swap(0, Ordering::SeqCst) == 1 {
            assert_eq!(inbox.drain(), [Notice::Done(key)]);
            assert!(matches!(core.take(), Some(Ok(9))));
        }
        settles.join().expect("settling does not panic");
        assert_eq!(flag.rings.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_poke_beside_the_end_is_not_lost_and_does_not_hide_it() {
    loom::model(|| {
        let parker = Arc::new(Parker::default());
        let (poker, ender) = (parker.clone(), parker.clone());
        let pokes = thread::spawn(move || poker.poke());
        let ends = thread::spawn(move || ender.done());
        let mut pokes_seen = 0;
        while parker.park(None) != Woken::Done {
            pokes_seen += 1;
        }
        pokes.join().expect("poking does not panic");
        ends.join().expect("ending does not panic");
        assert!(pokes_seen <= 1);
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
