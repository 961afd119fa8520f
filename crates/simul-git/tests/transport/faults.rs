//! Servers that stall, drip, hang up and send too much; and a simul that is killed in the middle.

use crate::fixture::{Fixture, again, parse, plays_its_part, wait_until};
use crate::support::repos::{bare, bare_with, commit, refs, run};
use crate::support::server::Fault;
use simul_git::RepoErrorKind;
use simul_git::limits::Limits;

#[test]
fn a_stalled_server_is_given_up() {
    let mut fixture = Fixture::new();
    bare_with(&fixture.served(), "r.git", 2, 200_000, &[]);
    fixture.server.fault("r.git", Fault::Stall { after: 50_000 });
    fixture.limits = Limits { stall_seconds: Some(0.4), ..Limits::default() };
    let error = fixture.sync(&fixture.server.url("r.git")).unwrap_err();
    assert_eq!(error.kind, RepoErrorKind::Stalled, "{error}");
    assert!(error.detail.contains("0.4 s") && error.hint.is_some(), "{error}");
    fixture.server.wait_for_log(|request| request.left);
    fixture.wait_for_no_partials();
}

#[test]
fn a_slow_server_is_given_up() {
    let mut fixture = Fixture::new();
    bare_with(&fixture.served(), "r.git", 2, 200_000, &[]);
    fixture.server.fault("r.git", Fault::Hold);
    fixture.limits = Limits { seconds: Some(0.4), ..Limits::default() };
    let error = fixture.sync(&fixture.server.url("r.git")).unwrap_err();
    assert_eq!(error.kind, RepoErrorKind::Timeout, "{error}");
    assert!(error.detail.contains("0.4 s") && error.hint.is_some(), "{error}");
    fixture.wait_for_no_partials();
}

#[test]
fn too_much_is_given_up() {
    let mut fixture = Fixture::new();
    let source = bare_with(&fixture.served(), "r.git", 2, 3_000_000, &[]);
    let url = fixture.server.url("r.git");
    fixture.limits = Limits { bytes: Some(1_000_000), ..Limits::default() };
    let error = fixture.sync(&url).unwrap_err();
    assert_eq!(error.kind, RepoErrorKind::TooLarge, "{error}");
    assert!(error.detail.contains("1000000 bytes") && error.hint.is_some(), "{error}");
    fixture.wait_for_no_partials();
    // Far above the limit, the system's own limit on files ends it.
    let big = bare_with(&fixture.served(), "big.git", 1, 20_000_000, &[]);
    let error = fixture.sync(&fixture.server.url("big.git")).unwrap_err();
    assert_eq!(error.kind, RepoErrorKind::TooLarge, "{error}");
    drop(big);
    fixture.limits = Limits::default();
    assert_eq!(refs(&fixture.sync(&url).unwrap().path), refs(&source));
}

#[test]
fn a_transfer_that_was_cut_is_resumed_by_the_next() {
    let fixture = Fixture::new();
    let source = bare_with(&fixture.served(), "r.git", 5, 300_000, &[]);
    let url = fixture.server.url("r.git");
    fixture.server.fault("r.git", Fault::Cut { after: 100_000 });
    let error = fixture.sync(&url).unwrap_err();
    assert_eq!(error.kind, RepoErrorKind::Connect, "{error}");
    fixture.wait_for_no_partials();
    fixture.server.heal();
    let mirror = fixture.sync(&url).unwrap().path;
    // The same in a fetch: the mirror stays as it was.
    let before = refs(&mirror);
    commit(&source, "main", &"x".repeat(100));
    fixture.server.fault("r.git", Fault::Cut { after: 40 });
    assert_eq!(fixture.sync(&url).unwrap_err().kind, RepoErrorKind::Connect);
    assert_eq!(refs(&mirror), before);
    run(&mirror, &["fsck", "--strict"]);
    fixture.server.heal();
    assert!(fixture.sync(&url).unwrap().fetched);
    assert_eq!(refs(&mirror), refs(&source));
    assert!(
        !std::fs::read_dir(mirror.join("objects/pack"))
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_str().unwrap().starts_with("tmp_") })
    );
}

#[test]
fn a_killed_process_leaves_no_half_repository() {
    if plays_its_part() {
        panic!("it should have been killed");
    }
    let fixture = Fixture::new();
    let source = bare_with(&fixture.served(), "r.git", 5, 300_000, &[]);
    let url = fixture.server.url("r.git");
    let role = format!("{} {url}", fixture.cache().display());
    let kill_during = |after: usize| {
        fixture.server.fault("r.git", Fault::Stall { after });
        let mut process = again("faults::a_killed_process_leaves_no_half_repository", &role).spawn().unwrap();
        fixture.server.wait_for_held(1);
        process.kill().unwrap();
        process.wait().unwrap();
        // git and all that it started die with their parent: the server sees it.
        fixture.server.wait_for_log(|request| request.left);
        fixture.server.take_log();
        fixture.server.heal();
    };
    kill_during(100_000);
    let mirror = fixture.mirrors().cache().mirror(&parse(&url).unwrap());
    assert!(!mirror.exists());
    let synced = fixture.sync(&url).unwrap();
    assert!(synced.cloned);
    assert!(fixture.partials().is_empty(), "swept");
    let before = refs(&mirror);
    commit(&source, "main", &"y".repeat(1000));
    kill_during(60);
    assert_eq!(refs(&mirror), before);
    assert!(fixture.sync(&url).unwrap().fetched);
    assert_eq!(refs(&mirror), refs(&source));
    run(&mirror, &["fsck", "--strict"]);
}

#[test]
fn a_damaged_mirror_is_made_anew() {
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "r.git", 5);
    let url = fixture.server.url("r.git");
    let mirror = fixture.sync(&url).unwrap().path;
    std::fs::remove_dir_all(mirror.join("refs")).unwrap();
    let synced = fixture.sync(&url).unwrap();
    assert!(synced.cloned);
    assert_eq!(refs(&mirror), refs(&source));
}

#[test]
fn a_cache_that_cannot_be_written_is_said() {
    let fixture = Fixture::new();
    bare(&fixture.served(), "r.git", 2);
    // A file stands where the folder of the mirrors of this host must go.
    let url = fixture.server.url("r.git");
    let mirror = fixture.mirrors().cache().mirror(&parse(&url).unwrap());
    std::fs::write(mirror.parent().unwrap(), "in the way").unwrap();
    let error = fixture.sync(&url).unwrap_err();
    assert_eq!(error.kind, RepoErrorKind::Storage, "{error}");
    assert!(error.hint.is_some());
    wait_until(|| fixture.partials().is_empty());
}
