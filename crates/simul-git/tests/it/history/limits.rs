//! What is too large or too strange to be read in process.

use super::fixture::{Fixture, Import, equals_git, read, report};
use simul_git::history::CommitOptions;
use std::io::Write;
use std::process::Stdio;

#[test]
fn a_large_file_is_counted_by_git() {
    let fixture = Fixture::new(&["--bare"]);
    let mut import = Import::default();
    let large = "0123456789abcde\n".repeat(2_200_000);
    import.commit("main", "Large").file("large", &large).file("small", "1\n");
    import.commit("main", "Larger").file("large", large.clone() + "more\n");
    import.commit("main", "Small again").file("large", "more\n");
    fixture.import(&import);
    let (commits, summary) = read(&fixture.open(), &CommitOptions::default()).expect("readable");
    let numbers: Vec<_> = commits.iter().map(|commit| (commit.additions, commit.deletions)).collect();
    assert_eq!(numbers, [(0, 2_200_000), (1, 0), (2_200_001, 0)]);
    assert_eq!(summary.by_git_otherwise, 3);
}

/// Writes an object without git's checks and returns its id.
fn object(fixture: &Fixture, kind: &str, data: &[u8]) -> String {
    let mut child = fixture
        .git
        .command(Some(fixture.path()))
        .args(["hash-object", "-t", kind, "-w", "--literally", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git runs");
    child.stdin.take().expect("piped").write_all(data).expect("git reads");
    let output = child.wait_with_output().expect("git ends");
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn entry(mode: &str, name: &str, id: &str) -> Vec<u8> {
    let bytes = (0..id.len()).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).expect("hex"));
    format!("{mode} {name}\0").into_bytes().into_iter().chain(bytes).collect()
}

#[test]
fn strange_trees_and_commits_show_as_git_shows_them() {
    let fixture = Fixture::new(&["--bare"]);
    let one = object(&fixture, "blob", b"one\n");
    let two = object(&fixture, "blob", b"one\ntwo\n");
    let sub = object(&fixture, "tree", &entry("100644", "inside", &one));
    let trees = [
        entry("100644", "a", &one),
        // Old tools wrote other permissions and leading zeros: the same file to git.
        entry("100664", "a", &one),
        entry("0100644", "a", &two),
        [entry("100600", "a", &two), entry("040000", "sub", &sub)].concat(),
        // Unsorted.
        [entry("100644", "b", &one), entry("100644", "a", &two)].concat(),
        [entry("100644", "b", &two), entry("100644", "a", &two)].concat(),
        entry("100755", "a", &two),
    ];
    let mut parent = String::new();
    let people = [
        "author A <a@example.org> 1600000000 +0000\ncommitter A <a@example.org> 1600000000 +0000\n",
        "author A <a@example.org> 1600000001 -0030\ncommitter  <> 1600000001 +1400\n",
        "author A <a@b>c@example.org> 1600000002 +0000\ncommitter A <a@example.org> 1600000002\n",
        "author A <a@example.org>\ncommitter A<a@example.org> 1600000003 +0000\n",
        "author no brackets 1600000004 +0000\ncommitter A <a@example.org> 1600000004 +0000\n",
        "author A <a@example.org> 1600000005 +0000\ncommitter A <a@example.org> 1600000005 +0000\nencoding latin1\nunknown header\n and more of it\n",
        "author A <a@example.org> 1600000006 +0000\ncommitter A <a@example.org> 1600000006 +0000\ngpgsig -----BEGIN\n author Z <z@z> 1 +0000\n -----END\n",
    ];
    let messages =
        ["\nno newline", "\n", "", "\nNUL\0hidden\n", "\n\n\nlate\n", "\ncaf\u{e9}\n", "\nSigned\n\n body\n"];
    for ((tree, people), message) in trees.iter().zip(people).zip(messages) {
        let tree = object(&fixture, "tree", tree);
        let parents = if parent.is_empty() { String::new() } else { format!("parent {parent}\n") };
        parent = object(&fixture, "commit", format!("tree {tree}\n{parents}{people}{message}").as_bytes());
    }
    fixture.run(&["update-ref", "refs/heads/main", &parent]);
    let compared = equals_git(&fixture);
    report("strange objects", compared);
}
