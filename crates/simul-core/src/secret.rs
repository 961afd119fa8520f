//! Text that must not be shown: tokens, passwords, and the parts of URLs that carry them.

use std::fmt;
use url::Url;
use zeroize::Zeroize;

/// Text that `Debug` and `Display` never show and that is wiped when dropped.
///
/// # Example
/// ```
/// use simul_core::Secret;
/// let token = Secret::new("ghp_abc");
/// assert_eq!(format!("{token:?}"), "Secret(***)");
/// assert_eq!(token.expose(), "ghp_abc");
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Each call is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` with each occurrence of the secret, as it is or percent-encoded, replaced by `***`.
    pub fn scrub(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let encoded: String = url::form_urlencoded::byte_serialize(self.0.as_bytes()).collect();
        text.replace(&self.0, "***").replace(&encoded, "***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Query keys whose values are credentials.
const SECRET_KEYS: &[&str] = &[
    "access_token",
    "api_key",
    "apikey",
    "auth",
    "client_secret",
    "code",
    "key",
    "password",
    "private_token",
    "secret",
    "sig",
    "signature",
    "token",
];

/// `text` as a URL without userinfo and without the values of secret query keys; text that is no URL comes back with
/// anything between `://` and `@` removed.
///
/// # Example
/// ```
/// use simul_core::redact_url;
/// assert_eq!(redact_url("https://bob:pw@h/x.git?token=1&a=2"), "https://h/x.git?token=***&a=2");
/// ```
pub fn redact_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return without_userinfo(text);
    };
    if url.cannot_be_a_base() {
        return without_userinfo(text);
    }
    // A URL that has a host takes both setters; one without (file:) has no userinfo to remove.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if let Some(query) = url.query() {
        let shown: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((key, _)) if SECRET_KEYS.contains(&key.to_ascii_lowercase().as_str()) => format!("{key}=***"),
                _ => pair.to_owned(),
            })
            .collect();
        url.set_query(Some(&shown.join("&")));
    }
    url.into()
}

fn without_userinfo(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_scrubbed_raw_and_encoded() {
        let token = Secret::new("a/b+c");
        assert_eq!(token.scrub("x a/b+c y a%2Fb%2Bc z"), "x *** y *** z");
        assert_eq!(Secret::new("").scrub("abc"), "abc");
    }

    #[test]
    fn urls_lose_their_credentials() {
        for (given, shown) in [
            ("https://u:p@h.example/a", "https://h.example/a"),
            ("https://h.example/a?Token=t", "https://h.example/a?Token=***"),
            ("ssh://git@h:22/a", "ssh://h:22/a"),
            ("not a url", "not a url"),
            ("ht!tp://u:p@h/a", "ht!tp://h/a"),
            ("file:///srv/a.git", "file:///srv/a.git"),
        ] {
            assert_eq!(redact_url(given), shown);
        }
    }
}
