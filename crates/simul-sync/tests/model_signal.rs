//! Events, conditions and barriers against simple models: any sequence of asking, telling, reading and leaving, by one
//! thread, so that every step has one right answer.
#![cfg(not(simul_loom))]

#[path = "model/waits.rs"]
mod waits;

use proptest::collection::vec;
use proptest::prelude::*;
use simul_core::Kind;
use simul_sync::condition::Waiter;
use simul_sync::lock::LockGuard;
use simul_sync::{Barrier, Condition, Entered, Event, Lock};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use waits::{assert_granted, keep};

#[derive(Debug, Clone, Copy)]
enum EventStep {
    Wait,
    Set,
    Clear,
    /// Reads the nth who waits, if it was let go.
    Read(usize),
    Leave(usize),
}

fn event_step() -> impl Strategy<Value = EventStep> {
    prop_oneof![
        4 => Just(EventStep::Wait),
        1 => Just(EventStep::Set),
        1 => Just(EventStep::Clear),
        2 => (0..8usize).prop_map(EventStep::Read),
        2 => (0..8usize).prop_map(EventStep::Leave),
    ]
}

fn play_event(steps: &[EventStep]) {
    let event = Event::new();
    let (mut is_set, mut next) = (false, 0);
    let (mut line, mut granted, mut waits) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for &step in steps {
        match step {
            EventStep::Wait => {
                next += 1;
                assert_eq!(keep(event.enter(), &mut waits, next), is_set);
                if !is_set {
                    line.insert(next);
                }
            }
            EventStep::Set => {
                event.set();
                is_set = true;
                granted.append(&mut line);
            }
            EventStep::Clear => {
                event.clear();
                is_set = false;
            }
            EventStep::Read(nth) => {
                let Some((&name, wait)) = waits.iter_mut().nth(nth) else { continue };
                let was_granted = granted.remove(&name);
                assert_eq!(wait.take().is_ok(), was_granted);
                if was_granted {
                    waits.remove(&name);
                }
            }
            EventStep::Leave(nth) => {
                let Some(&name) = waits.keys().nth(nth) else { continue };
                waits.remove(&name);
                line.remove(&name);
                granted.remove(&name);
            }
        }
        assert_granted(&waits, &granted);
        assert_eq!((event.is_set(), event.waiting()), (is_set, line.len()));
        assert!(!is_set || line.is_empty(), "somebody waits for what has happened");
    }
}

#[derive(Debug, Clone, Copy)]
enum ConditionStep {
    /// A task takes the lock, if it is free, and waits.
    Wait,
    Notify(usize),
    /// Polls the nth task that waits.
    Poll(usize),
    /// Drops the nth task that waits.
    Leave(usize),
    /// Somebody else takes the lock, if it is free, or gives it up.
    Hold,
    LetGo,
}

fn condition_step() -> impl Strategy<Value = ConditionStep> {
    prop_oneof![
        4 => Just(ConditionStep::Wait),
        2 => (0..3usize).prop_map(ConditionStep::Notify),
        6 => (0..6usize).prop_map(ConditionStep::Poll),
        2 => (0..6usize).prop_map(ConditionStep::Leave),
        2 => Just(ConditionStep::Hold),
        3 => Just(ConditionStep::LetGo),
    ]
}

/// Where a task that waits stands, by its name.
#[derive(Debug, Default)]
struct Told {
    /// Waits to be told.
    line: VecDeque<u64>,
    /// Was told, and has not been polled since.
    told: BTreeSet<u64>,
    /// Was told, and waits for the lock.
    locking: VecDeque<u64>,
    /// Was given the lock, and has not been polled since.
    given: Option<u64>,
}

impl Told {
    fn notify(&mut self, count: usize) -> usize {
        let told: Vec<u64> = (0..count).map_while(|_| self.line.pop_front()).collect();
        self.told.extend(&told);
        told.len()
    }

    /// The lock goes to the first who waits for it.
    fn pass_on(&mut self) {
        self.given = self.locking.pop_front();
    }

    /// Whether it was told: then somebody else must be.
    fn leave(&mut self, name: u64) -> bool {
        self.line.retain(|other| *other != name);
        let was_locking = self.locking.contains(&name);
        self.locking.retain(|other| *other != name);
        let was_given = self.given == Some(name);
        if was_given {
            self.pass_on();
        }
        self.told.remove(&name) || was_locking || was_given
    }
}

fn poll(waiter: &mut Waiter<LockGuard>) -> Poll<LockGuard> {
    Pin::new(waiter).poll(&mut Context::from_waker(Waker::noop())).map(|held| held.expect("nothing fails here"))
}

