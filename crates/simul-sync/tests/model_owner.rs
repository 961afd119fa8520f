//! Locks and limiters that know who holds, against a simple model: any sequence of asking, releasing, reading and leaving,
//! by one thread, so that every step has one right answer.
#![cfg(not(simul_loom))]

#[path = "model/waits.rs"]
mod waits;

use proptest::collection::vec;
use proptest::prelude::*;
use simul_sync::{CapacityLimiter, RLock};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use waits::{assert_granted, keep};

#[derive(Debug, Clone, Copy)]
enum OwnerStep {
    Enter(u64, usize),
    EnterNowait(u64),
    Release(u64),
    ReleaseAll(u64),
    Read(u64),
    Leave(u64),
}

fn owner_step() -> impl Strategy<Value = OwnerStep> {
    let who = || 0..5u64;
    prop_oneof![
        4 => (who(), 1..4usize).prop_map(|(who, depth)| OwnerStep::Enter(who, depth)),
        1 => who().prop_map(OwnerStep::EnterNowait),
        4 => who().prop_map(OwnerStep::Release),
        1 => who().prop_map(OwnerStep::ReleaseAll),
        3 => who().prop_map(OwnerStep::Read),
        2 => who().prop_map(OwnerStep::Leave),
    ]
}

#[derive(Debug, Default)]
struct Owning {
    owner: Option<u64>,
    depth: usize,
    line: VecDeque<(u64, usize)>,
    granted: BTreeSet<u64>,
}

impl Owning {
    fn take(&mut self, who: u64, depth: usize) -> bool {
        let ours = self.owner.is_none_or(|owner| owner == who);
        if ours {
            (self.owner, self.depth) = (Some(who), self.depth + depth);
        }
        ours
    }

    fn pass_on(&mut self) {
        (self.owner, self.depth) = (None, 0);
        if let Some((first, depth)) = self.line.pop_front() {
            (self.owner, self.depth) = (Some(first), depth);
            assert!(self.granted.insert(first));
        }
    }
}

fn play_owners(lock: &RLock, steps: &[OwnerStep]) {
    let (mut model, mut waits) = (Owning::default(), BTreeMap::new());
    for &step in steps {
        match step {
            // Who waits does nothing else meanwhile.
            OwnerStep::Enter(who, _)
            | OwnerStep::EnterNowait(who)
            | OwnerStep::Release(who)
            | OwnerStep::ReleaseAll(who)
                if waits.contains_key(&who) => {}
            OwnerStep::Enter(who, depth) => {
                let now = keep(lock.enter(who, depth), &mut waits, who);
                assert_eq!(now, model.take(who, depth));
                if !now {
                    model.line.push_back((who, depth));
                }
            }
            OwnerStep::EnterNowait(who) => assert_eq!(lock.acquire_nowait(who), model.take(who, 1)),
            OwnerStep::Release(who) => match model.owner == Some(who) {
                true => {
                    model.depth -= 1;
                    assert_eq!(lock.release(who).expect("it is the owner"), model.depth == 0);
                    if model.depth == 0 {
                        model.pass_on();
                    }
                }
                false => assert!(lock.release(who).is_err()),
            },
            OwnerStep::ReleaseAll(who) => match model.owner == Some(who) {
                true => {
                    assert_eq!(lock.release_all(who).expect("it is the owner"), model.depth);
                    model.pass_on();
                }
                false => assert!(lock.release_all(who).is_err()),
            },
            OwnerStep::Read(who) => {
                let Some(wait) = waits.get_mut(&who) else { continue };
                let granted = model.granted.remove(&who);
                assert_eq!(wait.take().is_ok(), granted);
                if granted {
                    waits.remove(&who);
                }
            }
            OwnerStep::Leave(who) => {
                waits.remove(&who);
                model.line.retain(|(other, _)| *other != who);
                if model.granted.remove(&who) {
                    model.pass_on();
                }
            }
        }
        let now = lock.statistics();
        assert_eq!((now.owner, now.depth, now.waiting), (model.owner, model.depth, model.line.len()));
        assert_granted(&waits, &model.granted);
    }
}

#[derive(Debug, Clone, Copy)]
enum BorrowerStep {
    Enter(u64),
    EnterNowait(u64),
    TakeAnyway(u64),
    Release(u64),
    Total(usize),
    Read(u64),
    Leave(u64),
}

