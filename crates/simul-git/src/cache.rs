//! Where mirrors live.
//!
//! ```text
//! <cache>/CACHEDIR.TAG, askpass-1.sh
//! <cache>/<host>/<name>-<16 hex of SHA-256 of the canonical address>.git    a mirror; there only when complete
//! <cache>/locks/<16 hex>.lock                                             who may write it
//! <cache>/.tmp-<random>/                                                  a clone that is not complete yet
//! ```
//! The hash keeps Foo and foo, and alice/hw1 and bob/hw1, apart on any disk.

use crate::source::Remote;
use crate::{RepoError, RepoErrorKind};
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};

/// The folder of mirrors.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cache {
    root: PathBuf,
}

/// Marks the folder as one that backups may leave out. Source: the Cache Directory Tagging Specification.
const TAG: &str =
    "Signature: 8a477f597d28d172789f06886806bc55\n# Mirrors made by simul. They may be deleted at any time.\n";

impl Cache {
    /// Opens the folder, making it (for its owner alone) where it is missing.
    ///
    /// # Args
    /// - `root`: the folder; default `$SIMUL_CACHE`, else `$XDG_CACHE_HOME/simul`, else `~/.cache/simul`.
    ///
    /// # Errors
    /// [`RepoErrorKind::Storage`] when it cannot be made or written, or belongs to somebody else.
    pub fn open(root: Option<&Path>) -> Result<Self, RepoError> {
        let root = match root {
            Some(root) => root.to_owned(),
            None => default_root().ok_or_else(|| {
                storage(Path::new("cache"), "no home folder to put the cache in").hint("set SIMUL_CACHE or give cache=")
            })?,
        };
        let root = std::path::absolute(&root).map_err(|error| storage(&root, error.to_string()))?;
        let cache = Self { root };
        cache.make(&cache.root).and_then(|()| cache.make(&cache.root.join("locks"))).map_err(|error| {
            storage(&cache.root, format!("the cache cannot be made: {error}"))
                .hint("give a folder that you can write with cache= or SIMUL_CACHE")
        })?;
        cache.check_owner()?;
        let tag = cache.root.join("CACHEDIR.TAG");
        if !tag.exists() {
            std::fs::write(&tag, TAG).map_err(|error| {
                storage(&cache.root, format!("the cache cannot be written: {error}"))
                    .hint("give a folder that you can write with cache= or SIMUL_CACHE")
            })?;
        }
        Ok(cache)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the mirror of `remote` is, or will be.
    pub fn mirror(&self, remote: &Remote) -> PathBuf {
        let host = match remote.host.as_str() {
            "" => remote.scheme.name().to_owned(),
            _ => plain(&remote.authority(), 80),
        };
        self.root.join(host).join(format!("{}-{}.git", plain(remote.name(), 40), hash(remote)))
    }

    pub(crate) fn lock(&self, remote: &Remote) -> PathBuf {
        self.root.join("locks").join(format!("{}.lock", hash(remote)))
    }

    /// Makes one folder below the root, private to its owner.
    pub(crate) fn make(&self, folder: &Path) -> io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)
    }

    /// Another user's cache could hold mirrors whose configuration starts programs.
    #[cfg(unix)]
    fn check_owner(&self) -> Result<(), RepoError> {
        use std::os::unix::fs::MetadataExt;
        let data = self.root.metadata().map_err(|error| storage(&self.root, error.to_string()))?;
        if data.uid() == rustix::process::geteuid().as_raw() {
            return Ok(());
        }
        Err(storage(&self.root, format!("the cache belongs to user id {}", data.uid()))
            .hint("give a folder of your own with cache= or SIMUL_CACHE"))
    }

    #[cfg(not(unix))]
    fn check_owner(&self) -> Result<(), RepoError> {
        Ok(())
    }
}

fn default_root() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    std::env::var_os("SIMUL_CACHE")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .or_else(|| folder("XDG_CACHE_HOME").map(|base| base.join("simul")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/simul")))
        .or_else(|| folder("LOCALAPPDATA").map(|base| base.join("simul")))
}

fn hash(remote: &Remote) -> String {
    let digest = Sha256::digest(remote.canonical.as_bytes());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `text` as a file name that every system takes, at most `length` bytes.
fn plain(text: &str, length: usize) -> String {
    let mut name: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' })
        .take(length)
        .collect();
    if name.starts_with(['.', '-']) {
        name.replace_range(..1, "_");
    }
    name
}

fn storage(path: &Path, detail: impl Into<String>) -> RepoError {
    RepoError::new(RepoErrorKind::Storage, &path.to_string_lossy(), "opening the cache", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn mirror(cache: &Cache, text: &str) -> String {
        let Source::Remote(remote) = Source::parse(text).unwrap() else { panic!("{text}") };
        cache.mirror(&remote).strip_prefix(cache.root()).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn mirrors_stay_apart_on_any_disk() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&folder.path().join("a/b"))).unwrap();
        let texts = [
            "https://h/alice/hw1",
            "https://h/bob/hw1",
            "https://h/alice/HW1",
            "https://h:8443/alice/hw1",
            "https://h/..%2f..%2fetc",
            "git@h:alice/hw1",
            "file:///srv/hw1",
            "https://h/con",
        ];
        let paths: std::collections::HashSet<String> =
            texts.iter().map(|text| mirror(&cache, text).to_lowercase()).collect();
        assert_eq!(paths.len(), texts.len(), "{paths:?}");
        for path in paths {
            let parts: Vec<&str> = path.split('/').collect();
            assert!(parts.len() == 2 && parts.iter().all(|part| !part.starts_with('.')), "{path}");
            assert!(path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)), "{path}");
        }
        assert_eq!(mirror(&cache, "https://h/alice/hw1"), mirror(&cache, "https://H/alice/hw1.git/"));
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&folder.path().join("cache"))).unwrap();
        assert_eq!(cache.root().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_said() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Cache::open(Some(&file.path().join("cache"))).unwrap_err();
        assert_eq!(error.kind, RepoErrorKind::Storage);
        assert!(error.hint.is_some());
    }
}
