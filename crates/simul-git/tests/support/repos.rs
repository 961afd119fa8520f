//! Repositories made by a real git.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A git that reads no configuration of this machine.
pub fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs([
            ("HOME", "/nonexistent"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("LC_ALL", "C"),
            ("GIT_AUTHOR_NAME", "Ann"),
            ("GIT_AUTHOR_EMAIL", "ann@example.org"),
            ("GIT_AUTHOR_DATE", "1700000000 +0100"),
            ("GIT_COMMITTER_NAME", "Bob"),
            ("GIT_COMMITTER_EMAIL", "bob@example.org"),
            ("GIT_COMMITTER_DATE", "1700000000 +0100"),
        ])
        .args(["-c", "init.defaultBranch=main", "-c", "gc.auto=0", "-c", "core.hooksPath=/dev/null"])
        .stdin(Stdio::null());
    command
}

/// What git prints; panics with its words if it fails.
pub fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A bare repository with `commits` commits on `main`, made by one fast-import.
pub fn bare(root: &Path, name: &str, commits: u32) -> PathBuf {
    bare_with(root, name, commits, 0, &[])
}

/// As [`bare`], with a file of `noise` incompressible bytes in the first commit and further options for `git init`.
pub fn bare_with(root: &Path, name: &str, commits: u32, noise: usize, init: &[&str]) -> PathBuf {
    let path = root.join(name);
    std::fs::create_dir_all(&path).unwrap();
    run(&path, &[&["init", "-q", "--bare"], init, &["."]].concat());
    let mut stream = Vec::new();
    for number in 0..commits {
        let mut text = String::new();
        let time = 1_700_000_000 + number;
        writeln!(text, "commit refs/heads/main\ncommitter Ann <ann@example.org> {time} +0000").unwrap();
        let message = format!("{name} {number}\n");
        write!(text, "data {}\n{message}", message.len()).unwrap();
        let content: String = (0..=number.min(50)).map(|line| format!("{name} line {line} of {number}\n")).collect();
        write!(text, "M 100644 inline file{}.txt\ndata {}\n{content}\n", number % 5, content.len()).unwrap();
        stream.extend_from_slice(text.as_bytes());
        if number == 0 && noise > 0 {
            stream.extend_from_slice(format!("M 100644 inline noise.bin\ndata {noise}\n").as_bytes());
            stream.extend(random(noise));
            stream.push(b'\n');
        }
    }
    if commits > 0 {
        import(&path, &stream);
    }
    path
}

/// One more commit on `branch`, on top of what it has; returns its id.
pub fn commit(bare: &Path, branch: &str, content: &str) -> String {
    let blob = {
        let mut child = git(bare)
            .args(["hash-object", "-w", "--stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(content.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let mut child = git(bare).arg("mktree").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("100644 blob {blob}\tfile.txt\n").as_bytes()).unwrap();
    let tree = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned();
    let name = format!("refs/heads/{branch}");
    let parent = git(bare).args(["rev-parse", "-q", "--verify", &name]).output().unwrap();
    let parent = String::from_utf8(parent.stdout).unwrap().trim().to_owned();
    let mut arguments = vec!["commit-tree", &tree, "-m", content];
    if !parent.is_empty() {
        arguments.extend(["-p", &parent]);
    }
    let commit = run(bare, &arguments);
    run(bare, &["update-ref", &name, &commit]);
    commit
}

fn import(bare: &Path, stream: &[u8]) {
    let mut child = git(bare)
        .args(["fast-import", "--quiet", "--force"])
        .stdin(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stream).unwrap();
    assert!(child.wait().unwrap().success());
}

/// Bytes that do not compress, the same every time.
pub fn random(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// Branches, tags and HEAD of a repository, as text to compare.
pub fn refs(repo: &Path) -> String {
    let head = std::fs::read_to_string(repo.join("HEAD")).unwrap();
    format!("{head}{}", run(repo, &["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags"]))
}
