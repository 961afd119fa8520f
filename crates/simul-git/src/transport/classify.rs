//! What a failed git means.
//!
//! git says it in words only (pinned to English by `LC_ALL=C`), so this table is the one place that reads them; the tests
//! in `tests/transport/words.rs` make a real git say each of them. The server's own words (`remote: ...`) decide nothing:
//! they are anybody's. What no row names is [`RepoErrorKind::Git`].

use crate::RepoErrorKind;
use RepoErrorKind::{Auth, Connect, Corrupt, Git, Invalid, NotARepository, NotFound, Storage, TooLarge};

/// A row of the table.
#[derive(Debug)]
pub(super) struct Meaning {
    /// git's words.
    pub(super) words: &'static str,
    pub(super) kind: RepoErrorKind,
    pub(super) hint: &'static str,
}

const fn row(words: &'static str, kind: RepoErrorKind, hint: &'static str) -> Meaning {
    Meaning { words, kind, hint }
}

const LOGIN: &str =
    "give a token for this host with github_token= or auth=, or check that the one given may read the repository";
const ADDRESS: &str = "check the address; a private repository looks the same to whoever may not read it";
const NETWORK: &str = "check the network and the server, then sync again";
const TLS: &str =
    "the server's certificate is not trusted; SSL_CERT_FILE or GIT_SSL_CAINFO may name the authority's certificate";
const SSH: &str = "check that ssh reaches this host without questions: ssh -o BatchMode=yes HOST";
const DISK: &str = "make room, or give another folder with cache= or SIMUL_CACHE";
const DAMAGED: &str = "the objects that were sent or stored are damaged; run git fsck at the source";

/// First match wins, so the particular stands above the general.
pub(super) const TABLE: &[Meaning] = &[
    row("No space left on device", Storage, DISK),
    row("Disk quota exceeded", Storage, DISK),
    row("Read-only file system", Storage, DISK),
    row("unable to create temporary file", Storage, DISK),
    row("File too large", TooLarge, ""),
    row("died of signal 25", TooLarge, ""),
    row("terminal prompts disabled", Auth, LOGIN),
    row("Authentication failed for", Auth, LOGIN),
    row("returned error: 401", Auth, LOGIN),
    row("returned error: 403", Auth, LOGIN),
    row("Permission denied (", Auth, SSH),
    row(
        "Host key verification failed",
        Connect,
        "add the host's key: ssh-keyscan HOST >> ~/.ssh/known_hosts, and compare it with the published one",
    ),
    row(
        "not valid: is this a git repository?",
        NotARepository,
        "the server answered, but not as a git server does; check the address",
    ),
    row("mismatched algorithms", Corrupt, DAMAGED),
    row("' not found", NotFound, ADDRESS),
    row("does not appear to be a git repository", NotFound, ADDRESS),
    row("returned error: 404", NotFound, ADDRESS),
    row("returned error: 410", NotFound, ADDRESS),
    row("detected dubious ownership", Storage, "git refuses a repository that belongs to somebody else"),
    row("' not allowed", Invalid, "the server led to a protocol that simul does not use"),
    row(
        "unable to update url base from redirection",
        Connect,
        "the server redirects elsewhere; give the address that it leads to",
    ),
    row("Could not resolve host", Connect, NETWORK),
    row("Failed to connect to", Connect, NETWORK),
    row("Couldn't connect to server", Connect, NETWORK),
    row("SSL certificate", Connect, TLS),
    row("certificate verification failed", Connect, TLS),
    row("SSL peer certificate", Connect, TLS),
    row("gnutls_handshake", Connect, TLS),
    row("SSL_ERROR", Connect, TLS),
    row("SSL connect error", Connect, TLS),
    row("Proxy CONNECT aborted", Connect, NETWORK),
    row("CONNECT tunnel failed", Connect, NETWORK),
    row("Connection refused", Connect, NETWORK),
    row("Connection reset", Connect, NETWORK),
    row("Connection timed out", Connect, NETWORK),
    row("Operation timed out", Connect, NETWORK),
    row("Operation too slow", Connect, NETWORK),
    row("Empty reply from server", Connect, NETWORK),
    row("Network is unreachable", Connect, NETWORK),
    row("fsck error in packed object", Corrupt, DAMAGED),
    row("missing blob object", Corrupt, DAMAGED),
    row("missing tree object", Corrupt, DAMAGED),
    row("did not send all necessary objects", Corrupt, DAMAGED),
    row("bad object", Corrupt, DAMAGED),
    row("inflate: data stream error", Corrupt, DAMAGED),
    row("inflate returned", Corrupt, DAMAGED),
    row("pack is corrupted", Corrupt, DAMAGED),
    row("is corrupt", Corrupt, DAMAGED),
    row("unresolved deltas", Corrupt, DAMAGED),
    row("pack signature mismatch", Corrupt, DAMAGED),
    row("returned error: 5", Connect, "the server is in trouble; sync again later"),
    row("expected 'packfile'", Connect, NETWORK),
    row("unexpected disconnect", Connect, NETWORK),
    row("RPC failed", Connect, NETWORK),
    row("early EOF", Connect, NETWORK),
    row("hung up unexpectedly", Connect, NETWORK),
    row("Could not read from remote repository", Connect, SSH),
    row("transfer closed", Connect, NETWORK),
];

/// What `words`, git's own, mean; `None` for the kind [`Git`].
pub(super) fn meaning(words: &str) -> Option<&'static Meaning> {
    TABLE.iter().find(|row| words.contains(row.words))
}

/// The kind alone.
pub(super) fn kind(words: &str) -> RepoErrorKind {
    meaning(words).map_or(Git, |row| row.kind)
}

/// Whether an object was refused by git's own check of what is sent, which old honest repositories fail too.
pub(super) fn is_fsck(words: &str) -> bool {
    words.contains("fsck error in packed object") || words.contains("fsck error in pack objects")
}

/// The line that says most, for people.
pub(super) fn telling_line(words: &str) -> &str {
    let lines = || words.lines().map(str::trim).filter(|line| !line.is_empty());
    let after = |line: &'static str| move |candidate: &&str| candidate.starts_with(line);
    let line = lines()
        .find(|line| meaning(line).is_some())
        .or_else(|| lines().find(after("fatal:")))
        .or_else(|| lines().find(after("error:")))
        .or_else(|| lines().next_back())
        .unwrap_or("git failed and said nothing");
    line.trim_start_matches("fatal: ").trim_start_matches("error: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_hidden_by_one_above_it() {
        for (index, row) in TABLE.iter().enumerate() {
            let above = TABLE[..index].iter().find(|above| row.words.contains(above.words));
            assert!(above.is_none(), "{:?} never matches: {:?} does", row.words, above);
        }
        assert!(TABLE.len() > 40);
    }

    #[test]
    fn the_line_that_says_most_is_found() {
        let words =
            "Cloning into bare repository 'x'...\nwarning: redirecting\nfatal: repository 'http://h/r/' not found\n";
        assert_eq!(telling_line(words), "repository 'http://h/r/' not found");
        assert_eq!(telling_line("error: a\nfatal: b\n"), "b");
        assert_eq!(telling_line(""), "git failed and said nothing");
        assert_eq!(kind("something new"), Git);
    }
}
