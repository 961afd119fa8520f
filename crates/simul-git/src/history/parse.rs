//! What `git diff-tree --stdin -r --root -z --raw --numstat` answers.
//!
//! For each commit: its id, raw records (`:old-mode new-mode old-id new-id status`, path or two paths), then numstat
//! records (`added<TAB>deleted<TAB>path`, or an empty path and two more for a rename), each ended by NUL. Then
//! [`END`], which git echoes because it is no object id, and after which it flushes.

use crate::record::Change;
use std::io::{self, BufRead};

/// The line that ends each answer: git echoes what is not an object id.
pub(super) const END: &[u8] = b"=\n";

/// Reads the answer for one commit, which the answer may name or (without any difference) leave out.
pub(super) fn changes(answer: &mut impl BufRead) -> io::Result<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    let mut numbers = Vec::new();
    let mut token = Vec::new();
    loop {
        match answer.fill_buf()?.first() {
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(b'=') => {
                token.clear();
                answer.read_until(b'\n', &mut token)?;
                if token != END {
                    return Err(malformed(&token));
                }
                join(&mut changes, numbers)?;
                return Ok(changes);
            }
            Some(_) => {}
        }
        next(answer, &mut token)?;
        if token.starts_with(b"::") {
            let change = combined(&token, answer)?;
            changes.push(change);
        } else if token.first() == Some(&b':') {
            let change = raw(&token, answer)?;
            changes.push(change);
        } else if token.contains(&b'\t') {
            let number = numstat(&token, answer)?;
            numbers.push(number);
        } else if !token.iter().all(u8::is_ascii_hexdigit) {
            return Err(malformed(&token));
        }
    }
}

/// One record up to its NUL, without it.
fn next(answer: &mut impl BufRead, token: &mut Vec<u8>) -> io::Result<()> {
    token.clear();
    answer.read_until(0, token)?;
    match token.pop() {
        Some(0) => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn path(answer: &mut impl BufRead) -> io::Result<String> {
    let mut token = Vec::new();
    next(answer, &mut token)?;
    Ok(text(&token))
}

fn raw(token: &[u8], answer: &mut impl BufRead) -> io::Result<Change> {
    let fields: Vec<&[u8]> = token[1..].split(|byte| *byte == b' ').collect();
    let [old_mode, new_mode, old_oid, new_oid, status] = fields[..] else { return Err(malformed(token)) };
    let [letter, score @ ..] = status else { return Err(malformed(token)) };
    let mut change = Change {
        status: char::from(*letter),
        similarity: number(score),
        old_mode: mode(old_mode, token)?,
        new_mode: mode(new_mode, token)?,
        old_oid: oid(old_oid),
        new_oid: oid(new_oid),
        path: path(answer)?,
        ..Change::default()
    };
    if matches!(letter, b'R' | b'C') {
        change.old_path = Some(std::mem::replace(&mut change.path, path(answer)?));
    } else {
        // A dissimilarity (a rewrite under -B) is no similarity.
        change.similarity = None;
    }
    Ok(change)
}

/// `::mode mode new-mode oid oid new-oid MM`: a merge, of which the first parent's columns are kept.
fn combined(token: &[u8], answer: &mut impl BufRead) -> io::Result<Change> {
    let parents = token.iter().take_while(|byte| **byte == b':').count();
    let fields: Vec<&[u8]> = token[parents..].split(|byte| *byte == b' ').collect();
    if fields.len() != 2 * (parents + 1) + 1 {
        return Err(malformed(token));
    }
    let (modes, rest) = fields.split_at(parents + 1);
    let letter = rest[parents + 1].first().ok_or_else(|| malformed(token))?;
    Ok(Change {
        status: char::from(*letter),
        old_mode: mode(modes[0], token)?,
        new_mode: mode(modes[parents], token)?,
        old_oid: oid(rest[0]),
        new_oid: oid(rest[parents]),
        path: path(answer)?,
        ..Change::default()
    })
}

struct Numbers {
    path: String,
    old_path: Option<String>,
    additions: Option<u64>,
    deletions: Option<u64>,
}

fn numstat(token: &[u8], answer: &mut impl BufRead) -> io::Result<Numbers> {
    let mut fields = token.splitn(3, |byte| *byte == b'\t');
    let (Some(added), Some(deleted), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(malformed(token));
    };
    let count = |field: &[u8]| match field {
        b"-" => Ok(None),
        _ => number(field).map(Some).ok_or_else(|| malformed(token)),
    };
    let (old_path, path) = match name {
        b"" => (Some(path(answer)?), path(answer)?),
        name => (None, text(name)),
    };
    Ok(Numbers { path, old_path, additions: count(added)?, deletions: count(deleted)? })
}

/// Gives each changed file its numbers. Both lists have the same order; a merge's numbers cover more files than its
/// combined records, which have no old name of their own.
fn join(changes: &mut [Change], numbers: Vec<Numbers>) -> io::Result<()> {
    let mut numbers = numbers.into_iter();
    for change in changes {
        let found = numbers.find(|number| number.path == change.path);
        let number = found.ok_or_else(|| malformed(change.path.as_bytes()))?;
        change.additions = number.additions;
        change.deletions = number.deletions;
        if change.old_path.is_none() {
            change.old_path = number.old_path;
        }
    }
    Ok(())
}

fn mode(field: &[u8], token: &[u8]) -> io::Result<u32> {
    std::str::from_utf8(field).ok().and_then(|field| u32::from_str_radix(field, 8).ok()).ok_or_else(|| malformed(token))
}

fn oid(field: &[u8]) -> Option<String> {
    (!field.iter().all(|byte| *byte == b'0')).then(|| text(field))
}

fn number<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn malformed(token: &[u8]) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected answer {:?}", text(token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn a_rename_a_binary_and_a_strange_path_are_read() {
        let answer = format!(
            "{A}\0:100644 100755 {A} {B} R087\0old\0new\0:000000 100644 {} {B} A\0tab\there\n\0\
             3\t1\t\0old\0new\0-\t-\ttab\there\n\0=\nrest",
            "0".repeat(40)
        );
        let mut reader = answer.as_bytes();
        let changes = changes(&mut reader).expect("well formed");
        assert_eq!(reader, b"rest");
        assert_eq!(changes.len(), 2);
        assert_eq!((changes[0].path.as_str(), changes[0].old_path.as_deref()), ("new", Some("old")));
        assert_eq!((changes[0].similarity, changes[0].additions, changes[0].deletions), (Some(87), Some(3), Some(1)));
        assert_eq!((changes[0].old_mode, changes[0].new_mode), (0o100_644, 0o100_755));
        assert_eq!(changes[1].path, "tab\there\n");
        assert_eq!((changes[1].additions, changes[1].old_oid.as_deref(), changes[1].status), (None, None, 'A'));
    }

    #[test]
    fn a_merge_keeps_the_files_that_differ_from_every_parent() {
        let answer = format!("{A}\x002\t0\tf\x001\t0\tg\0::100644 100644 100644 {A} {B} {A} MM\0f\0=\n");
        let changes = changes(&mut answer.as_bytes()).expect("well formed");
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].path.as_str(), changes[0].additions, changes[0].status), ("f", Some(2), 'M'));
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error() {
        for answer in ["", "aaaa", ":100644 100644 a b M\0f", "1\t1\tf\0", "=", "x y\0=\n", ":1 2\0f\0=\n"] {
            assert!(changes(&mut answer.as_bytes()).is_err(), "{answer:?}");
        }
        assert!(changes(&mut &b"=\n"[..]).expect("no difference").is_empty());
    }
}
