//! Many callers, one transfer; and what a cancel leaves behind: nothing.

use crate::fixture::{Fixture, again, assert_synced, is_alone, parse, plays_its_part, wait_until};
use crate::support::repos::{bare, bare_with, commit, refs};
use crate::support::server::Fault;
use simul_engine::child::{live_groups, max_live_groups};
use simul_git::RepoErrorKind;
use std::sync::{Arc, Barrier};

/// How often a pack was asked for.
fn fetches(fixture: &Fixture) -> usize {
    fixture.server.take_log().iter().filter(|request| request.command.as_deref() == Some("fetch")).count()
}

#[test]
fn eight_threads_cause_one_transfer() {
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "r.git", 20);
    let url = fixture.server.url("r.git");
    for round in 0..2 {
        fixture.server.fault("r.git", Fault::Hold);
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let mirrors = fixture.mirrors();
                        start.wait();
                        let remote = parse(&url).unwrap();
                        fixture.runtime.block_on(mirrors.sync(&remote, &url, |_| {})).unwrap()
                    })
                })
                .collect();
            // Held until all have had their chance to ask.
            fixture.server.wait_for_held(1);
            fixture.server.let_go();
            for thread in threads {
                assert_eq!(refs(&thread.join().unwrap().path), refs(&source));
            }
        });
        assert_eq!(fetches(&fixture), 1, "round {round}");
        fixture.server.heal();
        fixture.server.hold_again();
        commit(&source, "main", &format!("round {round}"));
    }
}

#[test]
fn two_processes_cause_one_transfer() {
    if plays_its_part() {
        return;
    }
    let fixture = Fixture::new();
    bare_with(&fixture.served(), "r.git", 20, 100_000, &[]);
    fixture.server.fault("r.git", Fault::Hold);
    let role = format!("{} {}", fixture.cache().display(), fixture.server.url("r.git"));
    let start = || again("together::two_processes_cause_one_transfer", &role).spawn().unwrap();
    let first = start();
    fixture.server.wait_for_held(1);
    let second = start();
    // The second waits for the lock once it has it open.
    let locks = fixture.cache().join("locks");
    wait_until(|| {
        let open = format!("/proc/{}/fd", second.id());
        std::fs::read_dir(open).is_ok_and(|fds| {
            fds.flatten().any(|fd| {
                std::fs::read_link(fd.path())
                    .is_ok_and(|path| path.starts_with(&locks) && path.to_str().unwrap().ends_with(".lock"))
            })
        })
    });
    fixture.server.let_go();
    for process in [first, second] {
        assert_synced(process);
    }
    assert_eq!(fetches(&fixture), 1);
}

#[test]
fn one_of_two_callers_may_leave() {
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "r.git", 5);
    fixture.server.fault("r.git", Fault::Hold);
    let url = fixture.server.url("r.git");
    let mirrors = fixture.mirrors();
    let spawn = || {
        let (mirrors, url) = (mirrors.clone(), url.clone());
        let remote = parse(&url).unwrap();
        fixture.runtime.spawn(async move { mirrors.sync(&remote, &url, |_| {}).await })
    };
    let (first, second) = (spawn(), spawn());
    fixture.server.wait_for_held(1);
    first.abort();
    assert!(fixture.runtime.block_on(first).unwrap_err().is_cancelled());
    fixture.server.let_go();
    let synced = fixture.runtime.block_on(second).unwrap().unwrap();
    assert_eq!(refs(&synced.path), refs(&source));
    let log = fixture.server.take_log();
    assert!(log.iter().all(|request| !request.left), "{log:#?}");
    assert_eq!(log.iter().filter(|request| request.command.as_deref() == Some("fetch")).count(), 1);
}

