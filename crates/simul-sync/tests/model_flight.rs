//! A flight against a simple model: any sequence of joining, leaving, landing, giving up, relieving, resetting, reading
//! and claiming, by one thread, so that every step has one right answer.
#![cfg(not(simul_loom))]

use proptest::collection::vec;
use proptest::prelude::*;
use simul_core::Kind;
use simul_sync::flight::{Landing, Lead, Place, Told, Vacant};
use simul_sync::{Flight, Wait};
use std::collections::BTreeMap;

const KEYS: u8 = 3;

#[derive(Debug, Clone, Copy)]
enum Step {
    Join(u8),
    /// Of the nth who waits, or was told and has not read it.
    Leave(usize),
    Read(usize),
    /// Of the nth who leads.
    Land(usize),
    GiveUp(usize),
    /// Takes the lead from the nth who has it, if it still stands.
    Relieve(usize),
    /// Of the nth who has read that its flight is vacant.
    Claim(usize),
    Forgo(usize),
    Reset(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..KEYS).prop_map(Step::Join),
        3 => (0..8usize).prop_map(Step::Leave),
        3 => (0..8usize).prop_map(Step::Read),
        2 => (0..4usize).prop_map(Step::Land),
        2 => (0..4usize).prop_map(Step::GiveUp),
        1 => (0..4usize).prop_map(Step::Relieve),
        3 => (0..4usize).prop_map(Step::Claim),
        1 => (0..4usize).prop_map(Step::Forgo),
        1 => (0..KEYS).prop_map(Step::Reset),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Nothing,
    Landed(Landing<usize>),
    Vacant,
    Reset,
}

/// What one who joined has been told; `later` after the word that the flight is vacant, as long as it has not claimed.
#[derive(Debug)]
struct Waiter {
    key: u8,
    word: Word,
    later: Word,
}

impl Waiter {
    fn hear(&mut self, word: Word) {
        let place = if self.word == Word::Vacant { &mut self.later } else { &mut self.word };
        assert_eq!(std::mem::replace(place, word), Word::Nothing);
    }
}

/// Work in flight: who leads it (the step that gave the lead), and who waits for it.
#[derive(Debug, Default)]
struct Work {
    leader: Option<usize>,
    waiting: Vec<usize>,
}

#[derive(Default)]
struct Model {
    in_flight: BTreeMap<u8, Work>,
    waiters: BTreeMap<usize, Waiter>,
}

impl Model {
    fn is_led(&self, key: u8, leader: usize) -> bool {
        self.in_flight.get(&key).is_some_and(|work| work.leader == Some(leader))
    }

    /// The work ends with a word to all who wait.
    fn end(&mut self, key: u8, word: impl Fn(usize) -> Word) -> usize {
        let waiting = self.in_flight.remove(&key).map(|work| work.waiting).unwrap_or_default();
        for name in &waiting {
            self.waiters.get_mut(name).expect("it waits").hear(word(waiting.len()));
        }
        waiting.len()
    }

    /// The work has no leader any more: whoever has not heard of an earlier vacancy, or has answered it, hears so.
    fn vacate(&mut self, key: u8, leader: usize) -> bool {
        if !self.is_led(key, leader) {
            return false;
        }
        let work = self.in_flight.get_mut(&key).expect("it is led");
        work.leader = None;
        for name in &work.waiting {
            let waiter = self.waiters.get_mut(name).expect("it waits");
            if waiter.word == Word::Nothing {
                waiter.hear(Word::Vacant);
            }
        }
        true
    }

    fn leave(&mut self, name: usize) {
        self.waiters.remove(&name);
        self.in_flight.retain(|_, work| {
            let all = work.waiting.len();
            work.waiting.retain(|other| *other != name);
            // Work that the last one leaves is nobody's: who asks next leads anew.
            all == work.waiting.len() || !work.waiting.is_empty()
        });
    }
}

