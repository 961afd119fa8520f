//! Models of a flight: every interleaving of joining, leaving, landing and giving up. Built with `--cfg simul_loom` only
//! (`./dev loom`). Who waits does so as a thread: one who waits for work that nobody does is a deadlock to loom.
#![cfg(simul_loom)]

use loom::thread;
use simul_core::Kind;
use simul_sync::flight::{Landing, Lead, Place, Told, Vacant};
use simul_sync::{Flight, Wait};

const KEY: u8 = 1;

fn take_off(flight: &Flight<u8, u8>) -> (Lead<u8, u8>, Wait<Place<u8, u8>>) {
    let (lead, wait) = flight.join(KEY);
    (lead.expect("nothing is in flight"), wait)
}

fn landed(wait: &mut Wait<Place<u8, u8>>) -> Landing<u8> {
    match wait.block(None).expect("it was not reset") {
        Told::Landed(landing) => landing,
        Told::Vacant(_) => panic!("somebody leads"),
    }
}

fn vacant(wait: &mut Wait<Place<u8, u8>>) -> Vacant<u8, u8> {
    match wait.block(None).expect("it was not reset") {
        Told::Vacant(vacant) => vacant,
        Told::Landed(_) => panic!("nothing has landed"),
    }
}

/// Waits as a caller does: leads when it comes to that, and lands 8.
fn fly(lead: Option<Lead<u8, u8>>, mut wait: Wait<Place<u8, u8>>) -> (usize, Landing<u8>) {
    let mut led = 0;
    let mut lead = lead;
    loop {
        if let Some(lead) = lead.take() {
            led += 1;
            lead.land(8);
        }
        match wait.block(None).expect("it was not reset") {
            Told::Landed(landing) => return (led, landing),
            Told::Vacant(vacant) => (lead, wait) = vacant.claim(),
        }
    }
}

#[test]
fn one_who_joins_beside_the_end_shares_it_or_leads_anew() {
    loom::model(|| {
        let flight = Flight::new();
        let (lead, mut first) = take_off(&flight);
        let lands = thread::spawn(move || lead.land(7));
        let (again, mut second) = flight.join(KEY);
        let shared = again.is_none();
        if let Some(again) = again {
            assert_eq!(again.land(8), 1);
        }
        assert_eq!(landed(&mut second), Landing { value: if shared { 7 } else { 8 }, shared });
        assert_eq!(landed(&mut first), Landing { value: 7, shared });
        assert_eq!(lands.join().expect("it does not panic"), if shared { 2 } else { 1 });
        assert!(flight.is_empty());
    });
}

#[test]
fn one_who_joins_beside_the_last_who_leaves_shares_live_work_or_leads_anew() {
    loom::model(|| {
        let flight = Flight::new();
        let (lead, first) = take_off(&flight);
        let leaves = thread::spawn(move || drop(first));
        let (again, mut second) = flight.join(KEY);
        leaves.join().expect("it does not panic");
        // Work that one waits for is wanted; work that all have left is not, and whoever waits is in another.
        assert_eq!(lead.is_unwanted(), again.is_some());
        let lead_of_second = match again {
            Some(again) => {
                assert_eq!(lead.land(6), 0);
                again
            }
            None => lead,
        };
        assert!(!lead_of_second.is_unwanted());
        assert_eq!(flight.waiting(&KEY), 1);
        assert_eq!(lead_of_second.land(7), 1);
        assert_eq!(landed(&mut second), Landing { value: 7, shared: false });
        assert!(flight.is_empty());
    });
}

#[test]
fn two_who_leave_at_once_leave_the_work_unwanted() {
    loom::model(|| {
        let flight = Flight::new();
        let (lead, first) = take_off(&flight);
        let (nobody, second) = flight.join(KEY);
        assert!(nobody.is_none());
        let leaves = thread::spawn(move || drop(first));
        drop(second);
        leaves.join().expect("it does not panic");
        assert!(lead.is_unwanted());
        assert!(flight.is_empty());
        assert_eq!(lead.land(7), 0);
    });
}