#[test]
fn a_cancelled_transfer_leaves_nothing() {
    let fixture = Fixture::new();
    bare_with(&fixture.served(), "r.git", 5, 300_000, &[]);
    fixture.server.fault("r.git", Fault::Stall { after: 100_000 });
    let url = fixture.server.url("r.git");
    let (mirrors, remote) = (fixture.mirrors(), parse(&url).unwrap());
    let job = {
        let (mirrors, url, remote) = (mirrors.clone(), url.clone(), remote.clone());
        fixture.runtime.spawn(async move { mirrors.sync(&remote, &url, |_| {}).await })
    };
    fixture.server.wait_for_held(1);
    assert_eq!(fixture.partials().len(), 1);
    let writers = users_of(&fixture.cache());
    assert!(!writers.is_empty());
    job.abort();
    fixture.server.wait_for_log(|request| request.left);
    fixture.wait_for_no_partials();
    wait_until(|| users_of(&fixture.cache()).is_empty());
    assert!(!mirrors.cache().mirror(&remote).exists());
    fixture.server.heal();
    assert!(fixture.sync(&url).unwrap().cloned, "the lock is free again");
}

/// Processes, besides this one, that work in `folder` or hold one of its files open.
fn users_of(folder: &std::path::Path) -> Vec<u32> {
    let uses = |process: &std::path::Path| {
        let mut links = vec![process.join("cwd")];
        links.extend(std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten().map(|fd| fd.path()));
        links.iter().any(|link| std::fs::read_link(link).is_ok_and(|path| path.starts_with(folder)))
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|id| *id != std::process::id() && uses(std::path::Path::new(&format!("/proc/{id}"))))
        .collect()
}

#[test]
fn a_cancelled_fetch_leaves_the_mirror_as_it_was() {
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "r.git", 5);
    let url = fixture.server.url("r.git");
    let mirror = fixture.sync(&url).unwrap().path;
    let before = refs(&mirror);
    commit(&source, "main", &"noise".repeat(10_000));
    fixture.server.fault("r.git", Fault::Stall { after: 100 });
    let job = {
        let (mirrors, url, remote) = (fixture.mirrors(), url.clone(), parse(&url).unwrap());
        fixture.runtime.spawn(async move { mirrors.sync(&remote, &url, |_| {}).await })
    };
    fixture.server.wait_for_held(1);
    job.abort();
    fixture.server.wait_for_log(|request| request.left);
    assert_eq!(refs(&mirror), before);
    fixture.server.heal();
    assert!(fixture.sync(&url).unwrap().fetched);
    assert_eq!(refs(&mirror), refs(&source));
}

#[test]
fn no_more_groups_than_jobs_are_ever_alive() {
    if !is_alone("together::no_more_groups_than_jobs_are_ever_alive") {
        return;
    }
    let fixture = Fixture::new();
    let urls: Vec<String> = (0..60)
        .map(|number| {
            let name = format!("class/hw{number}.git");
            bare(&fixture.served(), &name, 3);
            fixture.server.url(&name)
        })
        .collect();
    fixture.server.fault("class/hw7.git", Fault::Cut { after: 50 });
    let mirrors = fixture.mirrors_with(8);
    for round in 0..2 {
        let jobs: Vec<_> = urls
            .iter()
            .map(|url| {
                let (mirrors, url, remote) = (mirrors.clone(), url.clone(), parse(url).unwrap());
                fixture.runtime.spawn(async move { mirrors.sync(&remote, &url, |_| {}).await })
            })
            .collect();
        let mut failed = Vec::new();
        for (job, url) in jobs.into_iter().zip(&urls) {
            if let Err(error) = fixture.runtime.block_on(job).unwrap() {
                failed.push((url.clone(), error.kind));
            }
        }
        assert_eq!(failed, [(urls[7].clone(), RepoErrorKind::Connect)], "round {round}");
    }
    assert!((2..=8).contains(&max_live_groups()), "{}", max_live_groups());
    wait_until(|| live_groups() == 0);
    assert_eq!(Arc::new(fixture).partials().len(), 0);
}
