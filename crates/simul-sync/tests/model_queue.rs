//! Queues against a simple model: any sequence of puts, gets, cancels and reads, by one thread, so that every step has one
//! right answer.
#![cfg(not(simul_loom))]

use proptest::prelude::*;
use simul_sync::queue::{Fifo, Heap, Items, Lifo, Refused, Room, Store};
use simul_sync::{Entered, Queue, Wait};
use std::collections::BTreeSet;
use std::convert::Infallible;

#[derive(Debug, Clone, Copy)]
enum Step {
    Put,
    PutNowait,
    Get,
    GetNowait,
    /// Reads the nth waiting call, if it was granted; leaves it otherwise.
    ReadGet(usize),
    ReadPut(usize),
    DropGet(usize),
    DropPut(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Put),
        1 => Just(Step::PutNowait),
        3 => Just(Step::Get),
        1 => Just(Step::GetNowait),
        2 => (0..8usize).prop_map(Step::ReadGet),
        2 => (0..8usize).prop_map(Step::ReadPut),
        1 => (0..8usize).prop_map(Step::DropGet),
        1 => (0..8usize).prop_map(Step::DropPut),
    ]
}

/// What must hold of any store: nothing lost, nothing doubled, those in line served in their order.
fn play<S: Store<u32, Error = Infallible>>(queue: &Queue<u32, S>, maxsize: usize, steps: &[Step]) -> Vec<u32> {
    let mut next = 0;
    let mut put = BTreeSet::new();
    let mut got = Vec::new();
    let mut getters: Vec<Wait<Items<u32, S>>> = Vec::new();
    let mut putters: Vec<(u32, Wait<Room<u32, S>>)> = Vec::new();
    for &step in steps {
        match step {
            Step::Put => {
                next += 1;
                let mut item = Some(next);
                match queue.enter_put(&mut item).expect("it is not shut down") {
                    Entered::Now(()) => assert!(put.insert(next)),
                    Entered::Later(wait) => putters.push((next, wait)),
                }
            }
            Step::PutNowait => {
                next += 1;
                let full = queue.is_full();
                let outcome = queue.put_nowait(next);
                assert_eq!(outcome.is_err(), full);
                match outcome {
                    Ok(()) => assert!(put.insert(next)),
                    Err(rejected) => assert_eq!((rejected.item, rejected.why), (next, Refused::NotNow)),
                }
            }
            Step::Get => match queue.enter_get().expect("it is not shut down") {
                Entered::Now(parcel) => got.push(queue.open(parcel).expect("it was not opened before")),
                Entered::Later(wait) => getters.push(wait),
            },
            Step::GetNowait => {
                let empty = queue.is_empty();
                let outcome = queue.get_nowait();
                assert_eq!(outcome, outcome.map_err(|_| Refused::NotNow));
                assert_eq!(outcome.is_err(), empty);
                got.extend(outcome.ok());
            }
            Step::ReadGet(nth) if getters.get(nth).is_some_and(|wait| wait.as_header().header().is_done()) => {
                let parcel = getters.remove(nth).take().expect("it was granted");
                got.push(queue.open(parcel).expect("it was not opened before"));
            }
            Step::ReadPut(nth) if putters.get(nth).is_some_and(|(_, wait)| wait.as_header().header().is_done()) => {
                let (item, mut wait) = putters.remove(nth);
                wait.take().expect("it was granted");
                queue.fill(item).expect("it is not shut down");
                assert!(put.insert(item));
            }
            Step::DropGet(nth) if nth < getters.len() => drop(getters.remove(nth)),
            Step::DropPut(nth) if nth < putters.len() => drop(putters.remove(nth)),
            _ => {}
        }
        let now = queue.statistics();
        let granted_puts = putters.iter().filter(|(_, wait)| wait.as_header().header().is_done()).count();
        let granted_gets = getters.iter().filter(|wait| wait.as_header().header().is_done()).count();
        assert_eq!(now.promised, granted_puts);
        assert_eq!(now.putting, putters.len() - granted_puts);
        assert_eq!(now.getting, getters.len() - granted_gets);
        assert!(now.getting == 0 || now.size == 0, "somebody waits for an item that lies there");
        assert!(now.putting == 0 || now.size + now.promised >= maxsize, "somebody waits for room that is there");
        assert_eq!(now.size + granted_gets + got.len(), put.len(), "an item is lost or doubled");
        // First come, first served: of those who wait, nobody is ahead of one who was granted.
        assert!(putters.iter().is_sorted_by_key(|(_, wait)| !wait.as_header().header().is_done()));
        assert!(getters.iter().is_sorted_by_key(|wait| !wait.as_header().header().is_done()));
    }
    // Everything that was put and not read comes out in the end, once.
    let taken = got.len();
    drop((getters, putters));
    while let Ok(item) = queue.get_nowait() {
        got.push(item);
    }
    assert_eq!(got.iter().copied().collect::<BTreeSet<_>>(), put);
    assert_eq!(got.len(), put.len());
    got.split_off(taken)
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nobody_overtakes(
        maxsize in 0..4usize,
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        play(&Queue::new(maxsize), maxsize, &steps);
        play(&Queue::lifo(maxsize), maxsize, &steps);
        play(&Queue::priority(maxsize), maxsize, &steps);
    }

    #[test]
    fn each_store_gives_its_own_order(items in proptest::collection::vec((any::<bool>(), any::<u8>()), 0..80)) {
        let (fifo, lifo, heap) = (Queue::<u8, Fifo<u8>>::new(0), Queue::<u8, Lifo<u8>>::lifo(0), Queue::<u8, Heap<u8>>::priority(0));
        let (mut line, mut pile, mut sorted) = (std::collections::VecDeque::new(), Vec::new(), Vec::new());
        for (puts, item) in items {
            if puts {
                fifo.put_nowait(item).expect("no limit");
                lifo.put_nowait(item).expect("no limit");
                heap.put_nowait(item).expect("no limit");
                line.push_back(item);
                pile.push(item);
                sorted.push(item);
                sorted.sort_by_key(|item| std::cmp::Reverse(*item));
            } else {
                prop_assert_eq!(fifo.get_nowait().ok(), line.pop_front());
                prop_assert_eq!(lifo.get_nowait().ok(), pile.pop());
                prop_assert_eq!(heap.get_nowait().ok(), sorted.pop());
            }
        }
        while let Some(item) = sorted.pop() {
            prop_assert_eq!(heap.get_nowait().ok(), Some(item));
        }
    }
}
