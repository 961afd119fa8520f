//! One repository on this machine, found from any path inside it.

use super::process::{Context, run};
use crate::{Git, RepoError, RepoErrorKind};
use simul_engine::CancelToken;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository that can be read in place.
///
/// # Threads and loops
/// Plain data; calls on one repository may run on several threads. They block: run them on an engine lane.
///
/// # Example
/// ```
/// use simul_git::{Git, history::{CommitOptions, Repository}};
/// use simul_engine::CancelToken;
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let git = Git::find()?;
/// # let run = |words: &[&str]| assert!(git.command(None).current_dir(folder.path()).args(words).status().expect("git").success());
/// # run(&["init", "-q"]);
/// # run(&["-c", "user.name=A", "-c", "user.email=a@b.example", "commit", "-q", "--allow-empty", "-m", "First"]);
/// # let path = folder.path();
/// let repository = Repository::open(&Git::find()?, path, "example")?;
/// let mut subjects = Vec::new();
/// repository.commits(&CommitOptions::default(), &CancelToken::new(), &|_, _| (), &mut |commit| subjects.push(commit.subject))?;
/// assert_eq!(subjects, ["First"]);
/// # Ok::<(), simul_git::RepoError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Repository {
    git: Git,
    source: String,
    /// Where children run: the top of the worktree, or the repository itself when it is bare.
    top: PathBuf,
    git_dir: PathBuf,
    common_dir: PathBuf,
    hash: gix_hash::Kind,
    bare: bool,
    shallow: bool,
    max_children: usize,
}

impl Repository {
    /// Finds the repository that `path` is in: the path itself, a folder above it, a worktree or a bare repository,
    /// whoever owns it.
    ///
    /// # Args
    /// - `source`: the caller's string, for errors.
    ///
    /// # Errors
    /// `NotFound` when there is nothing at `path`, `NotARepository` when no repository is there or above,
    /// `Unsupported` for an object format that this version cannot read.
    ///
    /// # Cost
    /// One git child.
    pub fn open(git: &Git, path: &Path, source: &str) -> Result<Self, RepoError> {
        let cancel = CancelToken::new();
        let context = Context { source, phase: "opening", cancel: &cancel };
        let path = std::fs::canonicalize(path).map_err(|error| {
            context.error(RepoErrorKind::NotFound, format!("{}: {error}", path.display())).hint("check the path")
        })?;
        if !path.is_dir() {
            return Err(context
                .error(RepoErrorKind::NotARepository, format!("{} is a file", path.display()))
                .hint("give the folder of a repository"));
        }
        let not_one = |why: &str| {
            context
                .error(RepoErrorKind::NotARepository, format!("{} is not in a git repository{why}", path.display()))
                .hint("give a folder that `git status` accepts, or a URL")
        };
        let top = path.ancestors().find_map(top_of).ok_or_else(|| not_one(""))?;
        let mut command = git.command(Some(&top));
        // No GIT_DIR: with it, git takes a bare repository without `core.bare` for one with a worktree.
        command.args([
            "rev-parse",
            "--is-bare-repository",
            "--is-shallow-repository",
            "--show-object-format=storage",
            "--path-format=absolute",
            "--git-dir",
            "--git-common-dir",
        ]);
        let output = run(command, context)?;
        if !output.success {
            return Err(not_one(&format!(": {}", output.stderr)));
        }
        // The two paths come last because they may hold newlines; of the two only the first can be told apart then.
        let lines: Vec<&[u8]> = output.stdout.split(|byte| *byte == b'\n').collect();
        let [bare, shallow, format, git_dir, common_dir, b""] = lines[..] else {
            return Err(not_one(": its path holds a newline"));
        };
        let hash = match format {
            b"sha1" => gix_hash::Kind::Sha1,
            b"sha256" => gix_hash::Kind::Sha256,
            other => {
                let other = String::from_utf8_lossy(other);
                return Err(context.error(RepoErrorKind::Unsupported, format!("objects are named by {other}")));
            }
        };
        Ok(Self {
            git: git.clone(),
            source: source.to_owned(),
            top,
            git_dir: bytes_to_path(git_dir),
            common_dir: bytes_to_path(common_dir),
            hash,
            bare: bare == b"true",
            shallow: shallow == b"true",
            max_children: 4,
        })
    }

    /// Bounds the git children that one call has alive at once; at least 1, and 4 unless set.
    #[must_use]
    pub fn with_max_children(mut self, children: usize) -> Self {
        self.max_children = children.max(1);
        self
    }

    /// The caller's string.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The `.git` folder of this worktree, or the bare repository.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Whether history was cut off when this was cloned: the oldest commits have parents that are not here.
    pub fn is_shallow(&self) -> bool {
        self.shallow
    }

    /// Whether there is no worktree.
    pub fn is_bare(&self) -> bool {
        self.bare
    }

    /// The commit that HEAD points to; None while its branch has no commit.
    ///
    /// # Errors
    /// `Corrupt` when that commit cannot be read.
    pub fn head(&self) -> Result<Option<String>, RepoError> {
        let cancel = CancelToken::new();
        self.resolve("HEAD", Context { source: &self.source, phase: "reading HEAD", cancel: &cancel })
    }