#[test]
fn one_of_those_who_wait_takes_over_from_a_leader_who_gave_up_and_the_others_share_it() {
    loom::model(|| {
        let flight = Flight::new();
        let (lead, mut first) = take_off(&flight);
        let (nobody, second) = flight.join(KEY);
        assert!(nobody.is_none());
        drop(lead);
        assert_eq!(flight.waiting(&KEY), 2);
        let other = thread::spawn(move || fly(None, second));
        let (lead, wait) = vacant(&mut first).claim();
        let ours = fly(lead, wait);
        let theirs = other.join().expect("it does not panic");
        let landing = Landing { value: 8, shared: true };
        assert_eq!((ours.1, theirs.1), (landing, landing));
        assert_eq!(ours.0 + theirs.0, 1);
        assert!(flight.is_empty());
    });
}

#[test]
fn one_who_joins_beside_a_leader_who_gives_up_is_in_the_one_flight_that_goes_on() {
    loom::model(|| {
        let flight = Flight::new();
        let (lead, mut first) = take_off(&flight);
        let gives_up = thread::spawn(move || drop(lead));
        let (again, wait) = flight.join(KEY);
        let ours = again.is_some();
        gives_up.join().expect("it does not panic");
        let (lead, first) = vacant(&mut first).claim();
        assert!(!(ours && lead.is_some()));
        let (lead, wait, mut other) = match again {
            Some(again) => (Some(again), wait, first),
            // Told of the vacancy like the first, if it had joined before that.
            None => (lead, first, wait),
        };
        let landing = Landing { value: 8, shared: true };
        assert_eq!(fly(lead, wait), (1, landing));
        let word = match other.block(None).expect("it was not reset") {
            Told::Landed(landing) => landing,
            Told::Vacant(vacant) => {
                let (lead, mut wait) = vacant.claim();
                assert!(lead.is_none());
                landed(&mut wait)
            }
        };
        assert_eq!(word, landing);
        assert!(flight.is_empty());
    });
}

#[test]
fn one_who_leaves_unread_what_it_was_told_of_a_vacancy_leaves_the_flight() {
    loom::model(|| {
        let flight = Flight::new();
        let (lead, first) = take_off(&flight);
        let (_, mut second) = flight.join(KEY);
        let leaves = thread::spawn(move || drop(first));
        drop(lead);
        let (lead, wait) = vacant(&mut second).claim();
        leaves.join().expect("it does not panic");
        assert_eq!(flight.waiting(&KEY), 1);
        assert_eq!(fly(lead, wait), (1, Landing { value: 8, shared: false }));
        assert!(flight.is_empty());
    });
}

#[test]
fn a_leader_who_is_relieved_beside_its_end_lands_or_is_nobody() {
    loom::model(|| {
        let flight = Flight::new();
        let (lead, mut first) = take_off(&flight);
        let term = lead.term();
        let lands = thread::spawn(move || lead.land(7));
        let relieved = flight.vacate(KEY, term);
        let value = match first.block(None).expect("it was not reset") {
            Told::Landed(landing) => landing.value,
            Told::Vacant(vacant) => {
                let (lead, wait) = vacant.claim();
                fly(lead, wait).1.value
            }
        };
        assert_eq!(value, if relieved { 8 } else { 7 });
        assert_eq!(lands.join().expect("it does not panic"), usize::from(!relieved));
        assert!(!flight.vacate(KEY, term));
        assert!(flight.is_empty());
    });
}

#[test]
fn a_leader_who_gives_up_beside_the_last_who_leaves_leaves_nothing() {
    loom::model(|| {
        let flight = Flight::new();
        let (lead, first) = take_off(&flight);
        let gives_up = thread::spawn(move || drop(lead));
        drop(first);
        gives_up.join().expect("it does not panic");
        assert!(flight.is_empty());
        let (again, _wait) = take_off(&flight);
        assert!(!again.is_unwanted());
    });
}

#[test]
fn a_reset_beside_the_end_tells_who_waits_one_or_the_other() {
    loom::model(|| {
        let flight = Flight::new();
        let (lead, mut first) = take_off(&flight);
        let lands = thread::spawn(move || lead.land(7));
        let was_reset = flight.reset(&KEY);
        match first.block(None) {
            Ok(Told::Landed(told)) => assert_eq!((told, was_reset), (Landing { value: 7, shared: false }, false)),
            Ok(Told::Vacant(_)) => panic!("the leader has landed"),
            Err(error) => assert_eq!((error.kind(), was_reset), (Kind::Cancelled, true)),
        }
        assert_eq!(lands.join().expect("it does not panic"), usize::from(!was_reset));
        assert!(flight.is_empty());
    });
}
