//! A mirror follows its source, and asks for no more than it needs.

use crate::fixture::{Fixture, files, parse};
use crate::support::repos::{bare, bare_with, commit, refs, run};
use simul_git::RepoErrorKind;
use simul_git::events::Phase;

/// What the server was asked for: the commands of the protocol, in order.
fn commands(fixture: &Fixture) -> Vec<String> {
    fixture.server.take_log().into_iter().map(|request| request.command.unwrap_or(request.method)).collect()
}

#[test]
fn a_clone_equals_its_source() {
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "alice/hw1.git", 30);
    run(&source, &["branch", "topic/deep", "main~3"]);
    run(&source, &["tag", "v1", "main~5"]);
    run(&source, &["tag", "-a", "-m", "annotated", "v2", "main"]);
    run(&source, &["update-ref", "refs/pull/1/head", "main~1"]);
    let (synced, steps) = fixture.sync_telling(&fixture.server.url("alice/hw1.git"));
    let synced = synced.unwrap();
    assert!(synced.cloned && synced.fetched && !synced.shallow && !synced.in_place && !synced.fsck_relaxed);
    assert_eq!(synced.head.as_deref(), Some("main"));
    assert_eq!(refs(&synced.path), refs(&source));
    assert_eq!(run(&synced.path, &["for-each-ref", "refs/pull", "refs/simul"]), "", "heads and tags only");
    run(&synced.path, &["fsck", "--strict"]);
    assert_eq!(commands(&fixture), ["GET", "ls-refs", "fetch"]);
    assert!(fixture.partials().is_empty());
    assert!(!synced.path.join("hooks").exists());
    let phases: Vec<Phase> = steps.iter().filter_map(|step| step.phase).collect();
    for phase in [Phase::Connecting, Phase::Counting, Phase::Receiving, Phase::Checking] {
        assert!(phases.contains(&phase), "{phase:?} of {phases:?}");
    }
    for (path, content) in files(&fixture.cache()) {
        assert!(!path.to_str().unwrap().contains("index"), "never a checkout: {}", path.display());
        assert!(content.len() < 1 << 20);
    }
}

#[test]
fn an_unchanged_repository_only_lists_references() {
    let fixture = Fixture::new();
    bare(&fixture.served(), "r.git", 10);
    let url = fixture.server.url("r.git");
    fixture.sync(&url).unwrap();
    commands(&fixture);
    let synced = fixture.sync(&url).unwrap();
    assert!(!synced.cloned && !synced.fetched && synced.bytes == 0);
    assert_eq!(commands(&fixture), ["GET", "ls-refs"]);
}

#[test]
fn only_what_is_new_is_fetched() {
    let fixture = Fixture::new();
    let source = bare_with(&fixture.served(), "r.git", 10, 400_000, &[]);
    let url = fixture.server.url("r.git");
    fixture.sync(&url).unwrap();
    let first: usize = fixture.server.take_log().iter().map(|request| request.sent_bytes).sum();
    assert!(first > 400_000);
    commit(&source, "main", "a little more");
    let synced = fixture.sync(&url).unwrap();
    assert!(!synced.cloned && synced.fetched);
    let log = fixture.server.take_log();
    let second: usize = log.iter().map(|request| request.sent_bytes).sum();
    assert!(log.iter().any(|request| request.command.as_deref() == Some("fetch")));
    assert!(second < 8_000, "{second} bytes for one commit");
    assert_eq!(refs(&synced.path), refs(&source));
}

#[test]
fn forced_pushes_deleted_branches_and_new_default_branches_are_followed() {
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "r.git", 10);
    run(&source, &["branch", "old", "main~2"]);
    run(&source, &["branch", "dir", "main~3"]);
    let url = fixture.server.url("r.git");
    let mirror = fixture.sync(&url).unwrap().path;
    let follow = |what: &str, head: Option<&str>| {
        let synced = fixture.sync(&url).unwrap();
        assert!(synced.fetched, "{what}");
        assert_eq!(synced.head.as_deref(), head, "{what}");
        assert_eq!(refs(&mirror), refs(&source), "{what}");
        assert!(!fixture.sync(&url).unwrap().fetched, "{what}: nothing is new the second time");
    };
    run(&source, &["update-ref", "refs/heads/main", "main~4"]);
    follow("a forced push", Some("main"));
    run(&source, &["branch", "-D", "old"]);
    follow("a deleted branch", Some("main"));
    run(&source, &["branch", "-D", "dir"]);
    run(&source, &["branch", "dir/sub", "main"]);
    follow("a branch in place of a folder of branches", Some("main"));
    run(&source, &["branch", "-m", "main", "trunk"]);
    follow("a renamed default branch", Some("trunk"));
    run(&source, &["symbolic-ref", "HEAD", "refs/heads/dir/sub"]);
    follow("a default branch at the same commit", Some("dir/sub"));
    let detached = run(&source, &["rev-parse", "trunk~1"]);
    std::fs::write(source.join("HEAD"), format!("{detached}\n")).unwrap();
    follow("a detached HEAD", None);
    run(&source, &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    follow("a HEAD on a branch again", Some("trunk"));
    run(&source, &["symbolic-ref", "HEAD", "refs/heads/nowhere"]);
    let synced = fixture.sync(&url).unwrap();
    assert_eq!(run(&mirror, &["for-each-ref"]), run(&source, &["for-each-ref"]));
    assert!(!run(&mirror, &["branch", "--format=%(refname:short)"]).contains(&synced.head.unwrap()), "HEAD is unborn");
}

