//! A folder that appears whole or not at all: written beside its place, then swapped in by rename.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file by which a folder is known as a report.
pub const MANIFEST: &str = "manifest.json";

/// A report folder that is being written.
///
/// Dropped before [`ReportFolder::publish`], it removes what was written; what stood there before stays as it was.
///
/// # Example
/// ```
/// use simul_git::report::ReportFolder;
/// let home = tempfile::tempdir().unwrap();
/// let place = home.path().join("simul-report");
/// let folder = ReportFolder::create(&place).unwrap();
/// std::fs::write(folder.path().join("manifest.json"), "{}").unwrap();
/// assert!(!place.exists());
/// folder.publish().unwrap();
/// assert!(place.join("manifest.json").exists());
/// ```
#[derive(Debug)]
pub struct ReportFolder {
    target: PathBuf,
    temporary: tempfile::TempDir,
}

/// Why a report folder could not be written.
#[derive(Debug)]
pub enum FolderError {
    /// Something stands there that simul did not write.
    Taken(PathBuf),
    /// The disk said no.
    Io(PathBuf, io::Error),
}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(path) => write!(
                f,
                "{} exists and is not a simul report (it has no {MANIFEST} of one): choose another folder with -o, or empty it",
                path.display()
            ),
            Self::Io(path, error) => match error.kind() {
                io::ErrorKind::StorageFull => {
                    write!(f, "{}: the disk is full: free some space or choose another folder with -o", path.display())
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    write!(f, "{}: not writable: choose another folder with -o", path.display())
                }
                _ => write!(f, "{}: {error}", path.display()),
            },
        }
    }
}

impl std::error::Error for FolderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Taken(_) => None,
            Self::Io(_, error) => Some(error),
        }
    }
}

impl ReportFolder {
    /// Makes the temporary folder beside `target`; missing parents are made.
    ///
    /// # Errors
    /// `target` holds something other than a report of simul, or its parent cannot be written.
    pub fn create(target: &Path) -> Result<Self, FolderError> {
        let at = |error| FolderError::Io(target.to_owned(), error);
        // A relative path must keep its meaning, and `..` or a trailing slash must not hide the name to swap.
        let target = std::path::absolute(target).map_err(at)?;
        let target = match fs::canonicalize(&target) {
            Ok(existing) => existing,
            Err(_) => target,
        };
        if !replaceable(&target).map_err(at)? {
            return Err(FolderError::Taken(target));
        }
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(FolderError::Taken(target));
        };
        fs::create_dir_all(parent).map_err(at)?;
        let temporary = tempfile::Builder::new()
            .prefix(&format!(".{}.tmp-", name.to_string_lossy()))
            .tempdir_in(parent)
            .map_err(at)?;
        Ok(Self { target, temporary })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Where it will stand.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Swaps the folder in; an older report goes.
    ///
    /// # Errors
    /// The renames failed, or something else stands there by now; what was there before is put back.
    pub fn publish(self) -> Result<PathBuf, FolderError> {
        let Self { target, temporary } = self;
        let at = |error| FolderError::Io(target.clone(), error);
        open_to_readers(temporary.path()).map_err(at)?;
        if !replaceable(&target).map_err(at)? {
            return Err(FolderError::Taken(target));
        }
        let old = temporary.path().with_extension("old");
        let had = match fs::rename(&target, &old) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(at(error)),
        };
        if let Err(error) = fs::rename(temporary.path(), &target) {
            if had {
                fs::rename(&old, &target).map_err(at)?;
            }
            return Err(at(error));
        }
        // It has moved: nothing is left to remove at the old name.
        let _ = temporary.keep();
        if had {
            fs::remove_dir_all(&old).map_err(at)?;
        }
        Ok(target)
    }
}

/// Nothing, an empty folder, or a report of simul.
fn replaceable(target: &Path) -> io::Result<bool> {
    let mut entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(false),
        Err(error) => return Err(error),
    };
    if entries.next().is_none() {
        return Ok(true);
    }
    let Ok(text) = fs::read(target.join(MANIFEST)) else { return Ok(false) };
    let manifest: Result<serde_json::Value, _> = serde_json::from_slice(&text);
    Ok(manifest.is_ok_and(|manifest| manifest.get("simul_version").is_some()))
}

/// A temporary folder is made for its owner only; a report gets what `mkdir` would give.
#[cfg(unix)]
fn open_to_readers(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let probe = path.join(".mode");
    fs::create_dir(&probe)?;
    let mode = fs::metadata(&probe)?.permissions().mode();
    fs::remove_dir(&probe)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn open_to_readers(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(path)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn publish(target: &Path, file: &str) -> Result<PathBuf, FolderError> {
        let folder = ReportFolder::create(target)?;
        fs::write(folder.path().join(MANIFEST), "{\"simul_version\": \"0.1.0\"}").expect("written");
        fs::write(folder.path().join(file), "x").expect("written");
        folder.publish()
    }

    #[test]
    fn a_report_replaces_a_report_whole() {
        let home = tempfile::tempdir().expect("a folder");
        let target = home.path().join("deep/er/out");
        publish(&target, "first").expect("published");
        publish(&target, "second").expect("published");
        assert_eq!(names(&target), [MANIFEST, "second"]);
        assert_eq!(names(target.parent().expect("a parent")), ["out"]);
    }

    #[test]
    fn an_abandoned_report_leaves_the_old_one() {
        let home = tempfile::tempdir().expect("a folder");
        let target = home.path().join("out");
        publish(&target, "first").expect("published");
        let folder = ReportFolder::create(&target).expect("created");
        fs::write(folder.path().join("half"), "x").expect("written");
        drop(folder);
        assert_eq!(names(home.path()), ["out"]);
        assert_eq!(names(&target), ["first", MANIFEST]);
    }

    #[test]
    fn what_simul_did_not_write_is_refused() {
        let home = tempfile::tempdir().expect("a folder");
        let target = home.path().join("thesis");
        fs::create_dir(&target).expect("made");
        publish(&target, "a").expect("an empty folder is fine");
        fs::write(target.join(MANIFEST), "{\"name\": \"a web app\"}").expect("written");
        assert!(matches!(publish(&target, "b"), Err(FolderError::Taken(_))));
        assert_eq!(names(&target), ["a", MANIFEST]);
        assert!(matches!(ReportFolder::create(&target.join("a")), Err(FolderError::Taken(_))));
        assert!(matches!(ReportFolder::create(Path::new("/")), Err(FolderError::Taken(_))));
    }
}