fn play_condition(steps: &[ConditionStep]) {
    let (lock, condition) = (Lock::new(), Condition::new());
    let (mut model, mut next) = (Told::default(), 0);
    let mut waiters: BTreeMap<u64, Waiter<LockGuard>> = BTreeMap::new();
    let mut held: Option<LockGuard> = None;
    for &step in steps {
        let is_free = held.is_none() && model.given.is_none();
        match step {
            ConditionStep::Wait if is_free => {
                next += 1;
                let mut waiter = condition.wait(lock.acquire().wait().expect("it is free"));
                assert!(poll(&mut waiter).is_pending());
                waiters.insert(next, waiter);
                model.line.push_back(next);
            }
            ConditionStep::Hold if is_free => held = Some(lock.acquire().wait().expect("it is free")),
            ConditionStep::Wait | ConditionStep::Hold => assert!(!lock.acquire_nowait()),
            ConditionStep::LetGo => {
                if held.take().is_some() {
                    model.pass_on();
                }
            }
            ConditionStep::Notify(count) => assert_eq!(condition.notify(count), model.notify(count)),
            ConditionStep::Poll(nth) => {
                let Some((&name, waiter)) = waiters.iter_mut().nth(nth) else { continue };
                let has_it = model.given == Some(name) || is_free && model.told.contains(&name);
                match poll(waiter) {
                    Poll::Ready(guard) => {
                        assert!(has_it, "it was not told, or somebody else holds the lock");
                        held = Some(guard);
                        model.given = None;
                        model.told.remove(&name);
                        waiters.remove(&name);
                    }
                    Poll::Pending => {
                        assert!(!has_it, "it was told, and the lock is its own");
                        if model.told.remove(&name) {
                            model.locking.push_back(name);
                        }
                    }
                }
            }
            ConditionStep::Leave(nth) => {
                let Some(&name) = waiters.keys().nth(nth) else { continue };
                waiters.remove(&name);
                if model.leave(name) {
                    model.notify(1);
                }
            }
        }
        assert_eq!(condition.waiting(), model.line.len(), "a notification is lost or doubled");
        let now = lock.statistics();
        assert_eq!((now.locked, now.waiting), (held.is_some() || model.given.is_some(), model.locking.len()));
    }
    drop((waiters, held));
    assert!(condition.waiting() == 0 && lock.acquire_nowait(), "somebody has left something behind");
}

#[derive(Debug, Clone, Copy)]
enum BarrierStep {
    Wait,
    Reset,
    Abort,
    /// Reads the nth who waits, if it was let go or sent away.
    Read(usize),
    Leave(usize),
}

fn barrier_step() -> impl Strategy<Value = BarrierStep> {
    prop_oneof![
        8 => Just(BarrierStep::Wait),
        1 => Just(BarrierStep::Reset),
        1 => Just(BarrierStep::Abort),
        2 => (0..8usize).prop_map(BarrierStep::Read),
        2 => (0..8usize).prop_map(BarrierStep::Leave),
    ]
}

fn play_barrier(parties: usize, steps: &[BarrierStep]) {
    let barrier = Barrier::new(parties);
    let (mut broken, mut next) = (false, 0);
    let (mut line, mut waits) = (Vec::new(), BTreeMap::new());
    // A number for one that was let go, None for one that was sent away.
    let mut told: BTreeMap<u64, Option<usize>> = BTreeMap::new();
    for &step in steps {
        match step {
            BarrierStep::Wait if broken => {
                assert_eq!(barrier.enter().expect_err("it is broken").kind(), Kind::Closed);
            }
            BarrierStep::Wait => {
                next += 1;
                match barrier.enter().expect("it is not broken") {
                    Entered::Now(number) => {
                        assert_eq!((number, line.len() + 1), (parties - 1, parties));
                        told.extend(line.drain(..).enumerate().map(|(number, name)| (name, Some(number))));
                    }
                    Entered::Later(wait) => {
                        waits.insert(next, wait);
                        line.push(next);
                    }
                }
            }
            BarrierStep::Reset | BarrierStep::Abort => {
                broken = matches!(step, BarrierStep::Abort);
                match broken {
                    true => barrier.abort(),
                    false => barrier.reset(),
                }
                told.extend(line.drain(..).map(|name| (name, None)));
            }
            BarrierStep::Read(nth) => {
                let Some((&name, wait)) = waits.iter_mut().nth(nth) else { continue };
                match (told.remove(&name), wait.take()) {
                    (Some(number), Ok(given)) => assert_eq!(number, Some(given)),
                    (Some(number), Err(error)) => assert_eq!((number, error.kind()), (None, Kind::Closed)),
                    (None, Err(_)) => continue,
                    (None, Ok(number)) => panic!("{number} before all are there"),
                }
                waits.remove(&name);
            }
            BarrierStep::Leave(nth) => {
                let Some(&name) = waits.keys().nth(nth) else { continue };
                waits.remove(&name);
                line.retain(|other| *other != name);
                told.remove(&name);
            }
        }
        assert_granted(&waits, &told.keys().copied().collect());
        assert_eq!((barrier.n_waiting(), barrier.broken()), (line.len(), broken));
        assert!(line.len() < parties, "all are there and wait");
    }
}

proptest! {
    #[test]
    fn an_event_lets_go_all_who_wait_and_stops_nobody_while_it_is_set(steps in vec(event_step(), 0..80)) {
        play_event(&steps);
    }

    #[test]
    fn a_notification_is_acted_on_or_reaches_the_next_and_the_lock_is_had_in_order(
        steps in vec(condition_step(), 0..80),
    ) {
        play_condition(&steps);
    }

    #[test]
    fn a_barrier_lets_go_as_many_as_it_takes_and_sends_away_the_others(
        parties in 1..4usize,
        steps in vec(barrier_step(), 0..80),
    ) {
        play_barrier(parties, &steps);
    }
}