#[test]
fn empty_shallow_and_sha256_repositories_are_mirrored() {
    let fixture = Fixture::new();
    let empty = bare(&fixture.served(), "empty.git", 0);
    let url = fixture.server.url("empty.git");
    let synced = fixture.sync(&url).unwrap();
    assert_eq!(synced.head.as_deref(), Some("main"));
    assert_eq!(run(&synced.path, &["for-each-ref"]), "");
    commit(&empty, "main", "the first");
    assert!(fixture.sync(&url).unwrap().fetched);
    assert_eq!(refs(&synced.path), refs(&empty));

    let sha256 = bare_with(&fixture.served(), "sha256.git", 3, 0, &["--object-format=sha256"]);
    let synced = fixture.sync(&fixture.server.url("sha256.git")).unwrap();
    assert_eq!(refs(&synced.path), refs(&sha256));
    commit(&sha256, "main", "more");
    assert!(fixture.sync(&fixture.server.url("sha256.git")).unwrap().fetched);

    let full = bare(&fixture.served(), "full.git", 5);
    let from = format!("file://{}", full.display());
    run(&fixture.served(), &["clone", "-q", "--bare", "--depth=2", &from, "shallow.git"]);
    let synced = fixture.sync(&fixture.server.url("shallow.git")).unwrap();
    assert!(synced.shallow);
    assert_eq!(run(&synced.path, &["rev-list", "--count", "main"]), "2");
}

#[test]
fn a_source_made_anew_in_another_object_format_is_cloned_anew() {
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "r.git", 3);
    let url = fixture.server.url("r.git");
    fixture.sync(&url).unwrap();
    std::fs::remove_dir_all(&source).unwrap();
    bare_with(&fixture.served(), "r.git", 4, 0, &["--object-format=sha256"]);
    let synced = fixture.sync(&url).unwrap();
    assert!(synced.cloned);
    assert_eq!(refs(&synced.path), refs(&source));
    assert!(fixture.partials().is_empty());
}

#[test]
fn same_names_are_kept_apart() {
    let fixture = Fixture::new();
    let names = ["alice/hw1.git", "bob/hw1.git", "Foo/hw.git", "foo/hw.git", "a.b/group/sub/x.y.git"];
    let mut paths = Vec::new();
    for name in names {
        let source = bare(&fixture.served(), name, 2);
        let synced = fixture.sync(&fixture.server.url(name)).unwrap();
        assert_eq!(refs(&synced.path), refs(&source), "{name}");
        assert_eq!(run(&synced.path, &["log", "-1", "--format=%s"]), format!("{name} 1"));
        paths.push(synced.path.to_str().unwrap().to_lowercase());
    }
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), names.len());
}

#[test]
fn spellings_of_one_address_share_a_mirror() {
    let fixture = Fixture::new();
    bare(&fixture.served(), "a/hw1.git", 2);
    let first = fixture.sync(&fixture.server.url("a/hw1.git")).unwrap();
    let second = fixture.sync(&fixture.server.url("a/hw1.git/").replace("http", "HTTP")).unwrap();
    assert_eq!(first.path, second.path);
    assert!(!second.cloned && !second.fetched);
}

#[test]
fn files_are_mirrored_whoever_owns_them() {
    let fixture = Fixture::new();
    for (name, init) in [("bare.git", &["--bare"][..]), ("work tree", &[])] {
        let path = fixture.folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        run(&path, &[&["init", "-q"], init, &["."]].concat());
        commit(&path, "main", "one");
        if rustix::process::geteuid().is_root() {
            run(&path, &["config", "x.y", "z"]);
            chown(&path, 12_345);
        }
        let url = format!("file://{}", path.display().to_string().replace(' ', "%20"));
        let synced = fixture.sync(&url).unwrap();
        assert!(synced.cloned, "{name}");
        assert!(!fixture.sync(&url).unwrap().fetched);
        assert_eq!(run(&synced.path, &["log", "--format=%s"]), "one");
    }
}

fn chown(path: &std::path::Path, user: u32) {
    std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            chown(&entry.unwrap().path(), user);
        }
    }
}

#[test]
fn what_strict_checks_refuse_is_taken_and_flagged() {
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "old.git", 2);
    // As some programs of 2005 to 2011 wrote it: a time zone of which git's own check thinks ill.
    let tree = run(&source, &["rev-parse", "main^{tree}"]);
    let text = format!("tree {tree}\nauthor A <a@b> 1200000000 +051800\ncommitter A <a@b> 1200000000 +051800\n\nold\n");
    let file = fixture.folder.path().join("commit");
    std::fs::write(&file, text).unwrap();
    let old = run(&source, &["hash-object", "-t", "commit", "-w", "--literally", file.to_str().unwrap()]);
    run(&source, &["update-ref", "refs/heads/main", &old]);
    let synced = fixture.sync(&fixture.server.url("old.git")).unwrap();
    assert!(synced.fsck_relaxed);
    assert_eq!(refs(&synced.path), refs(&source));
}

#[test]
fn what_is_not_there_is_said() {
    let fixture = Fixture::new();
    let error = fixture.sync(&fixture.server.url("missing.git")).unwrap_err();
    assert_eq!(error.kind, RepoErrorKind::NotFound, "{error}");
    assert!(error.hint.is_some());
    let path = fixture.folder.path().join("nothing");
    let missing = fixture.sync(&format!("file://{}", path.display())).unwrap_err();
    assert_eq!(missing.kind, RepoErrorKind::NotFound, "{missing}");
    std::fs::create_dir(&path).unwrap();
    let other = fixture.sync(&format!("file://{}", path.display())).unwrap_err();
    assert_eq!(other.kind, RepoErrorKind::NotARepository, "{other}");
    fixture.wait_for_no_partials();
    let mirror = fixture.mirrors().cache().mirror(&parse(&fixture.server.url("missing.git")).unwrap());
    assert!(!mirror.exists());
}