fn play(steps: &[Step]) {
    let flight = Flight::<u8, usize>::new();
    let mut model = Model::default();
    let mut waits: BTreeMap<usize, Wait<Place<u8, usize>>> = BTreeMap::new();
    let mut vacants: BTreeMap<usize, Vacant<u8, usize>> = BTreeMap::new();
    let mut leads: Vec<(u8, usize, Lead<u8, usize>)> = Vec::new();
    for (step_number, &step) in steps.iter().enumerate() {
        match step {
            Step::Join(key) => {
                let (lead, wait) = flight.join(key);
                let work = model.in_flight.entry(key).or_default();
                assert_eq!(lead.is_some(), work.leader.is_none());
                if let Some(lead) = lead {
                    leads.push((key, step_number, lead));
                    work.leader = Some(step_number);
                }
                work.waiting.push(step_number);
                model.waiters.insert(step_number, Waiter { key, word: Word::Nothing, later: Word::Nothing });
                waits.insert(step_number, wait);
            }
            Step::Leave(nth) => {
                let Some(&name) = waits.keys().nth(nth) else { continue };
                waits.remove(&name);
                model.leave(name);
            }
            Step::Forgo(nth) => {
                let Some(&name) = vacants.keys().nth(nth) else { continue };
                vacants.remove(&name);
                model.leave(name);
            }
            Step::Claim(nth) => {
                let Some(&name) = vacants.keys().nth(nth) else { continue };
                let (lead, wait) = vacants.remove(&name).expect("it was seen just now").claim();
                let waiter = model.waiters.get_mut(&name).expect("it waits");
                waiter.word = std::mem::replace(&mut waiter.later, Word::Nothing);
                let work = model.in_flight.get_mut(&waiter.key).filter(|work| work.waiting.contains(&name));
                let vacant = work.filter(|work| work.leader.is_none());
                assert_eq!(lead.is_some(), vacant.is_some());
                if let (Some(lead), Some(work)) = (lead, vacant) {
                    work.leader = Some(step_number);
                    leads.push((waiter.key, step_number, lead));
                }
                waits.insert(name, wait);
            }
            Step::Read(nth) => {
                let Some((&name, wait)) = waits.iter_mut().nth(nth) else { continue };
                let (word, vacant) = match wait.take() {
                    Ok(Told::Landed(landing)) => (Word::Landed(landing), None),
                    Ok(Told::Vacant(vacant)) => (Word::Vacant, Some(vacant)),
                    Err(error) if error.kind() == Kind::Cancelled => (Word::Reset, None),
                    Err(_) => (Word::Nothing, None),
                };
                assert_eq!(word, model.waiters[&name].word);
                if word != Word::Nothing {
                    waits.remove(&name);
                }
                match vacant {
                    Some(vacant) => drop(vacants.insert(name, vacant)),
                    None if word != Word::Nothing => drop(model.waiters.remove(&name)),
                    None => {}
                }
            }
            Step::Land(nth) if nth < leads.len() => {
                let (key, leader, lead) = leads.remove(nth);
                let told = match model.is_led(key, leader) {
                    true => model.end(key, |all| Word::Landed(Landing { value: step_number, shared: all > 1 })),
                    false => 0,
                };
                assert_eq!(lead.land(step_number), told);
            }
            Step::GiveUp(nth) if nth < leads.len() => {
                let (key, leader, lead) = leads.remove(nth);
                drop(lead);
                model.vacate(key, leader);
            }
            Step::Relieve(nth) if nth < leads.len() => {
                let (key, leader, lead) = &leads[nth];
                assert_eq!(flight.vacate(*key, lead.term()), model.vacate(*key, *leader));
            }
            Step::Land(_) | Step::GiveUp(_) | Step::Relieve(_) => {}
            Step::Reset(key) => {
                assert_eq!(flight.reset(&key), model.in_flight.contains_key(&key));
                model.end(key, |_| Word::Reset);
            }
        }
        assert_eq!(flight.len(), model.in_flight.len());
        for key in 0..KEYS {
            assert_eq!(flight.waiting(&key), model.in_flight.get(&key).map_or(0, |work| work.waiting.len()));
        }
        for (key, leader, lead) in &leads {
            assert_eq!(lead.is_unwanted(), !model.is_led(*key, *leader));
        }
        for (name, wait) in &waits {
            assert_eq!(wait.as_header().header().is_done(), model.waiters[name].word != Word::Nothing);
        }
    }
    drop((waits, vacants));
    assert!(flight.is_empty(), "work that nobody waits for is in flight");
}

proptest! {
    #[test]
    fn each_who_joins_hears_of_the_work_that_it_joined_and_no_other(steps in vec(step(), 0..100)) {
        play(&steps);
    }
}
