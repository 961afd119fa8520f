//! Clones that are not complete: each in a folder of its own, removed unless it was put in its place.

use super::lock::try_lock;
use crate::cache::Cache;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A folder in the cache for one clone. Dropped, it goes with all that it holds.
#[derive(Debug)]
pub(super) struct Partial {
    folder: PathBuf,
    /// Held for as long as this process works on it: the sign by which others know that it is alive.
    _alive: File,
    owner: u32,
}

impl Partial {
    pub(super) fn new(cache: &Cache) -> io::Result<Self> {
        let _census = census(cache)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = cache.root().join(format!(".tmp-{name}"));
        cache.make(&folder)?;
        let alive = File::create(folder.join("alive"))?;
        if !try_lock(&alive)? {
            return Err(io::Error::other("a file that was just made is locked"));
        }
        Ok(Self { folder, _alive: alive, owner: std::process::id() })
    }

    /// Where the clone goes.
    pub(super) fn mirror(&self) -> PathBuf {
        self.folder.join("mirror.git")
    }

    /// Puts the clone in its place; what stood there goes with this folder.
    pub(super) fn place(&self, mirror: &Path) -> io::Result<()> {
        if mirror.symlink_metadata().is_ok() {
            std::fs::rename(mirror, self.folder.join("replaced.git"))?;
        }
        std::fs::rename(self.mirror(), mirror)?;
        sync_folder(mirror)?;
        mirror.parent().map_or(Ok(()), sync_folder)
    }
}

/// Makes the names in `folder` survive a crash of the system.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.owner == std::process::id() {
            remove(&self.folder);
        }
    }
}

/// A process that was killed may still be making a file while its folder is removed, so removing is tried again. What is
/// left after that is swept by whoever opens the cache next.
fn remove(folder: &Path) {
    for _ in 0..50 {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            _ => return,
        }
    }
}

/// Removes the folders of processes that are gone.
pub(super) fn sweep(cache: &Cache) -> io::Result<()> {
    let mut dead = Vec::new();
    {
        let _census = census(cache)?;
        for entry in std::fs::read_dir(cache.root())?.flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(".tmp-")) {
                // A folder without its file was left between two lines of `Partial::new`: as dead as can be, since the
                // census is ours.
                match File::open(entry.path().join("alive")) {
                    Ok(alive) if try_lock(&alive)? => dead.push((entry.path(), Some(alive))),
                    Ok(_) => {}
                    Err(_) => dead.push((entry.path(), None)),
                }
            }
        }
    }
    for (folder, _alive) in &dead {
        remove(folder);
    }
    Ok(())
}

/// Held for the moments in which folders are made or counted.
fn census(cache: &Cache) -> io::Result<File> {
    let file = File::create(cache.root().join("locks/census"))?;
    #[cfg(unix)]
    rustix::io::retry_on_intr(|| rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folders_of_the_dead_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(folder.path())).unwrap();
        let living = Partial::new(&cache).unwrap();
        std::fs::create_dir(living.mirror()).unwrap();
        let dead = folder.path().join(".tmp-dead");
        std::fs::create_dir_all(dead.join("mirror.git/objects")).unwrap();
        std::fs::write(dead.join("alive"), "").unwrap();
        std::fs::create_dir(folder.path().join(".tmp-unborn")).unwrap();
        sweep(&cache).unwrap();
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(".tmp-"))
            .collect();
        assert_eq!(left, std::slice::from_ref(&living.folder));
        drop(living);
        assert!(!left[0].exists());
    }
}
