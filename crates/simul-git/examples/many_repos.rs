//! Many generated repositories over loopback HTTP, one of them poisoned, synced twice:
//! `cargo run --release -p simul-git --example many_repos -- [REPOSITORIES] [JOBS]` (300 and 8 unless given).
//!
//! Prints one JSON object: how many process groups were ever alive together, the memory this process took, and what the
//! second run asked the server for.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, unreachable_pub, missing_debug_implementations)]

#[path = "../tests/support/mod.rs"]
mod support;

use simul_engine::child::max_live_groups;
use simul_git::manager::{Options, RepoManager};
use std::collections::BTreeMap;
use std::time::Instant;
use support::repos::bare;
use support::server::{Fault, Server};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().expect("a number"));
    let (count, jobs) = (arguments.next().unwrap_or(300), arguments.next().unwrap_or(8));
    let folder = tempfile::tempdir().unwrap();
    let served = folder.path().join("served");
    std::fs::create_dir(&served).unwrap();
    let server = Server::start(&served);
    let urls: Vec<String> = (0..count)
        .map(|number| {
            let name = format!("class/hw{number}.git");
            bare(&served, &name, 5 + u32::try_from(number % 20).unwrap());
            server.url(&name)
        })
        .collect();
    let poisoned = count / 2;
    server.fault(&format!("class/hw{poisoned}.git"), Fault::Cut { after: 100 });

    let options = Options { cache: Some(folder.path().join("cache")), jobs, ..Options::default() };
    let manager = RepoManager::new(urls, options).unwrap();
    let mut runs = Vec::new();
    for _ in 0..2 {
        let start = Instant::now();
        let outcomes = manager.sync().wait(None).unwrap();
        let failed: Vec<String> = outcomes
            .iter()
            .filter_map(|(url, outcome)| outcome.as_ref().err().map(|error| format!("{url}: {}", error.kind.name())))
            .collect();
        let mut requests = BTreeMap::<String, usize>::new();
        for request in server.take_log() {
            // The poisoned one is cloned again each time.
            if !request.path.contains(&format!("/hw{poisoned}.git")) {
                *requests.entry(request.command.unwrap_or(request.method)).or_default() += 1;
            }
        }
        runs.push(serde_json::json!({
            "seconds": start.elapsed().as_secs_f64(),
            "failed": failed,
            "requests": requests,
            "peak_memory_kib": status("VmHWM:"),
            "memory_kib": status("VmRSS:"),
        }));
    }
    let report = serde_json::json!({
        "repositories": count,
        "jobs": jobs,
        "most_process_groups": max_live_groups(),
        "runs": runs,
    });
    println!("{report:#}");
    assert!(max_live_groups() <= jobs, "more process groups than jobs");
}

/// A number of `/proc/self/status`, 0 where there is none.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
