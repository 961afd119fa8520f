//! Files that appear whole or not at all.

use super::{Format, Table, TableKind, TableWriter};
use simul_core::{Error, Kind, Result};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is being written under a temporary name in its own folder.
///
/// [`commit`](PendingFile::commit) gives it its name; dropped before that, it leaves nothing behind. An existing file
/// keeps its permissions and stays as it was until then. What is no regular file (a pipe, `/dev/stdout`) is written directly.
#[derive(Debug)]
pub struct PendingFile {
    target: PathBuf,
    output: BufWriter<Output>,
    bytes: u64,
}

#[derive(Debug)]
enum Output {
    Temporary(NamedTempFile),
    Direct(File),
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Temporary(file) => file.write(bytes),
            Output::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Temporary(file) => file.flush(),
            Output::Direct(file) => file.flush(),
        }
    }
}

impl PendingFile {
    /// Starts a file that will be called `path`.
    ///
    /// # Errors
    /// `Kind::Store` if its folder does not exist or cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        Self::open(path).map_err(|error| disk_error(error, &path.display().to_string()))
    }

    fn open(path: &Path) -> io::Result<Self> {
        let existing = fs::metadata(path).ok();
        if existing.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let is_special = existing.as_ref().is_some_and(|metadata| !metadata.is_file()) || path.starts_with("/dev");
        if is_special {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self::over(path.to_owned(), Output::Direct(file)));
        }
        // A link stays a link: the file that it points to is the one that is replaced.
        let target = if existing.is_some() { fs::canonicalize(path)? } else { path.to_owned() };
        let file = tempfile::Builder::new()
            .prefix(".simul-")
            .suffix(".part")
            .permissions(new_file_permissions(existing))
            .tempfile_in(folder(&target))
            // Its text names the temporary file, which says nothing to the caller.
            .map_err(|error| io::Error::from(error.kind()))?;
        Ok(Self::over(target, Output::Temporary(file)))
    }

    fn over(target: PathBuf, output: Output) -> Self {
        Self { target, output: BufWriter::with_capacity(1 << 16, output), bytes: 0 }
    }

    /// Puts the file on disk under its name.
    ///
    /// # Returns
    /// Its size in bytes.
    ///
    /// # Errors
    /// `Kind::Store`; nothing is left then, and a file that had the name before is untouched.
    pub fn commit(self) -> Result<u64> {
        let Self { target, output, bytes } = self;
        let name = target.display().to_string();
        let stored = || -> io::Result<()> {
            match output.into_inner().map_err(io::IntoInnerError::into_error)? {
                Output::Direct(mut file) => file.flush(),
                Output::Temporary(file) => {
                    file.as_file().sync_all()?;
                    file.persist(&target).map_err(|error| error.error)?;
                    // The name is durable once its folder is; where a folder cannot be synced, the rename has to do.
                    let _ = File::open(folder(&target)).and_then(|folder| folder.sync_all());
                    Ok(())
                }
            }
        };
        stored().map_err(|error| disk_error(error, &name)).map(|()| bytes)
    }
}

impl Write for PendingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.output.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Those of the file that is replaced, else the usual ones (the umask still applies), not a temporary file's 0600.
fn new_file_permissions(existing: Option<fs::Metadata>) -> Permissions {
    match existing {
        Some(metadata) => metadata.permissions(),
        None => usual_permissions(),
    }
}

#[cfg(unix)]
fn usual_permissions() -> Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

#[cfg(not(unix))]
fn usual_permissions() -> Permissions {
    // There is no other way to make a `Permissions` here; any ordinary folder's will do.
    fs::metadata(".").map(|metadata| metadata.permissions()).expect("the current folder exists")
}

/// What a finished file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
}

/// A file of one table, written piece by piece: dropped before [`finish`](TableFile::finish) it leaves nothing behind.
///
/// # Cost
/// Memory as [`TableWriter`] says; the disk is synced once, at the end.
#[derive(Debug)]
pub struct TableFile(TableWriter<PendingFile>);

impl TableFile {
    /// Starts the file `path`.
    ///
    /// # Errors
    /// `Kind::Store` if it cannot be made there.
    pub fn create(path: &Path, format: Format, kind: TableKind) -> Result<Self> {
        TableWriter::new(PendingFile::create(path)?, format, kind).map(Self)
    }

    /// Adds the rows of `table`.
    ///
    /// # Errors
    /// `Kind::Store` if the disk is full; `Kind::Invalid` if `table` is of another kind.
    pub fn write(&mut self, table: &Table) -> Result<()> {
        self.0.write(table)
    }

    /// Puts the file on disk under its name.
    ///
    /// # Errors
    /// `Kind::Store`; nothing is left then.
    pub fn finish(self) -> Result<Written> {
        let rows = self.0.rows();
        let bytes = self.0.finish()?.commit()?;
        Ok(Written { rows, bytes })
    }
}

impl Table {
    /// Writes the table to the file `path`, which appears whole or not at all.
    ///
    /// # Errors
    /// `Kind::Store`, saying what to do next.
    ///
    /// # Example
    /// ```
    /// use simul_git::table::{Format, Table, TableKind};
    /// let folder = tempfile::tempdir()?;
    /// let written = Table::empty(TableKind::Commits).save(&folder.path().join("commits.parquet"), Format::Parquet)?;
    /// assert_eq!(written.rows, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: &Path, format: Format) -> Result<Written> {
        let mut file = TableFile::create(path, format, self.kind())?;
        file.write(self)?;
        file.finish()
    }
}

/// `error` while writing `what`, with what to do next.
#[cold]
pub(super) fn disk_error(error: io::Error, what: &str) -> Error {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space or choose another folder"
        }
        io::ErrorKind::FileTooLarge => {
            "the file would be larger than allowed: raise the limit or choose another folder"
        }
        io::ErrorKind::PermissionDenied => "no permission: choose a folder that you may write to",
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only: choose another folder",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "there is no such folder: create it first",
        io::ErrorKind::IsADirectory => "that is a folder: give a file's name",
        io::ErrorKind::BrokenPipe => "the reader has gone",
        _ => "check the disk and try again",
    };
    Error::new(Kind::Store, format!("cannot write {what}: {error}; {advice}")).with_source(error)
}
