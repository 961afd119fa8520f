//! Models of a queue: every interleaving of put, get and cancel. Built with `--cfg simul_loom` only (`./dev loom`).
#![cfg(simul_loom)]

use loom::thread;
use simul_sync::queue::Refused;
use simul_sync::{Entered, Queue};

/// What one `get` comes to when it does not wait for long: an item, or None after it has left the line.
fn get_or_leave(queue: &Queue<u8>) -> Option<u8> {
    match queue.enter_get().expect("it is not shut down") {
        Entered::Now(parcel) => queue.open(parcel),
        Entered::Later(mut wait) => {
            // Granted already, or it leaves: dropping it beside the put is what is modelled.
            match wait.as_header().header().is_done() {
                true => wait.take().ok().and_then(|parcel| queue.open(parcel)),
                false => None,
            }
        }
    }
}

#[test]
fn an_item_that_is_put_beside_a_get_that_leaves_is_got_or_lies_there() {
    loom::model(|| {
        let queue = Queue::new(0);
        let getter = queue.clone();
        let gets = thread::spawn(move || get_or_leave(&getter));
        queue.put_nowait(7).expect("it has no limit");
        let got = gets.join().expect("it does not panic");
        let left = queue.get_nowait();
        match got {
            Some(item) => assert_eq!((item, left), (7, Err(Refused::NotNow))),
            None => assert_eq!(left, Ok(7)),
        }
    });
}

#[test]
fn a_getter_that_leaves_passes_its_item_to_the_next() {
    loom::model(|| {
        let queue = Queue::new(0);
        let Ok(Entered::Later(first)) = queue.enter_get() else { panic!("it is empty") };
        let Ok(Entered::Later(mut second)) = queue.enter_get() else { panic!("it is empty") };
        let putter = queue.clone();
        let puts = thread::spawn(move || putter.put_nowait(7).expect("it has no limit"));
        drop(first);
        puts.join().expect("it does not panic");
        let parcel = second.take().expect("the first has left");
        assert_eq!(queue.open(parcel), Some(7));
        assert_eq!(queue.get_nowait(), Err(Refused::NotNow));
    });
}

#[test]
fn room_that_is_promised_to_a_put_that_leaves_is_promised_again() {
    loom::model(|| {
        let queue = Queue::new(1);
        queue.put_nowait(1).expect("there is room");
        let Ok(Entered::Later(first)) = queue.enter_put(&mut Some(2)) else { panic!("it is full") };
        let mut item = Some(3);
        let Ok(Entered::Later(mut second)) = queue.enter_put(&mut item) else { panic!("it is full") };
        let getter = queue.clone();
        let gets = thread::spawn(move || getter.get_nowait());
        drop(first);
        assert_eq!(gets.join().expect("it does not panic"), Ok(1));
        second.take().expect("the first has left");
        queue.fill(item.take().expect("it has not gone in")).expect("it is not shut down");
        assert_eq!(queue.get_nowait(), Ok(3));
        assert_eq!(queue.statistics().promised, 0);
    });
}

#[test]
fn a_shutdown_beside_a_put_and_a_get_loses_nothing() {
    loom::model(|| {
        let queue = Queue::new(0);
        let other = queue.clone();
        let puts = thread::spawn(move || other.put_nowait(7).is_ok());
        let stopping = queue.clone();
        let stops = thread::spawn(move || stopping.shutdown(false));
        let put = puts.join().expect("it does not panic");
        stops.join().expect("it does not panic");
        assert_eq!(queue.get_nowait(), if put { Ok(7) } else { Err(Refused::ShutDown) });
        let count = queue.statistics();
        assert_eq!(count.unfinished, usize::from(put));
    });
}
