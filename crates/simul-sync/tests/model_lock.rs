//! Locks and semaphores against a simple model: any sequence of asking, releasing, reading and leaving, by one thread, so
//! that every step has one right answer. The model serves those who wait in the order of their coming, and counts.
#![cfg(not(simul_loom))]

#[path = "model/waits.rs"]
mod waits;

use proptest::collection::vec;
use proptest::prelude::*;
use simul_sync::wait::Source;
use simul_sync::{Entered, Lock, Semaphore};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use waits::{assert_granted, keep};

/// What a lock and a semaphore have in common: permits without names.
trait Gate: Source<Grant = ()> + Clone + Debug {
    fn ask(&self) -> Entered<Self>;
    fn ask_nowait(&self) -> bool;
    fn give(&self) -> bool;
    /// How many are free and how many wait.
    fn count(&self) -> (usize, usize);
}

impl Gate for Lock {
    fn ask(&self) -> Entered<Self> {
        self.enter()
    }

    fn ask_nowait(&self) -> bool {
        self.acquire_nowait()
    }

    fn give(&self) -> bool {
        self.release().is_ok()
    }

    fn count(&self) -> (usize, usize) {
        let now = self.statistics();
        (usize::from(!now.locked), now.waiting)
    }
}

impl Gate for Semaphore {
    fn ask(&self) -> Entered<Self> {
        self.enter()
    }

    fn ask_nowait(&self) -> bool {
        self.acquire_nowait()
    }

    fn give(&self) -> bool {
        self.release().is_ok()
    }

    fn count(&self) -> (usize, usize) {
        let now = self.statistics();
        (now.free, now.waiting)
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Ask,
    AskNowait,
    Give,
    /// Reads the nth who waits, if it was granted.
    Read(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Ask),
        1 => Just(Step::AskNowait),
        3 => Just(Step::Give),
        2 => (0..8usize).prop_map(Step::Read),
        2 => (0..8usize).prop_map(Step::Leave),
    ]
}

/// `permits` are free at first; `bounded` tells whether there may never be more.
fn play(gate: &impl Gate, mut permits: usize, bounded: bool, steps: &[Step]) {
    let (mut free, mut held, mut next) = (permits, 0, 0);
    let (mut line, mut granted, mut waits) = (VecDeque::new(), BTreeSet::new(), BTreeMap::new());
    // A permit that comes back goes to the first who waits.
    let pass_on = |free: &mut usize, line: &mut VecDeque<u64>, granted: &mut BTreeSet<u64>| match line.pop_front() {
        Some(first) => assert!(granted.insert(first)),
        None => *free += 1,
    };
    for &step in steps {
        match step {
            Step::Ask => {
                next += 1;
                let now = keep(gate.ask(), &mut waits, next);
                assert_eq!(now, free > 0);
                match now {
                    true => (free, held) = (free - 1, held + 1),
                    false => line.push_back(next),
                }
            }
            Step::AskNowait => {
                let now = gate.ask_nowait();
                assert_eq!(now, free > 0);
                (free, held) = (free - usize::from(now), held + usize::from(now));
            }
            Step::Give if held > 0 => {
                assert!(gate.give());
                held -= 1;
                pass_on(&mut free, &mut line, &mut granted);
            }
            // One release too many.
            Step::Give if granted.is_empty() => {
                assert_eq!(gate.give(), !bounded);
                if !bounded {
                    permits += 1;
                    pass_on(&mut free, &mut line, &mut granted);
                }
            }
            Step::Give => {}
            Step::Read(nth) => {
                let Some((&name, wait)) = waits.iter_mut().nth(nth) else { continue };
                let was_granted = granted.remove(&name);
                assert_eq!(wait.take().is_ok(), was_granted);
                if was_granted {
                    held += 1;
                    waits.remove(&name);
                }
            }
            Step::Leave(nth) => {
                let Some(&name) = waits.keys().nth(nth) else { continue };
                waits.remove(&name);
                line.retain(|other| *other != name);
                if granted.remove(&name) {
                    pass_on(&mut free, &mut line, &mut granted);
                }
            }
        }
        assert_granted(&waits, &granted);
        assert_eq!(gate.count(), (free, line.len()));
        assert_eq!(free + held + granted.len(), permits, "a permit is lost or doubled");
        assert!(free == 0 || line.is_empty(), "somebody waits for a permit that is free");
    }
    drop(waits);
    assert_eq!(gate.count(), (permits - held, 0));
}

proptest! {
    #[test]
    fn permits_are_neither_lost_nor_doubled_and_nobody_overtakes(
        permits in 0..4usize,
        steps in vec(step(), 0..80),
    ) {
        play(&Lock::new(), 1, true, &steps);
        play(&Semaphore::new(permits), permits, false, &steps);
        play(&Semaphore::bounded(permits), permits, true, &steps);
    }
}
