//! Where a repository is, and what it lacks.

use super::fixture::{Fixture, Import, lines, read};
use simul_engine::CancelToken;
use simul_git::history::{CommitOptions, EngineKind, Refs, Repository};
use simul_git::{RepoError, RepoErrorKind};
use std::path::Path;

fn small() -> Import {
    let mut import = Import::default();
    import.commit("main", "One").file("a", lines("a", 3)).file("dir/b", "b\n");
    import.commit("main", "Two").file("a", lines("a", 4));
    import.commit("side/topic", "Three").from(1).file("c", "c\n");
    import
}

fn open(fixture: &Fixture, path: &Path) -> Result<Repository, RepoError> {
    Repository::open(&fixture.git, path, "https://user:secret@host.example/repo")
}

fn subjects(repository: &Repository, refs: Refs) -> Result<Vec<String>, RepoError> {
    let options = CommitOptions { refs, ..CommitOptions::default() };
    Ok(read(repository, &options)?.0.into_iter().map(|commit| commit.subject).collect())
}

#[test]
fn a_path_inside_a_repository_means_that_repository() {
    let fixture = Fixture::new(&[]);
    fixture.import(&small());
    for inside in ["", "dir", ".git", ".git/refs"] {
        let repository = open(&fixture, &fixture.path().join(inside)).expect(inside);
        assert_eq!(subjects(&repository, Refs::Head).expect(inside), ["Two", "One"], "{inside}");
        assert!(!repository.is_bare() && !repository.is_shallow());
    }
    let worktree = fixture.beside("worktree");
    fixture.run(&["worktree", "add", "-q", worktree.to_str().expect("plain"), "side/topic"]);
    let repository = open(&fixture, &worktree).expect("a worktree");
    assert_eq!(subjects(&repository, Refs::Head).expect("readable"), ["Three", "One"]);
    assert!(repository.git_dir().ends_with(".git/worktrees/worktree"));
    assert_eq!(repository.files(None).expect("readable"), ["a", "c", "dir/b"]);
    let bare = fixture.beside("bare");
    fixture.run(&["clone", "-q", "--bare", ".", bare.to_str().expect("plain")]);
    let repository = open(&fixture, &bare).expect("a bare repository");
    assert!(repository.is_bare());
    assert_eq!(subjects(&repository, Refs::Head).expect("readable").len(), 2);
    let apart = fixture.beside("apart");
    let separate = format!("--separate-git-dir={}", fixture.beside("git-dir").display());
    fixture.run(&["clone", "-q", &separate, ".", apart.to_str().expect("plain")]);
    assert_eq!(subjects(&open(&fixture, &apart).expect("a .git file"), Refs::Head).expect("readable").len(), 2);
}