    /// The files at `rev` (HEAD unless given), in git's order; submodules and symbolic links are left out.
    ///
    /// # Errors
    /// `Missing` for a revision that is not there, `Empty` without any commit.
    pub fn files(&self, rev: Option<&str>) -> Result<Vec<String>, RepoError> {
        let cancel = CancelToken::new();
        let context = Context { source: &self.source, phase: "listing files", cancel: &cancel };
        let commit = self.commit_at(rev, context)?;
        let files = self.files_at(&commit, context)?;
        Ok(files.into_iter().map(|file| String::from_utf8_lossy(&file.path).into_owned()).collect())
    }

    /// The regular files of `commit`, in git's order.
    pub(super) fn files_at(&self, commit: &str, context: Context<'_>) -> Result<Vec<File>, RepoError> {
        let mut command = self.command();
        command.args(["ls-tree", "-r", "-z", "--full-tree", commit]);
        let output = run(command, context)?;
        if !output.success {
            return Err(super::process::damaged(&context, &output.stderr));
        }
        // mode, type, id, a tab, the path
        Ok(output
            .stdout
            .split(|byte| *byte == 0)
            .filter(|entry| entry.starts_with(b"100"))
            .filter_map(|entry| {
                let tab = entry.iter().position(|byte| *byte == b'\t')?;
                let id = entry[..tab].rsplit(|byte| *byte == b' ').next()?;
                Some(File { id: String::from_utf8_lossy(id).into_owned(), path: entry[tab + 1..].to_vec() })
            })
            .collect())
    }

    /// The commit of `rev`, or of HEAD.
    pub(super) fn commit_at(&self, rev: Option<&str>, context: Context<'_>) -> Result<String, RepoError> {
        match self.resolve(rev.unwrap_or("HEAD"), context)? {
            Some(commit) => Ok(commit),
            None => Err(match rev {
                None if self.names_something("HEAD", context)? => {
                    super::process::damaged(&context, "the commit of HEAD is missing or damaged")
                }
                None => self.empty(context),
                Some(rev) => context
                    .error(RepoErrorKind::Missing, format!("no commit is called {rev:?}"))
                    .hint("`git branch -a` and `git tag` list the names"),
            }),
        }
    }

    /// Whether a name stands for an object, even for one that is not there.
    fn names_something(&self, rev: &str, context: Context<'_>) -> Result<bool, RepoError> {
        let mut command = self.command();
        command.args(["rev-parse", "--verify", "--quiet", "--end-of-options", rev]);
        Ok(run(command, context)?.success)
    }

    /// The commit of HEAD, if any.
    pub(super) fn head_or_none(&self, context: Context<'_>) -> Result<Option<String>, RepoError> {
        self.resolve("HEAD", context)
    }

    pub(super) fn empty(&self, context: Context<'_>) -> RepoError {
        context.error(RepoErrorKind::Empty, "HEAD has no commit yet").hint(
            "nothing was pushed, or HEAD names a branch that does not exist; read other branches with refs=\"all\"",
        )
    }

    fn resolve(&self, rev: &str, context: Context<'_>) -> Result<Option<String>, RepoError> {
        let mut command = self.command();
        command.args(["rev-parse", "--verify", "--quiet", "--end-of-options"]).arg(format!("{rev}^{{commit}}"));
        let output = run(command, context)?;
        Ok(output.success.then(|| output.text().trim().to_owned()).filter(|id| !id.is_empty()))
    }

    pub(super) fn max_children(&self) -> usize {
        self.max_children
    }

    /// A hardened git command for exactly this repository.
    pub(super) fn command(&self) -> Command {
        self.git.command(Some(&self.top))
    }

    pub(super) fn git(&self) -> &Git {
        &self.git
    }

    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    pub(super) fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    pub(super) fn hash(&self) -> gix_hash::Kind {
        self.hash
    }
}

/// A regular file of a commit.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub id: String,
    pub path: Vec<u8>,
}

/// Where children run, if `folder` is the top of a repository: there, or above a `.git` folder that was named itself.
fn top_of(folder: &Path) -> Option<PathBuf> {
    let dot_git = folder.join(".git");
    if dot_git.is_file() || looks_like_git_dir(&dot_git) {
        return Some(folder.to_owned());
    }
    if !looks_like_git_dir(folder) {
        return None;
    }
    match folder.parent() {
        Some(above) if folder.file_name().is_some_and(|name| name == ".git") => Some(above.to_owned()),
        _ => Some(folder.to_owned()),
    }
}

fn looks_like_git_dir(folder: &Path) -> bool {
    // HEAD may be a symbolic link to a branch that does not exist yet.
    folder.join("HEAD").symlink_metadata().is_ok()
        && (folder.join("commondir").is_file() || (folder.join("objects").is_dir() && folder.join("refs").is_dir()))
}

#[cfg(unix)]
pub(super) fn bytes_to_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
pub(super) fn bytes_to_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}
