//! How a repository is named in tables, files and results.

use url::Url;

/// The caller's string for a repository, unless it carries a credential: that is removed.
///
/// # Args
/// - `source`: a path, URL or scp-like address, as the caller gave it.
///
/// # Returns
/// `source` itself wherever possible, so that a table's `repo` equals the key of the result it came from.
///
/// # Example
/// ```
/// use simul_git::table::repo_label;
/// assert_eq!(repo_label("https://Git.Example/A/b.git/"), "https://Git.Example/A/b.git/");
/// assert_eq!(repo_label("ssh://git@git.example/a"), "ssh://git@git.example/a");
/// assert_eq!(repo_label("https://bob:pw@git.example/a"), "https://git.example/a");
/// ```
pub fn repo_label(source: &str) -> String {
    let redacted = simul_core::redact_url(source);
    match Url::parse(source) {
        // A user name alone is a secret on http (tokens travel as one) and an account on ssh.
        Ok(url) if url.password().is_none() && url.query().is_none() => {
            let is_http = matches!(url.scheme(), "http" | "https");
            if is_http && !url.username().is_empty() { redacted } else { source.to_owned() }
        }
        // Parsing normalises (host in lower case, a slash at the end): that is no reason to change the caller's text.
        Ok(url) if url.as_str() == redacted => source.to_owned(),
        _ => redacted,
    }
}

#[cfg(test)]
mod tests {
    use super::repo_label;

    #[test]
    fn only_credentials_change_the_callers_text() {
        for same in [
            "",
            ".",
            "../hw1",
            "/srv/Git/hw 1",
            "git@host:alice/hw1.git",
            "ssh://git@host:22/a",
            "https://HOST/A/",
            "https://host",
            "https://host/a?b=C",
            "file:///srv/a.git",
            "C:\\repos\\a",
        ] {
            assert_eq!(repo_label(same), same);
        }
        for (given, label) in [
            ("https://tok@h/a", "https://h/a"),
            ("ssh://u:pw@h/a", "ssh://h/a"),
            ("https://h/a?token=s&b=1", "https://h/a?token=***&b=1"),
            ("ht!tp://u:p@h/a", "ht!tp://h/a"),
        ] {
            assert_eq!(repo_label(given), label);
        }
    }
}
