//! A flight against a simple model: any sequence of joining, leaving, landing, giving up, resetting and reading, by one
//! thread, so that every step has one right answer.
#![cfg(not(simul_loom))]

use proptest::collection::vec;
use proptest::prelude::*;
use simul_core::Kind;
use simul_sync::flight::{Landing, Lead, Place};
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
    Reset(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..KEYS).prop_map(Step::Join),
        3 => (0..8usize).prop_map(Step::Leave),
        3 => (0..8usize).prop_map(Step::Read),
        2 => (0..4usize).prop_map(Step::Land),
        1 => (0..4usize).prop_map(Step::GiveUp),
        1 => (0..KEYS).prop_map(Step::Reset),
    ]
}

/// What one who joined has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Nothing,
    Landed(Landing<usize>),
    AskAgain,
    Reset,
}

/// Work in flight: which, and who waits for it.
#[derive(Debug, Default)]
struct Work {
    number: usize,
    waiting: Vec<usize>,
}

#[derive(Default)]
struct Model {
    in_flight: BTreeMap<u8, Work>,
    words: BTreeMap<usize, Word>,
}

impl Model {
    /// The work `number` of this key ends with a word to all who wait, if it is still in flight.
    fn end(&mut self, key: u8, number: usize, word: impl Fn(usize) -> Word) -> usize {
        if self.in_flight.get(&key).is_none_or(|work| work.number != number) {
            return 0;
        }
        let waiting = self.in_flight.remove(&key).expect("it was seen just now").waiting;
        for name in &waiting {
            assert_eq!(self.words.insert(*name, word(waiting.len())), Some(Word::Nothing));
        }
        waiting.len()
    }

    fn leave(&mut self, name: usize) {
        self.words.remove(&name);
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
    let mut leads: Vec<(u8, usize, Lead<u8, usize>)> = Vec::new();
    for (name, &step) in steps.iter().enumerate() {
        match step {
            Step::Join(key) => {
                let (lead, wait) = flight.join(key);
                assert_eq!(lead.is_some(), !model.in_flight.contains_key(&key));
                if let Some(lead) = lead {
                    leads.push((key, name, lead));
                    model.in_flight.insert(key, Work { number: name, waiting: Vec::new() });
                }
                model.in_flight.get_mut(&key).expect("it is in flight now").waiting.push(name);
                model.words.insert(name, Word::Nothing);
                waits.insert(name, wait);
            }
            Step::Leave(nth) => {
                let Some(&name) = waits.keys().nth(nth) else { continue };
                waits.remove(&name);
                model.leave(name);
            }
            Step::Read(nth) => {
                let Some((&name, wait)) = waits.iter_mut().nth(nth) else { continue };
                let word = match wait.take() {
                    Ok(Some(landing)) => Word::Landed(landing),
                    Ok(None) => Word::AskAgain,
                    Err(error) if error.kind() == Kind::Cancelled => Word::Reset,
                    Err(_) => Word::Nothing,
                };
                assert_eq!(word, model.words[&name]);
                if word != Word::Nothing {
                    model.words.remove(&name);
                    waits.remove(&name);
                }
            }
            Step::Land(nth) if nth < leads.len() => {
                let (key, number, lead) = leads.remove(nth);
                let told = model.end(key, number, |all| Word::Landed(Landing { value: name, shared: all > 1 }));
                assert_eq!(lead.land(name), told);
            }
            Step::GiveUp(nth) if nth < leads.len() => {
                let (key, number, lead) = leads.remove(nth);
                drop(lead);
                model.end(key, number, |_| Word::AskAgain);
            }
            Step::Land(_) | Step::GiveUp(_) => {}
            Step::Reset(key) => {
                let number = model.in_flight.get(&key).map(|work| work.number);
                assert_eq!(flight.reset(&key), number.is_some());
                model.end(key, number.unwrap_or_default(), |_| Word::Reset);
            }
        }
        assert_eq!(flight.len(), model.in_flight.len());
        for key in 0..KEYS {
            assert_eq!(flight.waiting(&key), model.in_flight.get(&key).map_or(0, |work| work.waiting.len()));
        }
        for (key, number, lead) in &leads {
            let wanted = model.in_flight.get(key).is_some_and(|work| work.number == *number);
            assert_eq!(lead.is_unwanted(), !wanted);
        }
        for (name, wait) in &waits {
            assert_eq!(wait.as_header().header().is_done(), model.words[name] != Word::Nothing);
        }
    }
    drop(waits);
    assert!(flight.is_empty(), "work that nobody waits for is in flight");
}

proptest! {
    #[test]
    fn each_who_joins_hears_of_the_work_that_it_joined_and_no_other(steps in vec(step(), 0..100)) {
        play(&steps);
    }
}
