//! Repositories made by git itself, and runs of the binary with a watchdog.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A folder of its own for one test: repositories, cache, output.
pub(crate) struct Home(tempfile::TempDir);

/// How long a run may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// A repository with one commit by `author`.
    pub(crate) fn repository(&self, name: &str, author: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("made");
        git(&path, &["init", "-q", "-b", "main"]);
        self.commit(name, author, "a.txt", "one\ntwo\nthree\n");
        self.text(name)
    }

    pub(crate) fn commit(&self, repository: &str, author: &str, file: &str, content: &str) {
        let path = self.path(repository);
        fs::write(path.join(file), content).expect("written");
        git(&path, &["add", "-A"]);
        let name = format!("user.name={author}");
        git(&path, &["-c", &name, "-c", "user.email=a@b.example", "commit", "-q", "-m", "A subject"]);
    }

    /// The binary with nothing of the caller's environment, in this folder.
    pub(crate) fn simul(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simul"));
        command.args(args).current_dir(self.0.path()).env_clear().env("SIMUL_CACHE", self.path("cache"));
        command.env("PATH", std::env::var_os("PATH").expect("PATH is set")).env("HOME", self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.simul(args).spawn().expect("simul starts"))
    }

    /// Everything below a folder, for looking at what stayed behind.
    pub(crate) fn everything(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path(name)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                found.push(entry.path().to_string_lossy().into_owned());
                if entry.path().is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        found
    }
}

fn git(folder: &Path, args: &[&str]) {
    let status = Command::new("git")
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_DATE", "2026-09-01T10:00:00+0200")
        .env("GIT_COMMITTER_DATE", "2026-09-01T10:00:00+0200")
        .status();
    assert!(status.expect("git starts").success(), "git {args:?}");
}

/// A run that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Waits for the end, and kills what does not come to one.
    pub(crate) fn of(child: Child) -> Self {
        let id = child.id();
        let (sender, receiver) = mpsc::channel::<()>();
        let watchdog = thread::spawn(move || {
            if receiver.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                signal(id, libc::SIGKILL);
            }
        });
        let Output { status, stdout, stderr } = child.wait_with_output().expect("it can be waited for");
        drop(sender);
        watchdog.join().expect("the watchdog ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Sends a signal to a child of this test.
pub(crate) fn signal(id: u32, signal: i32) {
    let id = i32::try_from(id).expect("a process id");
    // SAFETY: kill takes plain numbers; the id is of a child that has not been waited for.
    unsafe {
        libc::kill(id, signal);
    }
}
