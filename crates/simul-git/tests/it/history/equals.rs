//! One history with everything that a history can hold.

use super::fixture::{Compared, Fixture, Import, equals_git, lines, report};
use simul_git::history::{CommitOptions, EngineKind, Merges, Refs};
use std::path::Path;

fn everything(id_length: usize) -> Import {
    let mut import = Import::default();
    import.commit("main", "Start\n\nWith a body,\nof two lines.\n\n");
    import.file("a.txt", lines("a", 40)).file("b.txt", lines("b", 30)).file("dir/c.txt", lines("c", 25));
    import
        .file("empty", "")
        .file("no-newline", "one\ntwo")
        .file("crlf", "one\r\ntwo\r\n")
        .file("blob.bin", b"\0\x01\x02");
    import.with_mode("120000", "link", "a.txt").with_mode("100755", "run.sh", "#!/bin/sh\necho\n");
    let start = import.mark();

    import.commit("main", "Edit").file("a.txt", lines("a", 20) + "new\n" + &lines("a", 45)[100..]);
    import.commit("main", "Rename with edits").rename("b.txt", "moved/b.txt");
    import.file("moved/b.txt", lines("b", 28) + "edited\n");
    import.commit("main", "Rename exactly").rename("dir/c.txt", "dir/d.txt");
    import.commit("main", "Copy").copy("a.txt", "copy.txt");
    import
        .commit("main", "Copies of a deleted file")
        .copy("dir/d.txt", "e1")
        .copy("dir/d.txt", "e2")
        .delete("dir/d.txt");
    import.commit("main", "Delete and add what is not alike").delete("e1").file("tiny", "x\n");
    import.commit("main", "Mode").with_mode("100755", "a.txt", lines("a", 45));
    import.commit("main", "Mode of a binary").with_mode("100755", "blob.bin", b"\0\x01\x02");
    import.commit("main", "Type").file("link", "a.txt\nno link any more\n");
    import.commit("main", "Type back").with_mode("120000", "link", "no-newline");
    import.commit("main", "Link elsewhere").with_mode("120000", "link", "crlf");
    import.commit("main", "Binary changes").file("blob.bin", b"\0\x03\n\n\n");
    import.commit("main", "Binary becomes text").with_mode("100755", "blob.bin", "text\n");
    import.commit("main", "Text becomes binary").with_mode("100755", "blob.bin", b"text\n\0");
    let late: Vec<u8> = [vec![b'\n'; 7999], vec![0]].concat();
    import.commit("main", "NUL as the 8000th byte").file("late", &late);
    let later: Vec<u8> = [vec![b'\n'; 8000], vec![0]].concat();
    import.commit("main", "NUL as the 8001st byte").file("late", &later);
    import.commit("main", "Newline at the end").file("no-newline", "one\ntwo\n");
    import.commit("main", "And gone again").file("no-newline", "zero\none\ntwo");
    import.commit("main", "CRLF to LF").file("crlf", "one\ntwo\n");
    import.commit("main", "Empty gets lines").file("empty", "1\n2\n");
    import.commit("main", "And loses them").file("empty", "");
    let (one, two) = ("1".repeat(id_length), "2".repeat(id_length));
    import.commit("main", "Submodule").gitlink("sub", &one);
    import.commit("main", "Submodule moves").gitlink("sub", &two);
    import.commit("main", "Submodule becomes a file").file("sub", "text\n");
    import.commit("main", "File becomes a folder").delete("sub").file("sub/inside", "text\n").file("sub-way", "x\n");
    import.commit("main", "Folder becomes a file").delete("sub/inside").file("sub", "text\n");
    import.commit("main", "Strange paths");
    for path in [
        "tab\there",
        "new\nline",
        "quo\"te",
        "esc\u{1b}[31m",
        "back\\slash",
        " blanks ",
        "ünïcödé",
        "-dash",
        "a=b",
        ":colon",
    ] {
        import.file(path, format!("{path:?}\n"));
    }
    import.commit("main", "Strange paths change").file("new\nline", "other\n").rename("tab\there", "tab\tthere");
    import.commit("main", "");
    import.commit("main", "\n\n   \nSubject after blank lines  \nsecond line of it\t\n   \n\n  body\n\nmore\n\n");
    import.commit("main", "No newline at the end of the message");
    import.commit_by(
        "main",
        b"J\xf6rg <j\xf6rg@example.org>",
        Some("ISO-8859-1"),
        b"Gr\xfc\xdfe \x96 latin-1\n\nK\xf6rper\n",
    );
    import.commit_by("main", b"J\xf6rg <joerg@example.org>", None, b"Bytes that are no UTF-8: \xff\xfe\n");
    import.commit_by("main", "Юрий <y@example.org>".as_bytes(), Some("UTF-8"), "По-русски\n");
    import.commit_by("main", b"Nobody <n@example.org>", Some("no-such-encoding"), b"Unknown \xe9\n");
    import.commit_by("main", b" <empty@example.org>", None, "A person without a name\n");
    import.commit_by("main", b"Two  Blanks <two@example.org>", None, "Blanks inside a name\n");
    import.commit("main", "Blocks move").file("a.txt", lines("a", 45)[200..].to_owned() + &lines("a", 45)[..200]);
    import.commit("main", "Blank lines among rewritten ones").file("a.txt", rewritten("x"));
    import.commit("main", "Rewritten again").file("a.txt", rewritten("y"));
    import.commit("main", "Large rewrites").file("long", shuffled(7));
    import.commit("main", "Large rewrites again").file("long", shuffled(11));
    let tip = import.mark();

    import.commit("topic", "Topic").from(start).file("topic.txt", lines("t", 9)).file("dir/c.txt", "conflict\n");
    let topic = import.mark();
    import.commit("other", "Other").from(start).file("other.txt", lines("o", 5));
    let other = import.mark();
    import.commit("main", "Merge").from(tip).merge(topic).file("topic.txt", lines("t", 9));
    import
        .commit("main", "Evil merge")
        .merge(other)
        .file("other.txt", lines("o", 4) + "evil\n")
        .file("smuggled", "in\n");
    import.file("a.txt", "changed by the merge\n").delete("tiny").rename("copy.txt", "copied.txt");
    import.orphan("second-root").commit("second-root", "A second root").file("root2", lines("r", 6));
    let root2 = import.mark();
    import.commit("third", "Third").from(start).file("third", "3\n");
    let third = import.mark();
    import.commit("main", "Octopus").merge(root2).merge(third).file("root2", lines("r", 6)).file("third", "3\n");
    import.commit("main", "Merge that keeps ours").merge(topic);
    import.commit("main", "After the merges").file("last", "last\n");
    import.orphan("unrelated").commit("unrelated", "Elsewhere").file("alone", lines("alone", 3));
    import
}

