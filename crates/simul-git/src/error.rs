//! Why one repository could not be synced or read. It stands beside the others' results and never becomes zeros.

use simul_core::{Error, Kind};
use std::fmt;

macro_rules! repo_error_kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// What kind of thing went wrong with a repository.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RepoErrorKind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl RepoErrorKind {
            /// Every kind.
            pub const ALL: &'static [RepoErrorKind] = &[$(RepoErrorKind::$variant,)+];

            /// The kind's name in Python, JSON and the manifest.
            pub const fn name(self) -> &'static str {
                match self {
                    $(RepoErrorKind::$variant => $name,)+
                }
            }
        }
    };
}

repo_error_kinds! {
    /// The source is neither a path nor a URL that git can fetch.
    Invalid = "invalid",
    /// No repository there (missing path, 404, or no permission to know).
    NotFound = "not_found",
    /// A path that exists but is not a git repository.
    NotARepository = "not_a_repository",
    /// The server wants a login that was not given, or refused the one given.
    Auth = "auth",
    /// No connection: name, network or TLS.
    Connect = "connect",
    /// The repository has no commit yet (unborn HEAD).
    Empty = "empty",
    /// Larger than `limits.bytes`.
    TooLarge = "too_large",
    /// Took longer than `limits.seconds`.
    Timeout = "timeout",
    /// No byte arrived for `limits.stall_seconds`.
    Stalled = "stalled",
    /// Objects are missing or damaged.
    Corrupt = "corrupt",
    /// The cache or the disk could not be written (full, read-only).
    Storage = "storage",
    /// Cancelled by the caller.
    Cancelled = "cancelled",
    /// git is missing, too old, or lacks what was asked for.
    Unsupported = "unsupported",
    /// A revision, path or ref that was asked for is not in the repository.
    Missing = "missing",
    /// git failed in a way that none of the above names.
    Git = "git",
}

/// Why one repository could not be synced or read.
///
/// `source` is the caller's exact string with credentials removed; `phase` is what was being done ("connecting",
/// "receiving", "walking", ...); `detail` is what happened; `hint` says what to do next, where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoError {
    /// The kind, to branch on.
    pub kind: RepoErrorKind,
    /// The caller's string, without credentials.
    pub source: String,
    /// What was being done.
    pub phase: &'static str,
    /// What happened, control bytes removed.
    pub detail: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl RepoError {
    /// Makes an error; credentials in `source` are removed here, control bytes in `detail` too.
    #[cold]
    pub fn new(kind: RepoErrorKind, source: &str, phase: &'static str, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self {
            kind,
            source: crate::table::repo_label(source),
            phase,
            detail: detail.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>().trim().to_owned(),
            hint: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for RepoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.source, self.phase, self.detail)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RepoError {}

impl From<RepoError> for Error {
    fn from(error: RepoError) -> Self {
        let kind = if error.kind == RepoErrorKind::Cancelled { Kind::Cancelled } else { Kind::Repo };
        Error::new(kind, error.to_string()).with_source(error)
    }
}
