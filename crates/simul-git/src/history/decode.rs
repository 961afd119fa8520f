//! A commit object as a row: headers, people, times, and text in whatever encoding it claims.
//!
//! As lenient as git: what cannot be read of a broken header is left empty, never an error.

use super::mailmap::Mailmap;
use crate::record::{Commit, Signature};
use std::borrow::Cow;

/// The parts of a commit object that a row needs.
#[derive(Debug, Default)]
pub(super) struct RawCommit<'a> {
    pub tree: &'a [u8],
    pub author: &'a [u8],
    pub committer: &'a [u8],
    pub encoding: Option<&'a [u8]>,
    pub message: &'a [u8],
}

impl<'a> RawCommit<'a> {
    pub(super) fn parse(data: &'a [u8]) -> Self {
        let mut commit = Self::default();
        let mut rest = data;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if line.is_empty() {
                break;
            }
            // A continued header (a signature, a merged tag) starts with a blank and matches nothing here.
            if let Some(value) = line.strip_prefix(b"tree ") {
                commit.tree = value;
            } else if let Some(value) = line.strip_prefix(b"author ") {
                commit.author = value;
            } else if let Some(value) = line.strip_prefix(b"committer ") {
                commit.committer = value;
            } else if let Some(value) = line.strip_prefix(b"encoding ") {
                commit.encoding = Some(value);
            }
        }
        // git keeps a message as a C string.
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        commit.message = &rest[..end];
        commit
    }

    /// The row, without numbers.
    pub(super) fn row(&self, sha: &str, parents: &[String], mailmap: &Mailmap) -> Commit {
        let text = |bytes| decode(bytes, self.encoding);
        let message = text(self.message);
        let (subject, body) = subject_and_body(&message);
        Commit {
            sha: sha.to_owned(),
            parents: parents.to_vec(),
            tree: String::from_utf8_lossy(self.tree).into_owned(),
            author: signature(&text(self.author), mailmap),
            committer: signature(&text(self.committer), mailmap),
            subject,
            body: body.trim_end_matches('\n').to_owned(),
            encoding: self.encoding.map(|name| String::from_utf8_lossy(name).into_owned()),
            is_merge: parents.len() > 1,
            ..Commit::default()
        }
    }
}

/// Bytes in the encoding that a commit claims, UTF-8 if it claims none or one that nobody knows.
pub(super) fn decode<'a>(bytes: &'a [u8], encoding: Option<&[u8]>) -> Cow<'a, str> {
    let Some(label) = encoding.map(|label| label.trim_ascii().to_ascii_lowercase()) else {
        return String::from_utf8_lossy(bytes);
    };
    // The web reads these labels as windows-1252; git's iconv does not.
    let label = label.as_slice();
    if matches!(label, b"iso-8859-1" | b"iso8859-1" | b"iso_8859-1" | b"latin1" | b"latin-1" | b"l1") {
        return bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into();
    }
    match encoding_rs::Encoding::for_label_no_replacement(label) {
        Some(encoding) if encoding != encoding_rs::UTF_8 => {
            match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
                Some(text) => Cow::Owned(text.into_owned()),
                // Like git, which shows the bytes as they are when they cannot be converted.
                None => String::from_utf8_lossy(bytes),
            }
        }
        _ => String::from_utf8_lossy(bytes),
    }
}

/// git's %s and %b: the first paragraph on one line, and what follows the blank lines after it.
pub(super) fn subject_and_body(message: &str) -> (String, &str) {
    let mut rest = skip_blank_lines(message);
    let mut subject = String::new();
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        let line = line.trim_end_matches(is_blank);
        if line.is_empty() {
            break;
        }
        if !subject.is_empty() {
            subject.push(' ');
        }
        subject.push_str(line);
        rest = after;
    }
    (subject, skip_blank_lines(rest))
}

fn skip_blank_lines(mut text: &str) -> &str {
    while !text.is_empty() {
        let (line, after) = split_line(text);
        if !line.trim_end_matches(is_blank).is_empty() {
            break;
        }
        text = after;
    }
    text
}

fn split_line(text: &str) -> (&str, &str) {
    match text.find('\n') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, ""),
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// `Name <address> seconds offset`.
pub(super) fn signature(text: &str, mailmap: &Mailmap) -> Signature {
    let Some(open) = text.find('<') else { return Signature::default() };
    let Some(close) = text[open..].find('>').map(|at| open + at) else { return Signature::default() };
    let raw_name = text[..open].trim_end_matches(is_blank);
    let raw_email = &text[open + 1..close];
    // The time follows the last bracket: an address may hold a stray one.
    let last = text.rfind('>').unwrap_or(close);
    let (seconds, offset_minutes) = time(&text[last + 1..]);
    let (name, email) = mailmap.apply(raw_name, raw_email);
    Signature {
        name: name.to_owned(),
        email: email.to_owned(),
        raw_name: raw_name.to_owned(),
        raw_email: raw_email.to_owned(),
        seconds,
        offset_minutes,
    }
}

fn time(text: &str) -> (i64, i32) {
    let text = text.trim_start_matches(is_blank);
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits == 0 {
        return (0, 0);
    }
    let seconds = text[..digits].parse().unwrap_or(i64::MAX);
    let zone = text[digits..].trim_start_matches(is_blank);
    let (sign, zone) = match zone.as_bytes().first() {
        Some(b'+') => (1, &zone[1..]),
        Some(b'-') => (-1, &zone[1..]),
        // git shows no time without its offset.
        _ => return (0, 0),
    };
    let digits = zone.len() - zone.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits == 0 {
        return (0, 0);
    }
    let hours_and_minutes: i32 = zone[..digits].parse().unwrap_or(0);
    // "+0530" reads as 530: hours and minutes, whatever the number of digits.
    (seconds, sign * (hours_and_minutes / 100 * 60 + hours_and_minutes % 100))
}