/// Lines of which most are new in each version, with blank ones in between: where git may set lines aside.
fn rewritten(version: &str) -> String {
    let padding: String = (0..60).map(|i| format!("pad {i}\n\n")).collect();
    let block: String = (0..12).map(|i| format!("{version} {i}\n{}", if i % 5 == 4 { "\n" } else { "" })).collect();
    format!("{padding}{block}\n{block}end\n{padding}")
}

/// The same lines in another order: far more than git searches exactly.
fn shuffled(stride: usize) -> String {
    (0..1500).map(|i| format!("line {}\n", i * stride % 1500 / 2)).collect()
}

#[test]
fn a_history_with_everything_in_it() {
    let fixture = Fixture::new(&[]);
    fixture.import(&everything(40));
    fixture.run(&["tag", "-a", "-m", "annotated", "v1"]);
    report("everything", equals_git(&fixture));
}

#[test]
fn the_same_in_a_bare_packed_sha256_repository() {
    let fixture = Fixture::new(&["--bare", "--object-format=sha256"]);
    fixture.import(&everything(64));
    fixture.run(&["repack", "-adfq", "--depth=50"]);
    report("sha256", equals_git(&fixture));
}

#[test]
fn objects_in_alternates_and_loose_ones_are_found() {
    let fixture = Fixture::new(&[]);
    fixture.import(&everything(40));
    let clone = fixture.beside("clone");
    fixture.run(&["clone", "-q", "--shared", ".", clone.to_str().expect("a plain path")]);
    std::fs::write(clone.join("loose"), "loose\n").expect("writable");
    let run = |words: &[&str]| {
        let mut command = fixture.git.command(Some(&clone));
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]).args(words);
        assert!(command.status().expect("git runs").success());
    };
    run(&["add", "."]);
    run(&["commit", "-q", "-m", "Loose"]);
    let expected = super::log::commits(&fixture.git, &clone, &Refs::Head, Merges::Zero);
    let repository = simul_git::history::Repository::open(&fixture.git, &clone, "clone").expect("a repository");
    let (found, summary) = super::fixture::read(&repository, &CommitOptions::default()).expect("readable");
    assert_eq!(super::log::mismatches(&expected, &found), Vec::<String>::new());
    assert_eq!(found[0].changes[0].path, "loose");
    assert!(summary.by_git_otherwise < summary.commits / 2, "{summary:?}");
}

