//! `.mailmap`: who the same person is under other names and addresses.
//!
//! Read here and not by a library, because a row must say what `git log --use-mailmap` says to the letter: an address
//! keeps its case unless a new one is given, and a later line wins over an earlier one part by part.
//!
//! Source: gitmailmap(5); compared with `git check-mailmap` by the tests.

use super::process::{Context, run};
use super::repository::Repository;
use crate::RepoError;
use std::collections::HashMap;

/// What a line gives: None leaves that part as it is.
#[derive(Debug, Default, Clone)]
struct New {
    name: Option<String>,
    email: Option<String>,
}

#[derive(Debug, Default)]
struct Address {
    /// For any name with this address.
    any: New,
    /// For this name (in lower case) with this address.
    named: HashMap<String, New>,
}

/// The map of one repository. Names and addresses are compared without regard to ASCII case.
#[derive(Debug, Default)]
pub(super) struct Mailmap(HashMap<String, Address>);

impl Mailmap {
    /// The map that git would use: `.mailmap` at the top of the worktree, or of HEAD in a bare repository. A symbolic
    /// link is not followed.
    pub(super) fn of(repository: &Repository, context: Context<'_>) -> Result<Self, RepoError> {
        if !repository.is_bare() {
            let path = repository.top().join(".mailmap");
            let is_file = path.symlink_metadata().is_ok_and(|data| data.is_file());
            let text = if is_file { std::fs::read(path).unwrap_or_default() } else { Vec::new() };
            return Ok(Self::parse(&text));
        }
        let mut command = repository.command();
        command.args(["cat-file", "blob", "HEAD:.mailmap"]);
        // It fails when there is no such file, which is the usual case.
        let output = run(command, context)?;
        Ok(if output.success { Self::parse(&output.stdout) } else { Self::default() })
    }

    pub(super) fn parse(text: &[u8]) -> Self {
        let mut map = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            if !line.starts_with(b"#") {
                map.add(&String::from_utf8_lossy(line));
            }
        }
        map
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let (first_name, first_email, rest) = name_and_email(line)?;
        if first_email.is_empty() {
            return None;
        }
        let second = name_and_email(rest);
        let name = first_name.map(str::to_owned);
        match second {
            None => {
                // One address: it is the old one.
                let known = self.0.entry(first_email.to_ascii_lowercase()).or_default();
                known.any.name = name.or(known.any.name.take());
            }
            Some((old_name, old_email, _)) => {
                let new = New { name, email: Some(first_email.to_owned()) };
                let known = self.0.entry(old_email.to_ascii_lowercase()).or_default();
                match old_name {
                    Some(old_name) => drop(known.named.insert(old_name.to_ascii_lowercase(), new)),
                    None => {
                        known.any.name = new.name.or(known.any.name.take());
                        known.any.email = new.email;
                    }
                }
            }
        }
        Some(())
    }

    /// The name and address to show.
    pub(super) fn apply<'a>(&'a self, name: &'a str, email: &'a str) -> (&'a str, &'a str) {
        if self.0.is_empty() {
            return (name, email);
        }
        let Some(address) = self.0.get(&email.to_ascii_lowercase()) else { return (name, email) };
        let named = if address.named.is_empty() { None } else { address.named.get(&name.to_ascii_lowercase()) };
        let new = named.unwrap_or(&address.any);
        (new.name.as_deref().unwrap_or(name), new.email.as_deref().unwrap_or(email))
    }
}

/// `Name <address> rest`: the name without the blanks around it (None if empty), the address as it stands.
fn name_and_email(text: &str) -> Option<(Option<&str>, &str, &str)> {
    let open = text.find('<')?;
    let close = open + text[open..].find('>')?;
    let name = text[..open].trim_matches([' ', '\t', '\r', '\n']);
    Some(((!name.is_empty()).then_some(name), &text[open + 1..close], &text[close + 1..]))
}
