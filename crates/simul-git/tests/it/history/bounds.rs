//! How many children are alive, and what a cancel ends. Judged in a process of its own, for the counters are a process's.

use super::fixture::{Fixture, Import, lines, read};
use simul_engine::CancelToken;
use simul_engine::child::{live_groups, max_live_groups};
use simul_git::RepoErrorKind;
use simul_git::history::{CommitOptions, EngineKind, Merges, Refs};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

const ALONE: &str = "SIMUL_TEST_ALONE";

/// True in the child process that runs only the test called `name`; the parent runs that child and judges its exit.
fn alone(name: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .args(["--exact", &format!("history::bounds::{name}"), "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("this program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}

fn busy() -> Import {
    let mut import = Import::default();
    import.commit("main", "Start").file("f", lines("f", 30)).file(".gitattributes", "*.x binary\n");
    for number in 0..400 {
        let (from, to) = if number % 2 == 0 { ("f", "g") } else { ("g", "f") };
        import.commit("main", format!("Rename {number}")).rename(from, to);
        import.file(to, lines("f", 30 + number % 7)).file(&format!("x{}.x", number % 9), format!("{number}\n"));
        if number % 50 == 0 {
            import.commit("main", "Merge").merge(1).file("merged", format!("{number}\n"));
        }
    }
    import
}

#[test]
fn never_more_children_than_allowed() {
    if !alone("never_more_children_than_allowed") {
        return;
    }
    let fixture = Fixture::new(&["--bare"]);
    fixture.import(&busy());
    let mut all = Vec::new();
    for children in [1, 2, 3] {
        for engine in [EngineKind::Hybrid, EngineKind::Children] {
            let repository = fixture.open().with_max_children(children);
            let options = CommitOptions { engine, merges: Merges::Combined, threads: 4, ..CommitOptions::default() };
            all.push(read(&repository, &options).expect("readable").0);
            let files = repository.files(None).expect("readable");
            repository
                .blame(None, &files, false, &CancelToken::new(), &|_, _| (), &mut |_, hunks| drop(hunks.expect("text")))
                .expect("readable");
        }
        assert_eq!(live_groups(), 0);
        assert!(max_live_groups() <= children, "{} groups of {children}", max_live_groups());
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(all[0].len() > 400);
}

#[test]
fn a_cancel_ends_the_call_and_its_children() {
    if !alone("a_cancel_ends_the_call_and_its_children") {
        return;
    }
    let fixture = Fixture::new(&["--bare"]);
    fixture.import(&busy());
    for engine in [EngineKind::Hybrid, EngineKind::Children] {
        let cancel = CancelToken::new();
        let mut rows = 0;
        let options = CommitOptions { engine, ..CommitOptions::default() };
        let error = fixture
            .open()
            .commits(&options, &cancel, &|_, _| (), &mut |_| {
                rows += 1;
                if rows == 5 {
                    cancel.cancel();
                }
            })
            .expect_err("cancelled");
        assert_eq!((error.kind, rows), (RepoErrorKind::Cancelled, 5));
        assert_eq!(live_groups(), 0);
    }
    let cancel = CancelToken::new();
    cancel.cancel();
    let files = ["f".to_owned()];
    let blamed = fixture.open().blame(None, &files, false, &cancel, &|_, _| (), &mut |_, _| panic!("cancelled"));
    assert_eq!(blamed.expect_err("cancelled").kind, RepoErrorKind::Cancelled);
    assert_eq!(fixture.open().references(&cancel).expect_err("cancelled").kind, RepoErrorKind::Cancelled);
}

#[test]
fn progress_counts_every_commit_and_learns_the_total() {
    let fixture = Fixture::new(&["--bare"]);
    fixture.import(&busy());
    let (calls, last, total) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let progress = |done: u64, of: Option<u64>| {
        calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!(last.swap(done, Ordering::Relaxed) + 1, done);
        total.store(of.unwrap_or(0), Ordering::Relaxed);
    };
    let options = CommitOptions { refs: Refs::All, ..CommitOptions::default() };
    let summary = fixture.open().commits(&options, &CancelToken::new(), &progress, &mut |_| ()).expect("readable");
    assert!(summary.commits > 400);
    assert_eq!(calls.into_inner(), summary.commits);
    assert_eq!(total.into_inner(), summary.commits);
}