#[test]
fn what_is_no_repository_is_named_with_what_to_do() {
    let fixture = Fixture::new(&[]);
    fixture.import(&small());
    let file = fixture.path().join("a");
    let broken = fixture.beside("broken");
    std::fs::create_dir_all(broken.join(".git")).expect("creatable");
    std::fs::write(broken.join(".git/HEAD"), "nonsense").expect("writable");
    for below in ["objects", "refs"] {
        std::fs::create_dir_all(broken.join(".git").join(below)).expect("creatable");
    }
    let plain = fixture.beside("plain");
    std::fs::create_dir_all(&plain).expect("creatable");
    for (path, kind) in [
        (fixture.beside("nothing-here"), RepoErrorKind::NotFound),
        (file, RepoErrorKind::NotARepository),
        (broken, RepoErrorKind::NotARepository),
        (plain, RepoErrorKind::NotARepository),
    ] {
        let error = open(&fixture, &path).expect_err("no repository");
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.hint.is_some() && !error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_repository_without_commits_says_so() {
    let fixture = Fixture::new(&[]);
    for refs in [Refs::Head, Refs::All] {
        let error = subjects(&fixture.open(), refs).expect_err("empty");
        assert_eq!(error.kind, RepoErrorKind::Empty);
        assert!(error.hint.is_some());
    }
    assert_eq!(fixture.open().head().expect("readable"), None);
    assert_eq!(fixture.open().references(&CancelToken::new()).expect("readable"), []);
    assert_eq!(fixture.open().files(None).expect_err("empty").kind, RepoErrorKind::Empty);
    // Others have commits, HEAD has none.
    fixture.import(&small());
    fixture.run(&["symbolic-ref", "HEAD", "refs/heads/unborn"]);
    assert_eq!(subjects(&fixture.open(), Refs::Head).expect_err("unborn").kind, RepoErrorKind::Empty);
    assert_eq!(subjects(&fixture.open(), Refs::All).expect("readable").len(), 3);
    fixture.run(&["checkout", "-q", "--detach", "main"]);
    assert_eq!(subjects(&fixture.open(), Refs::Head).expect("readable").len(), 2);
    assert_eq!(fixture.open().head().expect("readable").as_deref(), Some(fixture.run(&["rev-parse", "main"]).as_str()));
}

#[test]
fn names_are_never_taken_for_options_or_paths() {
    let fixture = Fixture::new(&[]);
    fixture.import(&small());
    let named =
        |names: &[&str]| subjects(&fixture.open(), Refs::Named(names.iter().map(|name| (*name).to_owned()).collect()));
    assert_eq!(named(&["side/topic"]).expect("readable"), ["Three", "One"]);
    assert_eq!(named(&["main", "side/topic"]).expect("readable").len(), 3);
    assert_eq!(named(&["main..side/topic"]).expect("readable"), ["Three"]);
    let canary = fixture.beside("canary");
    let option = format!("--output={}", canary.display());
    for name in ["no-such", "a", "--all", "-1", "", option.as_str()] {
        assert_eq!(named(&[name]).expect_err(name).kind, RepoErrorKind::Missing, "{name}");
    }
    assert_eq!(named(&[]).expect_err("nothing").kind, RepoErrorKind::Missing);
    assert!(!canary.exists());
}

#[test]
fn missing_and_damaged_objects_are_errors_and_never_zeros() {
    for spoil in ["missing", "damaged"] {
        for what in ["HEAD:a", "HEAD^{tree}", "HEAD~1", "HEAD"] {
            // Bare: git would take a missing file from the worktree when it knows it to be the same.
            let fixture = Fixture::new(&["--bare"]);
            fixture.import(&small());
            fixture.run(&["fsck"]);
            // Loose, so that one can be spoilt.
            let pack = fixture.run(&["count-objects", "-v"]);
            assert!(pack.contains("in-pack: 0"), "{pack}");
            let id = fixture.run(&["rev-parse", what]);
            let path = fixture.path().join("objects").join(&id[..2]).join(&id[2..]);
            std::fs::remove_file(&path).expect("a loose object");
            if spoil == "damaged" {
                std::fs::write(&path, b"x\x9c nonsense").expect("writable");
            }
            for engine in [EngineKind::Hybrid, EngineKind::Children] {
                let options = CommitOptions { engine, ..CommitOptions::default() };
                let error = read(&fixture.open(), &options).expect_err(what);
                assert_eq!(error.kind, RepoErrorKind::Corrupt, "{spoil} {what} {engine:?}: {error}");
                assert!(error.hint.is_some());
            }
        }
    }
}

#[test]
fn nothing_is_fetched_in_a_partial_clone() {
    let fixture = Fixture::new(&["--bare"]);
    fixture.import(&small());
    fixture.run(&["config", "uploadpack.allowFilter", "true"]);
    let partial = fixture.beside("partial");
    let url = format!("file://{}", fixture.path().display());
    fixture.run(&["clone", "-q", "--bare", "--filter=blob:none", &url, partial.to_str().expect("plain")]);
    let repository = open(&fixture, &partial).expect("a repository");
    for engine in [EngineKind::Hybrid, EngineKind::Children] {
        let options = CommitOptions { engine, ..CommitOptions::default() };
        let error = read(&repository, &options).expect_err("blobs are missing");
        assert_eq!(error.kind, RepoErrorKind::Corrupt, "{error}");
    }
    // Still none of the blobs there.
    let mut command = fixture.git.command(Some(&partial));
    let output = command.args(["rev-list", "--objects", "--missing=print", "HEAD"]).output().expect("git runs");
    assert!(String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with('?')));
}

#[cfg(unix)]
#[test]
fn a_repository_of_somebody_else_is_read() {
    // Only root can give files away; CI and containers run as root, elsewhere there is nobody else to be.
    let fixture = Fixture::new(&[]);
    fixture.import(&small());
    let bare = fixture.beside("bare");
    fixture.run(&["clone", "-q", "--bare", ".", bare.to_str().expect("plain")]);
    for path in [fixture.path(), &bare] {
        let chown = std::process::Command::new("chown").args(["-R", "65533:65533"]).arg(path).output().expect("chown");
        if !chown.status.success() {
            return;
        }
        let mut plain = fixture.git.command(None);
        let refused = plain.arg("-C").arg(path).args(["log", "-1"]).output().expect("git runs");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("dubious"), "the test shows nothing");
        let repository = open(&fixture, path).expect("accepted");
        assert_eq!(subjects(&repository, Refs::Head).expect("readable").len(), 2);
        assert_eq!(repository.references(&CancelToken::new()).expect("readable").len(), 2);
    }
}

