//! One writer for each mirror, over threads and processes.
//!
//! The lock is `flock` on a file beside the mirror: the system lets go of it when its holder dies. The file's text counts
//! the syncs that succeeded, so that whoever waited knows that the work was done meanwhile, and says whether a writer was
//! at work, so that the next one tidies up after one that was killed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a held lock is asked for. Waiting must neither block a thread nor outlive its caller, which `flock` would.
const ASK_AGAIN: Duration = Duration::from_millis(25);

/// The right to write one mirror.
#[derive(Debug)]
pub(super) struct MirrorLock {
    file: File,
    count: u64,
    mirror: PathBuf,
    owner: u32,
}

/// What the lock's file said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Note {
    count: u64,
    busy: bool,
}

/// How many syncs of the mirror have succeeded so far.
pub(super) fn count(path: &Path) -> u64 {
    File::open(path).and_then(|mut file| read(&mut file)).unwrap_or_default().count
}

fn read(file: &mut File) -> io::Result<Note> {
    let mut text = String::new();
    file.rewind()?;
    file.take(64).read_to_string(&mut text)?;
    let mut words = text.split_whitespace();
    Ok(Note {
        count: words.next().and_then(|count| count.parse().ok()).unwrap_or(0),
        busy: words.next() == Some("busy"),
    })
}

impl MirrorLock {
    /// Waits for the lock of `mirror`, then tidies up what a killed writer left.
    ///
    /// # Cancellation
    /// Dropped while it waits, it leaves nothing.
    pub(super) async fn acquire(path: &Path, mirror: PathBuf) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        while !try_lock(&file)? {
            tokio::time::sleep(ASK_AGAIN).await;
        }
        let note = read(&mut file)?;
        let mut lock = Self { file, count: note.count, mirror, owner: std::process::id() };
        if note.busy {
            tidy(&lock.mirror);
        }
        lock.write(true)?;
        Ok(lock)
    }

    /// How many syncs have succeeded.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// One more has succeeded.
    pub(super) fn succeeded(&mut self) -> io::Result<()> {
        self.count += 1;
        self.write(true)
    }

    fn write(&mut self, busy: bool) -> io::Result<()> {
        // Always as long as before: a reader that asks without the lock never sees half a number.
        let text = format!("{:020} {}\n", self.count, if busy { "busy" } else { "idle" });
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for MirrorLock {
    fn drop(&mut self) {
        if self.owner != std::process::id() {
            // Inherited by fork: the lock is the parent's, and unlocking here would take it away from it.
            return;
        }
        tidy(&self.mirror);
        // Unwritten, the next holder tidies once more: harmless.
        let _ = self.write(false);
        unlock(&self.file);
    }
}

/// Removes what a killed git leaves in a mirror: packs that were never finished and locks that nobody holds.
fn tidy(mirror: &Path) {
    for name in ["HEAD.lock", "packed-refs.lock", "config.lock", "shallow.lock"] {
        let _ = std::fs::remove_file(mirror.join(name));
    }
    remove_in(&mirror.join("objects/pack"), 0, &|name| name.starts_with("tmp_") || name.starts_with(".tmp-"));
    remove_in(&mirror.join("refs"), 40, &|name| name.ends_with(".lock"));
}

fn remove_in(folder: &Path, depth: usize, unwanted: &dyn Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth > 0 {
            remove_in(&entry.path(), depth - 1, unwanted);
        } else if !is_folder && entry.file_name().to_str().is_some_and(unwanted) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Takes the lock if nobody holds it. Never waits.
#[cfg(unix)]
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    match rustix::io::retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(unix)]
fn unlock(file: &File) {
    // Said, and not left to closing: a forked process may hold the same description.
    let _ = rustix::fs::flock(file, rustix::fs::FlockOperation::Unlock);
}

/// Other systems have no such lock in the standard library of the oldest compiler that is supported: there, one process
/// at a time may use a cache. Untested.
#[cfg(not(unix))]
pub(super) fn try_lock(_file: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(not(unix))]
fn unlock(_file: &File) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn one_holder_at_a_time_and_the_count_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mirror) = (folder.path().join("x.lock"), folder.path().join("x.git"));
        assert_eq!(count(&path), 0);
        block_on(async {
            let mut first = MirrorLock::acquire(&path, mirror.clone()).await.unwrap();
            tokio::select! {
                biased;
                _ = MirrorLock::acquire(&path, mirror.clone()) => panic!("two holders"),
                () = std::future::ready(()) => {}
            }
            first.succeeded().unwrap();
            assert_eq!(count(&path), 1);
            let second = MirrorLock::acquire(&path, mirror.clone());
            let (second, ()) = tokio::join!(second, async { drop(first) });
            assert_eq!(second.unwrap().count(), 1);
        });
    }

    #[test]
    fn what_a_killed_writer_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mirror) = (folder.path().join("x.lock"), folder.path().join("x.git"));
        for made in [
            "objects/pack/tmp_pack_x",
            "objects/pack/pack-1.pack",
            "refs/heads/a/b.lock",
            "refs/heads/a/c",
            "HEAD.lock",
            "HEAD",
        ] {
            let file = mirror.join(made);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        std::fs::write(&path, "00000000000000000007 busy\n").unwrap();
        let lock = block_on(MirrorLock::acquire(&path, mirror.clone())).unwrap();
        assert_eq!(lock.count(), 7);
        let left = |name: &str| mirror.join(name).exists();
        assert!(left("objects/pack/pack-1.pack") && left("refs/heads/a/c") && left("HEAD"));
        assert!(!left("objects/pack/tmp_pack_x") && !left("refs/heads/a/b.lock") && !left("HEAD.lock"));
    }
}
