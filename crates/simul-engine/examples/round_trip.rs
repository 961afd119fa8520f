//! What a Job costs with no Python: spawn, run, wake, take. Prints microseconds a call as JSON.
//!
//!     cargo run -p simul-engine --features testing --example round_trip -- 9

#![allow(clippy::print_stdout, reason = "an example prints its result")]

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use simul_engine::testing;
use std::time::{Duration, Instant};

const CALLS: usize = 20_000;
const IN_FLIGHT: usize = 64;

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn microseconds_a_call(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64() * 1e6 / CALLS as f64
}

fn blocking() {
    for number in 0..CALLS {
        assert!(matches!(testing::ready(number).wait(None), Ok(back) if back == number));
    }
}

/// Polled by this thread, so that each outcome crosses from the engine's threads and back as it does for Python.
fn in_flight() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a thread can be used as a runtime");
    runtime.block_on(async {
        let mut started = IN_FLIGHT;
        let mut flying: FuturesUnordered<_> = (0..IN_FLIGHT).map(testing::ready).collect();
        while flying.next().await.is_some() {
            if started < CALLS {
                flying.push(testing::ready(started));
                started += 1;
            }
        }
    });
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5_usize).max(1);
    assert!(testing::sleep(Duration::ZERO, ()).wait(None).is_ok(), "the engine starts");
    let (mut flights, mut waits) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        flights.push(microseconds_a_call(in_flight));
        waits.push(microseconds_a_call(blocking));
    }
    println!("{{\"64 in flight\": {:.3}, \"blocking\": {:.3}}}", median(flights), median(waits));
}