#[test]
fn a_shallow_clone_shows_what_git_shows() {
    let fixture = Fixture::new(&[]);
    fixture.import(&everything(40));
    let clone = fixture.beside("shallow");
    let url = format!("file://{}", fixture.path().display());
    fixture.run(&["clone", "-q", "--depth=3", &url, clone.to_str().expect("a plain path")]);
    let repository = simul_git::history::Repository::open(&fixture.git, &clone, "shallow").expect("a repository");
    assert!(repository.is_shallow());
    assert!(!fixture.open().is_shallow());
    for engine in [EngineKind::Hybrid, EngineKind::Children] {
        let options = CommitOptions { engine, ..CommitOptions::default() };
        let (found, _) = super::fixture::read(&repository, &options).expect("readable");
        let expected = super::log::commits(&fixture.git, &clone, &Refs::Head, Merges::Zero);
        assert!(expected.iter().any(|commit| commit.parents.is_empty() && commit.files > 10), "no boundary");
        assert_eq!(super::log::mismatches(&expected, &found), Vec::<String>::new());
    }
}

#[test]
fn the_hybrid_does_most_of_the_work_itself() {
    let fixture = Fixture::new(&["--bare"]);
    fixture.import(&everything(40));
    let (_, summary) = super::fixture::read(&fixture.open(), &CommitOptions::default()).expect("readable");
    let by_git = summary.by_git_for_renames + summary.by_git_for_lines + summary.by_git_otherwise;
    assert!(by_git > 0 && by_git * 2 < summary.commits, "{summary:?}");
    assert!(summary.by_git_for_lines > 0 && summary.by_git_for_renames > 0, "{summary:?}");
}

#[test]
fn rows_without_changes_keep_their_totals() {
    let fixture = Fixture::new(&["--bare"]);
    fixture.import(&everything(40));
    let all = super::fixture::read(&fixture.open(), &CommitOptions::default()).expect("readable").0;
    let options = CommitOptions { changes: false, ..CommitOptions::default() };
    let bare = super::fixture::read(&fixture.open(), &options).expect("readable").0;
    assert_eq!(all.len(), bare.len());
    for (all, bare) in all.iter().zip(&bare) {
        assert!(bare.changes.is_empty());
        assert_eq!((all.additions, all.deletions, all.files), (bare.additions, bare.deletions, bare.files));
    }
}

/// The project's own history, where the sources are a checkout.
#[test]
fn the_projects_own_history() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let in_ci = std::env::var_os("CI").is_some();
    if !root.join(".git").exists() {
        assert!(!in_ci, "CI runs from a checkout");
        // Sources without their history (a release archive) have nothing to compare.
        return;
    }
    let git = simul_git::Git::find().expect("git");
    let repository = simul_git::history::Repository::open(&git, &root, "simul").expect("a repository");
    let mut compared = Compared::default();
    for engine in [EngineKind::Hybrid, EngineKind::Children] {
        let expected = super::log::commits(&git, &root, &Refs::Head, Merges::Zero);
        let options = CommitOptions { engine, ..CommitOptions::default() };
        let (found, _) = super::fixture::read(&repository, &options).expect("readable");
        assert_eq!(super::log::mismatches(&expected, &found), Vec::<String>::new());
        compared.commits += found.len();
        compared.rows += found.iter().map(|commit| commit.changes.len()).sum::<usize>();
    }
    let (lines, wrong) = super::log::compare_blame(&git, &repository, &root, 25).expect("HEAD can be blamed");
    assert_eq!(wrong, Vec::<String>::new());
    compared.blame_lines = lines;
    report("this project", compared);
}