fn borrower_step() -> impl Strategy<Value = BorrowerStep> {
    let who = || 0..6u64;
    prop_oneof![
        5 => who().prop_map(BorrowerStep::Enter),
        1 => who().prop_map(BorrowerStep::EnterNowait),
        1 => who().prop_map(BorrowerStep::TakeAnyway),
        4 => who().prop_map(BorrowerStep::Release),
        1 => (0..5usize).prop_map(BorrowerStep::Total),
        3 => who().prop_map(BorrowerStep::Read),
        2 => who().prop_map(BorrowerStep::Leave),
    ]
}

#[derive(Debug, Default)]
struct Lending {
    total: usize,
    /// Granted and not read yet, too.
    holding: BTreeSet<u64>,
    line: VecDeque<u64>,
    granted: BTreeSet<u64>,
}

impl Lending {
    fn serve(&mut self) {
        while self.holding.len() < self.total
            && let Some(first) = self.line.pop_front()
        {
            assert!(self.holding.insert(first) && self.granted.insert(first));
        }
    }

    /// Whether one who asks has a token at once.
    fn take(&mut self, who: u64) -> bool {
        let left = self.holding.len() < self.total;
        if left {
            self.holding.insert(who);
        }
        left
    }
}

fn play_borrowers(limiter: &CapacityLimiter, steps: &[BorrowerStep]) {
    let (mut model, mut waits) = (Lending { total: limiter.total_tokens(), ..Lending::default() }, BTreeMap::new());
    for &step in steps {
        let is_known = |who| model.holding.contains(&who) || model.line.contains(&who);
        match step {
            BorrowerStep::Enter(who) if is_known(who) => assert!(limiter.enter(who).is_err()),
            BorrowerStep::EnterNowait(who) if is_known(who) => assert!(limiter.acquire_nowait(who).is_err()),
            BorrowerStep::TakeAnyway(who) if is_known(who) => assert!(limiter.take_anyway(who).is_err()),
            BorrowerStep::Enter(who) => {
                let now = keep(limiter.enter(who).expect("it is not known"), &mut waits, who);
                assert_eq!(now, model.take(who));
                if !now {
                    model.line.push_back(who);
                }
            }
            BorrowerStep::EnterNowait(who) => {
                assert_eq!(limiter.acquire_nowait(who).expect("it is not known"), model.take(who));
            }
            BorrowerStep::TakeAnyway(who) => {
                limiter.take_anyway(who).expect("it is not known");
                model.holding.insert(who);
            }
            // Who waits does nothing else meanwhile.
            BorrowerStep::Release(who) if model.granted.contains(&who) => {}
            BorrowerStep::Release(who) => {
                assert_eq!(limiter.release(who).is_ok(), model.holding.remove(&who));
                model.serve();
            }
            BorrowerStep::Total(total) => {
                limiter.set_total_tokens(total);
                model.total = total;
                model.serve();
            }
            BorrowerStep::Read(who) => {
                let Some(wait) = waits.get_mut(&who) else { continue };
                let granted = model.granted.remove(&who);
                assert_eq!(wait.take().is_ok(), granted);
                if granted {
                    waits.remove(&who);
                }
            }
            BorrowerStep::Leave(who) => {
                waits.remove(&who);
                model.line.retain(|other| *other != who);
                if model.granted.remove(&who) {
                    model.holding.remove(&who);
                    model.serve();
                }
            }
        }
        let now = limiter.statistics();
        assert_eq!(
            (now.total_tokens, now.borrowed_tokens, now.waiting),
            (model.total, model.holding.len(), model.line.len())
        );
        assert!((0..6).all(|who| limiter.holds(who) == model.holding.contains(&who)));
        assert_granted(&waits, &model.granted);
    }
}

proptest! {
    #[test]
    fn one_owner_at_a_time_as_often_as_it_took_it(steps in vec(owner_step(), 0..80)) {
        play_owners(&RLock::new(), &steps);
    }

    #[test]
    fn tokens_are_lent_in_the_order_of_asking(total in 0..4usize, steps in vec(borrower_step(), 0..80)) {
        play_borrowers(&CapacityLimiter::new(total), &steps);
    }
}
