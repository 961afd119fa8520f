//! What a mirror's HEAD, branches and tags point to, read from its files (mirrors are made with git's files format).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Branches and tags by full name.
pub(super) type Refs = BTreeMap<String, String>;

/// Where HEAD points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Head {
    /// A branch, by full name, born or not.
    Branch(String),
    /// A commit.
    Detached(String),
}

/// Where the remote's HEAD is put while a fetch runs.
pub(super) const REMOTE_HEAD: &str = "refs/simul/HEAD";

/// Reads all branches and tags.
pub(super) fn read(mirror: &Path) -> io::Result<Refs> {
    let mut refs = Refs::new();
    match std::fs::read_to_string(mirror.join("packed-refs")) {
        Ok(packed) => {
            for line in packed.lines().filter(|line| !line.starts_with(['#', '^'])) {
                if let Some((oid, name)) = line.split_once(' ') {
                    refs.insert(name.to_owned(), oid.to_owned());
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    read_loose(mirror, "refs", &mut refs)?;
    refs.retain(|name, _| name.starts_with("refs/heads/") || name.starts_with("refs/tags/"));
    Ok(refs)
}

fn read_loose(mirror: &Path, name: &str, refs: &mut Refs) -> io::Result<()> {
    for entry in std::fs::read_dir(mirror.join(name))? {
        let entry = entry?;
        // A mirror is UTF-8 or lossy alike on both sides of a comparison.
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read_loose(mirror, &name, refs)?;
        } else if !name.ends_with(".lock") {
            refs.insert(name, std::fs::read_to_string(entry.path())?.trim().to_owned());
        }
    }
    Ok(())
}

/// Reads HEAD.
pub(super) fn head(mirror: &Path) -> io::Result<Head> {
    let text = std::fs::read_to_string(mirror.join("HEAD"))?;
    Ok(match text.trim().strip_prefix("ref: ") {
        Some(name) => Head::Branch(name.trim().to_owned()),
        None => Head::Detached(text.trim().to_owned()),
    })
}

/// Points HEAD elsewhere, all or nothing.
pub(super) fn set_head(mirror: &Path, head: &Head) -> io::Result<()> {
    let text = match head {
        Head::Branch(name) => format!("ref: {name}\n"),
        Head::Detached(oid) => format!("{oid}\n"),
    };
    let mut file = tempfile::Builder::new().prefix("HEAD.").tempfile_in(mirror)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(mirror.join("HEAD")).map_err(|error| error.error)?;
    Ok(())
}

/// Takes the remote's HEAD as the last fetch left it: the object, or none if it is unborn.
pub(super) fn take_remote_head(mirror: &Path) -> io::Result<Option<String>> {
    let path = mirror.join(REMOTE_HEAD);
    match std::fs::read_to_string(&path) {
        Ok(oid) => {
            std::fs::remove_file(&path)?;
            Ok(Some(oid.trim().to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads what `git ls-remote --symref` says of HEAD.
pub(super) fn symbolic_head(listing: &str) -> Option<Head> {
    let of_head =
        |line: &str| line.split_once('\t').filter(|(_, name)| *name == "HEAD").map(|(value, _)| value.to_owned());
    let values: Vec<String> = listing.lines().filter_map(of_head).collect();
    let branch = values.iter().find_map(|value| value.strip_prefix("ref: "));
    match branch {
        Some(name) => Some(Head::Branch(name.to_owned())),
        None => values.into_iter().next().map(Head::Detached),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_tells_where_head_points() {
        let oid = "8f29e967b7deac01b819082946a1dbf6fc8eedda";
        let with = format!("ref: refs/heads/main\tHEAD\n{oid}\tHEAD\n{oid}\trefs/remotes/origin/HEAD\n");
        assert_eq!(symbolic_head(&with), Some(Head::Branch("refs/heads/main".into())));
        assert_eq!(symbolic_head(&format!("{oid}\tHEAD\n")), Some(Head::Detached(oid.into())));
        assert_eq!(symbolic_head(&format!("{oid}\trefs/heads/HEAD\n")), None);
    }
}
