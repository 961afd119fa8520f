//! The git program: found once, checked against a version floor, and run with an environment that nothing outside of
//! simul can bend.
//!
//! Not here: what is asked of git (`history/`, `transport/`), nor how a child is killed (`simul_engine::child`).
//! Invariant: no variable of the caller's environment and no system or user configuration reaches a child, but for the
//! few names in [`PASSED_ON`].

use crate::history::calibration::Matching;
use crate::{RepoError, RepoErrorKind};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The oldest git that is accepted.
pub const FLOOR: Version = Version { major: 2, minor: 40, patch: 0 };

/// Of each series, the first release with the fixes of July 2025 (CVE-2025-48384, -48385 and others). An older series
/// never got them; a newer one was born with them.
const PATCHED: &[Version] = &[
    Version { major: 2, minor: 43, patch: 7 },
    Version { major: 2, minor: 44, patch: 4 },
    Version { major: 2, minor: 45, patch: 4 },
    Version { major: 2, minor: 46, patch: 4 },
    Version { major: 2, minor: 47, patch: 3 },
    Version { major: 2, minor: 48, patch: 2 },
    Version { major: 2, minor: 49, patch: 1 },
    Version { major: 2, minor: 50, patch: 1 },
];

/// What a child may see of the caller's environment: where programs and temporary files are, the ssh agent, proxies and
/// certificates.
pub const PASSED_ON: &[&str] = &[
    "PATH",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SystemRoot",
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("HOME", "/nonexistent"),
    ("LC_ALL", "C"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    // A partial clone is read as it is: nothing is fetched behind the caller's back.
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_PAGER", "cat"),
];

/// Configuration that outranks the repository's own: programs that it could start, and settings that would change numbers.
const CONFIGURATION: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "core.bigFileThreshold=512m",
    "core.quotePath=true",
    "core.abbrev=auto",
    "credential.helper=",
    "diff.algorithm=myers",
    "diff.relative=false",
    "gc.auto=0",
    "i18n.logOutputEncoding=UTF-8",
    "log.showSignature=false",
    "maintenance.auto=false",
    "mailmap.file=",
    "protocol.allow=never",
    "transfer.bundleURI=false",
];

static FOUND: OnceLock<Git> = OnceLock::new();
static WARNED: AtomicBool = AtomicBool::new(false);

/// A version of git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The 2 of 2.47.3.
    pub major: u32,
    /// The 47 of 2.47.3.
    pub minor: u32,
    /// The 3 of 2.47.3.
    pub patch: u32,
}

