//! Repositories made by `git fast-import`, with fixed people and times.

use simul_engine::CancelToken;
use simul_git::history::{CommitOptions, EngineKind, Merges, Refs, Repository, Summary};
use simul_git::record::Commit;
use simul_git::{Git, RepoError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

pub(crate) const AUTHOR: &str = "Ada Lovelace <ada@example.org>";

/// A repository in a temporary folder.
pub(crate) struct Fixture {
    pub git: Git,
    folder: TempDir,
    path: PathBuf,
}

impl Fixture {
    /// `words` go to `git init` (`--bare`, `--object-format=sha256`).
    pub(crate) fn new(words: &[&str]) -> Self {
        let git = Git::find().expect("git is installed");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("repo");
        let status =
            git.command(None).args(["init", "-q", "-b", "main"]).args(words).arg(&path).status().expect("git runs");
        assert!(status.success());
        Self { git, folder, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder beside the repository, removed with it.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs git in the repository and returns what it printed.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let output = self
            .git
            .command(Some(&self.path))
            .args([
                "-c",
                "user.name=Ada Lovelace",
                "-c",
                "user.email=ada@example.org",
                "-c",
                "protocol.file.allow=always",
            ])
            .args(words)
            .env("GIT_AUTHOR_DATE", "1700000000 +0100")
            .env("GIT_COMMITTER_DATE", "1700000000 +0100")
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(crate) fn import(&self, stream: &Import) {
        let mut child = self
            .git
            .command(Some(&self.path))
            .args(["fast-import", "--quiet", "--force"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("git runs");
        child.stdin.take().expect("piped").write_all(&stream.stream).expect("git reads");
        assert!(child.wait().expect("git ends").success());
        // The files of a worktree follow its branch, as after a clone.
        if self.path.join(".git").exists() {
            self.run(&["reset", "-q", "--hard"]);
        }
    }

    pub(crate) fn open(&self) -> Repository {
        Repository::open(&self.git, &self.path, "fixture").expect("a repository")
    }
}

/// All rows, as one engine reads them.
pub(crate) fn read(repository: &Repository, options: &CommitOptions) -> Result<(Vec<Commit>, Summary), RepoError> {
    let mut commits = Vec::new();
    let summary = repository.commits(options, &CancelToken::new(), &|_, _| (), &mut |commit| commits.push(commit))?;
    Ok((commits, summary))
}

/// What was compared.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Compared {
    pub commits: usize,
    pub rows: usize,
    pub blame_lines: usize,
}

/// Compares every field with git: HEAD and all references, each way to count merges, both engines, and blame.
pub(crate) fn equals_git(fixture: &Fixture) -> Compared {
    let repository = fixture.open();
    let mut compared = Compared::default();
    for refs in [Refs::Head, Refs::All] {
        for merges in [Merges::Zero, Merges::FirstParent, Merges::Combined] {
            let expected = super::log::commits(&fixture.git, fixture.path(), &refs, merges);
            for engine in [EngineKind::Hybrid, EngineKind::Children] {
                let options = CommitOptions { refs: refs.clone(), merges, engine, ..CommitOptions::default() };
                let (found, summary) = read(&repository, &options).expect("readable");
                let wrong = super::log::mismatches(&expected, &found);
                assert!(wrong.is_empty(), "{refs:?} {merges:?} {engine:?}:\n{}", wrong.join("\n"));
                assert_eq!(summary.commits, expected.len() as u64);
                compared.commits += found.len();
                compared.rows += found.iter().map(|commit| commit.changes.len()).sum::<usize>();
            }
        }
    }
    let (lines, wrong) =
        super::log::compare_blame(&fixture.git, &repository, fixture.path(), 40).expect("HEAD can be blamed");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    compared.blame_lines = lines;
    compared
}

/// Says what a test looked at, and fails it if that was nothing.
#[expect(clippy::print_stdout, reason = "the suite reports its counts")]
pub(crate) fn report(what: &str, compared: Compared) {
    let Compared { commits, rows, blame_lines } = compared;
    println!("equals git, {what}: {commits} commits, {rows} file rows, {blame_lines} blame lines");
    assert!(commits > 0 && rows > 0, "{what}: nothing was compared");
}

/// A stream for `git fast-import`. Times go up by an hour with each commit.
#[derive(Default)]
pub(crate) struct Import {
    stream: Vec<u8>,
    hours: u64,
}

impl Import {
    pub(crate) fn commit(&mut self, branch: &str, message: impl AsRef<[u8]>) -> &mut Self {
        self.commit_by(branch, AUTHOR.as_bytes(), None, message)
    }

    /// A commit whose header and message are bytes in `encoding`.
    pub(crate) fn commit_by(
        &mut self,
        branch: &str,
        author: &[u8],
        encoding: Option<&str>,
        message: impl AsRef<[u8]>,
    ) -> &mut Self {
        self.hours += 1;
        let seconds = 1_600_000_000 + 3600 * self.hours;
        self.line(format!("commit refs/heads/{branch}").as_bytes());
        self.line(format!("mark :{}", self.hours).as_bytes());
        for (role, zone) in [("author", "+0530"), ("committer", "-0130")] {
            let mut line = format!("{role} ").into_bytes();
            line.extend_from_slice(author);
            line.extend_from_slice(format!(" {seconds} {zone}").as_bytes());
            self.line(&line);
        }
        if let Some(encoding) = encoding {
            self.line(format!("encoding {encoding}").as_bytes());
        }
        self.data(message.as_ref())
    }

    /// The mark of the commit made last.
    pub(crate) fn mark(&self) -> u64 {
        self.hours
    }

    pub(crate) fn from(&mut self, mark: u64) -> &mut Self {
        self.line(format!("from :{mark}").as_bytes())
    }

    pub(crate) fn merge(&mut self, mark: u64) -> &mut Self {
        self.line(format!("merge :{mark}").as_bytes())
    }

    pub(crate) fn file(&mut self, path: &str, content: impl AsRef<[u8]>) -> &mut Self {
        self.with_mode("100644", path, content)
    }

    pub(crate) fn with_mode(&mut self, mode: &str, path: &str, content: impl AsRef<[u8]>) -> &mut Self {
        self.line(format!("M {mode} inline {}", quote(path)).as_bytes());
        self.data(content.as_ref())
    }

    pub(crate) fn gitlink(&mut self, path: &str, id: &str) -> &mut Self {
        self.line(format!("M 160000 {id} {}", quote(path)).as_bytes())
    }

    pub(crate) fn delete(&mut self, path: &str) -> &mut Self {
        self.line(format!("D {}", quote(path)).as_bytes())
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> &mut Self {
        self.line(format!("R {} {}", quote(from), quote(to)).as_bytes())
    }

    pub(crate) fn copy(&mut self, from: &str, to: &str) -> &mut Self {
        self.line(format!("C {} {}", quote(from), quote(to)).as_bytes())
    }

    /// Forgets the parent's files.
    pub(crate) fn clear(&mut self) -> &mut Self {
        self.line(b"deleteall")
    }

    /// Makes `branch` start again without parents.
    pub(crate) fn orphan(&mut self, branch: &str) -> &mut Self {
        self.line(format!("reset refs/heads/{branch}").as_bytes())
    }

    fn data(&mut self, bytes: &[u8]) -> &mut Self {
        self.line(format!("data {}", bytes.len()).as_bytes());
        self.line(bytes)
    }

    fn line(&mut self, bytes: &[u8]) -> &mut Self {
        self.stream.extend_from_slice(bytes);
        self.stream.push(b'\n');
        self
    }
}

/// C quoting, which `fast-import` reads.
fn quote(path: &str) -> String {
    let mut quoted = String::from("\"");
    for c in path.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\{:03o}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `count` numbered lines.
pub(crate) fn lines(name: &str, count: usize) -> String {
    (0..count).map(|i| format!("{name} {i}\n")).collect()
}
