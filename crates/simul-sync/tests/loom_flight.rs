//! Models of a flight: every interleaving of joining, leaving, landing and giving up. Built with `--cfg simul_loom` only
//! (`./dev loom`). Who waits does so as a thread: one who waits for work that nobody does is a deadlock to loom.
#![cfg(simul_loom)]

use loom::thread;
use simul_core::Kind;
use simul_sync::flight::{Landing, Lead, Place};
use simul_sync::{Flight, Wait};

const KEY: u8 = 1;

fn take_off(flight: &Flight<u8, u8>) -> (Lead<u8, u8>, Wait<Place<u8, u8>>) {
    let (lead, wait) = flight.join(KEY);
    (lead.expect("nothing is in flight"), wait)
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
        let told = second.block(None).expect("it was not reset");
        assert_eq!(told, Some(Landing { value: if shared { 7 } else { 8 }, shared }));
        assert_eq!(first.block(None).expect("it was not reset"), Some(Landing { value: 7, shared }));
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
        let told = second.block(None).expect("it was not reset");
        assert_eq!(told, Some(Landing { value: 7, shared: false }));
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
fn one_who_waits_hears_that_the_leader_gave_up() {
    loom::model(|| {
        let flight = Flight::new();
        let (lead, mut first) = take_off(&flight);
        let gives_up = thread::spawn(move || drop(lead));
        let (again, mut second) = flight.join(KEY);
        assert_eq!(first.block(None).expect("it was not reset"), None);
        let (told, expected) = match again {
            // Told to ask again too; the first who does so leads.
            None => (second.block(None), None),
            Some(again) => {
                assert_eq!(again.land(8), 1);
                (second.block(None), Some(Landing { value: 8, shared: false }))
            }
        };
        assert_eq!(told.expect("it was not reset"), expected);
        gives_up.join().expect("it does not panic");
        take_off(&flight).0.land(9);
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
            Ok(told) => assert_eq!((told, was_reset), (Some(Landing { value: 7, shared: false }), false)),
            Err(error) => assert_eq!((error.kind(), was_reset), (Kind::Cancelled, true)),
        }
        assert_eq!(lands.join().expect("it does not panic"), usize::from(!was_reset));
        assert!(flight.is_empty());
    });
}
