//! Which files differ between two trees, in git's order, without decoding what is equal.

use super::objects::{Object, Reader};
use gix_hash::{ObjectId, oid};
use gix_object::Kind;
use std::cmp::Ordering;

/// A file's mode, as git normalises it.
pub(super) const GITLINK: u32 = 0o160_000;
/// A symbolic link.
pub(super) const SYMLINK: u32 = 0o120_000;
const TREE: u32 = 0o040_000;
const FORMAT: u32 = 0o170_000;

/// One file on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Side {
    pub mode: u32,
    pub id: ObjectId,
}

/// One file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub path: Vec<u8>,
    pub old: Option<Side>,
    pub new: Option<Side>,
}

impl Difference {
    /// git's letter for it, renames not considered.
    pub(super) fn status(&self) -> char {
        match (self.old, self.new) {
            (None, _) => 'A',
            (_, None) => 'D',
            (Some(old), Some(new)) if old.mode & FORMAT != new.mode & FORMAT => 'T',
            _ => 'M',
        }
    }
}

/// A tree that only git should judge: missing, damaged, unsorted, or nested beyond reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strange;

/// Deeper than any path that a system accepts (git's own limit is 2048).
const DEEPEST: usize = 1024;

/// Appends the files that differ between two trees to `out`.
pub(super) fn differences(
    reader: &mut Reader<'_>,
    old: Option<&oid>,
    new: Option<&oid>,
    out: &mut Vec<Difference>,
) -> Result<(), Strange> {
    let mut path = Vec::new();
    trees(reader, old, new, &mut path, 0, out)
}

fn trees(
    reader: &mut Reader<'_>,
    old: Option<&oid>,
    new: Option<&oid>,
    path: &mut Vec<u8>,
    depth: usize,
    out: &mut Vec<Difference>,
) -> Result<(), Strange> {
    if depth > DEEPEST {
        return Err(Strange);
    }
    let old_tree = old.map(|id| tree(reader, id)).transpose()?;
    let new_tree = new.map(|id| tree(reader, id)).transpose()?;
    let bytes = |tree: &Option<std::sync::Arc<Object>>| tree.as_ref().map_or(0..0, |tree| 0..tree.data.len());
    let old_bytes = old_tree.as_ref().map_or(&[][..], |tree| &tree.data[bytes(&old_tree)]);
    let new_bytes = new_tree.as_ref().map_or(&[][..], |tree| &tree.data[bytes(&new_tree)]);
    let hash_len = old.or(new).map_or(20, |id| id.as_bytes().len());
    let mut olds = Entries { rest: old_bytes, hash_len };
    let mut news = Entries { rest: new_bytes, hash_len };
    let (mut left, mut right) = (olds.next()?, news.next()?);
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.order(right),
        };
        let before = if order.is_le() { left.take() } else { None };
        let after = if order.is_ge() { right.take() } else { None };
        if before.as_ref().zip(after.as_ref()).is_none_or(|(a, b)| a.mode != b.mode || a.id != b.id) {
            let name = before.as_ref().or(after.as_ref()).map_or(&[][..], |entry| entry.name);
            let length = path.len();
            path.extend_from_slice(name);
            // Entries of one order are both folders or both files: a folder sorts as if its name ended in a slash.
            let folders = before.as_ref().or(after.as_ref()).is_some_and(|entry| entry.mode == TREE);
            if folders {
                path.push(b'/');
                trees(reader, before.as_ref().map(|e| e.id), after.as_ref().map(|e| e.id), path, depth + 1, out)?;
            } else {
                let side = |entry: &Entry<'_>| Side { mode: entry.mode, id: entry.id.to_owned() };
                out.push(Difference {
                    path: path.clone(),
                    old: before.as_ref().map(side),
                    new: after.as_ref().map(side),
                });
            }
            path.truncate(length);
        }
        if order.is_le() {
            left = olds.next()?;
        }
        if order.is_ge() {
            right = news.next()?;
        }
    }
}

fn tree(reader: &mut Reader<'_>, id: &oid) -> Result<std::sync::Arc<Object>, Strange> {
    // The empty tree need not be stored.
    let object = reader.get(id).map_err(|_| Strange)?;
    if object.kind != Kind::Tree {
        return Err(Strange);
    }
    if !object.is_sound() {
        check(&object.data, id.as_bytes().len())?;
        object.mark_sound();
    }
    Ok(object)
}

/// Entries must be sorted and named once: else git's own way through the tree decides what differs.
fn check(data: &[u8], hash_len: usize) -> Result<(), Strange> {
    let mut entries = Entries { rest: data, hash_len };
    let mut previous: Option<Entry<'_>> = None;
    while let Some(entry) = entries.next()? {
        if entry.name.is_empty() || entry.name.contains(&b'/') {
            return Err(Strange);
        }
        if let Some(previous) = previous
            && (previous.order(&entry).is_ge() || previous.name == entry.name)
        {
            return Err(Strange);
        }
        previous = Some(entry);
    }
    Ok(())
}

struct Entry<'a> {
    mode: u32,
    name: &'a [u8],
    id: &'a oid,
}

impl Entry<'_> {
    /// Git's order of names in a tree.
    fn order(&self, other: &Self) -> Ordering {
        let shared = self.name.len().min(other.name.len());
        self.name[..shared].cmp(&other.name[..shared]).then_with(|| {
            let after =
                |entry: &Self| entry.name.get(shared).copied().unwrap_or(if entry.mode == TREE { b'/' } else { 0 });
            after(self).cmp(&after(other))
        })
    }
}

struct Entries<'a> {
    rest: &'a [u8],
    hash_len: usize,
}

impl<'a> Entries<'a> {
    fn next(&mut self) -> Result<Option<Entry<'a>>, Strange> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let mut mode = 0u32;
        let mut at = 0;
        loop {
            match self.rest.get(at) {
                Some(digit @ b'0'..=b'7') if at < 7 => mode = mode << 3 | u32::from(digit - b'0'),
                Some(b' ') if at > 0 => break,
                _ => return Err(Strange),
            }
            at += 1;
        }
        let rest = &self.rest[at + 1..];
        let end = rest.iter().position(|byte| *byte == 0).ok_or(Strange)?;
        let (id, after) = rest[end + 1..].split_at_checked(self.hash_len).ok_or(Strange)?;
        self.rest = after;
        let id = oid::try_from_bytes(id).map_err(|_| Strange)?;
        Ok(Some(Entry { mode: normal(mode), name: &rest[..end], id }))
    }
}

/// git knows five modes; anything else is read as one of them.
fn normal(mode: u32) -> u32 {
    match mode & FORMAT {
        0o100_000 if mode & 0o100 != 0 => 0o100_755,
        0o100_000 => 0o100_644,
        SYMLINK => SYMLINK,
        TREE => TREE,
        _ => GITLINK,
    }
}