impl Version {
    /// Reads what `git version` prints; vendors' additions ("2.39.5 (Apple Git-154)", "2.45.1.windows.1") are ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.trim().strip_prefix("git version ")?.split_whitespace().next()?;
        // A release candidate ("2.50.0.rc1") counts as its release.
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        Some(Self { major: parts.next()??, minor: parts.next()??, patch: parts.next().flatten().unwrap_or(0) })
    }

    /// The release of this series that has the security fixes, when this one lacks them.
    fn lacking_fixes(self) -> Option<Version> {
        let series = (self.major, self.minor);
        let newest = PATCHED[PATCHED.len() - 1];
        match PATCHED.iter().find(|patched| (patched.major, patched.minor) == series) {
            Some(patched) if self < *patched => Some(*patched),
            Some(_) => None,
            None if series < (newest.major, newest.minor) => Some(newest),
            None => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A git program that passed the version floor.
///
/// # Threads and loops
/// Clones are cheap and share one program; any thread may use one.
///
/// # Example
/// ```
/// use simul_git::program::{FLOOR, Git};
/// let git = Git::find()?;
/// assert!(git.version() >= FLOOR);
/// let output = git.command(None).arg("version").output().expect("git ran before");
/// assert!(output.stdout.starts_with(b"git version "));
/// # Ok::<(), simul_git::RepoError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Git(Arc<Program>);

#[derive(Debug)]
struct Program {
    path: PathBuf,
    version: Version,
    matching: OnceLock<Matching>,
}

impl Git {
    /// The first `git` on PATH.
    ///
    /// # Errors
    /// [`RepoErrorKind::Unsupported`] when there is none or it is older than [`FLOOR`].
    ///
    /// # Cost
    /// One child the first time; a success is kept for the life of the process.
    pub fn find() -> Result<Self, RepoError> {
        if let Some(git) = FOUND.get() {
            return Ok(git.clone());
        }
        let name = if cfg!(windows) { "git.exe" } else { "git" };
        let path = std::env::var_os("PATH")
            .into_iter()
            .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
            // A relative entry would run whatever the current directory holds.
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|candidate| is_executable(candidate))
            .ok_or_else(|| unsupported("git is not on PATH").hint(format!("install git {FLOOR} or newer")))?;
        let git = Self::at(&path)?;
        Ok(FOUND.get_or_init(|| git).clone())
    }

    /// The program at `path`, for tests and for callers that bring their own.
    ///
    /// # Errors
    /// [`RepoErrorKind::Unsupported`] when it does not run or is older than [`FLOOR`].
    pub fn at(path: &Path) -> Result<Self, RepoError> {
        let output = hardened(path).arg("version").output().map_err(|error| {
            unsupported(format!("{} does not run: {error}", path.display()))
                .hint(format!("install git {FLOOR} or newer"))
        })?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = Version::parse(&text).ok_or_else(|| {
            unsupported(format!("{} does not say which version it is: {:?}", path.display(), text.trim()))
                .hint(format!("install git {FLOOR} or newer"))
        })?;
        if version < FLOOR {
            return Err(unsupported(format!("git {version} at {} is too old", path.display()))
                .hint(format!("install git {FLOOR} or newer and put it first on PATH")));
        }
        Ok(Self(Arc::new(Program { path: path.to_owned(), version, matching: OnceLock::new() })))
    }

    /// Where the program is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// What history has found out about how this git matches lines.
    pub(crate) fn matching(&self) -> &OnceLock<Matching> {
        &self.0.matching
    }

    /// What to tell the user about a git that lacks known security fixes; None for a patched one.
    pub fn warning(&self) -> Option<String> {
        let patched = self.version().lacking_fixes()?;
        Some(format!(
            "git {} at {} lacks security fixes; install {patched} or newer before reading repositories that you do not trust",
            self.version(),
            self.path().display()
        ))
    }

    /// [`Self::warning`], but only for the first caller in this process.
    pub fn warning_once(&self) -> Option<String> {
        let warning = self.warning()?;
        (!WARNED.swap(true, Ordering::Relaxed)).then_some(warning)
    }

    /// A command that starts this git hardened: clean environment, no system or user configuration, no prompt, no hook,
    /// no pager, no lazy fetch, no protocol allowed, stdin empty. Append git's own words with `.arg`.
    ///
    /// # Args
    /// - `repo`: the top of a worktree, or a bare repository or `.git` folder; the child runs there, never looks for a
    ///   repository above it, and accepts it whoever owns it (`safe.directory` for exactly this path).
    ///   Configuration given with `-c` does not reach the `upload-pack` that git starts for a `file://` source: for that,
    ///   write [`Self::global_configuration`] to a file and set GIT_CONFIG_GLOBAL.
    pub fn command(&self, repo: Option<&Path>) -> Command {
        let mut command = hardened(&self.0.path);
        if let Some(repo) = repo {
            // git compares with the resolved path of the folder that it runs in.
            let repo = std::fs::canonicalize(repo).unwrap_or_else(|_| repo.to_owned());
            let mut safe = OsStr::new("safe.directory=").to_owned();
            safe.push(&repo);
            command.arg("-c").arg(safe);
            if let Some(above) = repo.parent() {
                command.env("GIT_CEILING_DIRECTORIES", above);
            }
            command.current_dir(repo);
        }
        command
    }

    /// The text of a configuration file (for GIT_CONFIG_GLOBAL) that makes git accept exactly these repositories, whoever
    /// owns them; a path that is not UTF-8 is written as its bytes.
    pub fn global_configuration(repos: &[&Path]) -> Vec<u8> {
        let mut text = b"[safe]\n".to_vec();
        for repo in repos {
            text.extend_from_slice(b"\tdirectory = \"");
            for byte in repo.as_os_str().as_encoded_bytes() {
                match byte {
                    b'"' | b'\\' => text.extend_from_slice(&[b'\\', *byte]),
                    b'\n' => text.extend_from_slice(b"\\n"),
                    b'\t' => text.extend_from_slice(b"\\t"),
                    _ => text.push(*byte),
                }
            }
            text.extend_from_slice(b"\"\n");
        }
        text
    }
}

fn hardened(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(ENVIRONMENT.iter().copied());
    command.arg("--no-pager");
    for setting in CONFIGURATION {
        command.args(["-c", setting]);
    }
    command
}

fn unsupported(detail: impl Into<String>) -> RepoError {
    RepoError::new(RepoErrorKind::Unsupported, "git", "finding git", detail)
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
pub(crate) mod tests;