#[test]
fn branches_and_tags_are_listed_and_peeled() {
    let fixture = Fixture::new(&[]);
    fixture.import(&small());
    fixture.run(&["tag", "light", "main"]);
    fixture.run(&["tag", "-a", "-m", "x", "v1", "main"]);
    fixture.run(&["tag", "-a", "-m", "x", "v1-again", "v1"]);
    fixture.run(&["tag", "-a", "-m", "x", "v1-thrice", "v1-again"]);
    fixture.run(&["tag", "of-a-file", "main:a"]);
    fixture.run(&["remote", "add", "team/one", "./x"]);
    fixture.run(&["update-ref", "refs/remotes/team/one/feature/x", "main"]);
    fixture.run(&["update-ref", "refs/remotes/gone/main", "main"]);
    fixture.run(&["symbolic-ref", "refs/remotes/gone/HEAD", "refs/remotes/gone/main"]);
    let references = fixture.open().references(&CancelToken::new()).expect("readable");
    let (main, topic) = (fixture.run(&["rev-parse", "main"]), fixture.run(&["rev-parse", "side/topic"]));
    let rows: Vec<_> = references
        .iter()
        .map(|r| (r.kind, r.name.as_str(), r.remote.as_deref(), r.sha.as_deref(), r.is_head, r.subject.as_str()))
        .collect();
    let main = Some(main.as_str());
    assert_eq!(
        rows,
        [
            ("branch", "main", None, main, true, "Two"),
            ("branch", "side/topic", None, Some(topic.as_str()), false, "Three"),
            ("remote", "gone/HEAD", Some("gone"), main, false, "Two"),
            ("remote", "gone/main", Some("gone"), main, false, "Two"),
            ("remote", "team/one/feature/x", Some("team/one"), main, false, "Two"),
            ("tag", "light", None, main, false, "Two"),
            ("tag", "of-a-file", None, None, false, ""),
            ("tag", "v1", None, main, false, "Two"),
            ("tag", "v1-again", None, main, false, "Two"),
            ("tag", "v1-thrice", None, main, false, "Two"),
        ]
    );
    assert_eq!(references[0].author.name, "Ada Lovelace");
}

#[test]
fn blame_and_ownership_tell_what_they_leave_out() {
    let fixture = Fixture::new(&[]);
    let mut import = small();
    import.commit_by("main", b"Bob <bob@example.org>", None, "More").from(2);
    import.file("a", lines("a", 4) + "bob\n").file("bin", b"\0").file("none", "").with_mode("120000", "link", "a");
    fixture.import(&import);
    let repository = fixture.open();
    let asked: Vec<String> = ["a", "no-such", "bin", "link", "dir", "none", "-x"].map(str::to_owned).to_vec();
    let mut rows = Vec::new();
    repository
        .blame(None, &asked, false, &CancelToken::new(), &|_, _| (), &mut |path, result| {
            rows.push((path.to_owned(), result.map(|hunks| hunks.len()).map_err(|error| error.kind)));
        })
        .expect("readable");
    let missing = Err(RepoErrorKind::Missing);
    let expected = [Ok(3), missing, missing, missing, missing, Ok(0), missing];
    assert_eq!(rows, asked.iter().cloned().zip(expected).collect::<Vec<_>>());
    let mut owned = Vec::new();
    repository
        .ownership(None, &CancelToken::new(), &|_, _| (), &mut |row| {
            owned.push((row.path, row.author_name, row.lines, row.total_lines));
        })
        .expect("readable");
    let ada = "Ada Lovelace".to_owned();
    assert_eq!(
        owned,
        [
            ("a".to_owned(), ada.clone(), 4, 5),
            ("a".to_owned(), "Bob".to_owned(), 1, 5),
            ("dir/b".to_owned(), ada, 1, 1)
        ]
    );
    let error = repository.ownership(Some("no-such"), &CancelToken::new(), &|_, _| (), &mut |_| ()).expect_err("none");
    assert_eq!(error.kind, RepoErrorKind::Missing);
}
