//! Which token goes to which host: one host and port each, over https only.

use crate::source::{Remote, Scheme};
use crate::{RepoError, RepoErrorKind};
use simul_core::Secret;
use std::sync::Arc;

/// The tokens that were given, each bound to one host and port.
///
/// # Example
/// ```
/// use simul_core::Secret;
/// use simul_git::transport::Logins;
/// let logins = Logins::new(&[("git.example:8443".into(), Secret::new("t0ken"))], None)?;
/// assert!(!format!("{logins:?}").contains("t0ken"));
/// # Ok::<(), simul_git::RepoError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Logins(Arc<[Login]>);

/// A name and a token for one host and port.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    pub(super) token: Secret,
}

impl Login {
    fn is_bound_to(&self, remote: &Remote) -> bool {
        // 80 is written out here, where https is what a binding without a port means, and left out there.
        let plain = remote.scheme == Scheme::Http && remote.port.is_none() && self.port == Some(80);
        self.host == remote.host && (self.port == remote.port || plain)
    }
}

/// The name that GitHub and its like take beside a token.
pub(super) const DEFAULT_USER: &str = "x-access-token";

impl Logins {
    /// Binds tokens to hosts.
    ///
    /// # Args
    /// - `bound`: `host` or `host:port` (no port: the scheme's own), with the token; empty tokens count as none.
    /// - `user`: the login name beside them; default: the one in the address, else `x-access-token`. Empty is none.
    ///
    /// # Errors
    /// [`RepoErrorKind::Invalid`] for what is not a host, and for tokens with control characters.
    pub fn new(bound: &[(String, Secret)], user: Option<&str>) -> Result<Self, RepoError> {
        let user = user.filter(|user| !user.is_empty());
        let invalid = |what: &str, detail: &str| {
            RepoError::new(RepoErrorKind::Invalid, what, "reading logins", detail.to_owned())
        };
        if user.is_some_and(|user| user.chars().any(char::is_control)) {
            return Err(invalid("login name", "it holds control characters"));
        }
        let mut logins = Vec::new();
        for (host, token) in bound.iter().filter(|(_, token)| !token.is_empty()) {
            if host.contains(['/', '@', '?', '#']) || host.chars().any(|c| c.is_control() || c == ' ') {
                return Err(
                    invalid(host, "a token is bound to host or host:port").hint("write it like git.example:8443")
                );
            }
            let url = url::Url::parse(&format!("https://{host}/"))
                .map_err(|error| invalid(host, &format!("no host: {error}")).hint("write it like git.example:8443"))?;
            if token.expose().chars().any(char::is_control) {
                return Err(invalid(host, "the token holds control characters").hint("strip the newline at its end"));
            }
            logins.push(Login {
                host: url.host_str().unwrap_or_default().to_ascii_lowercase(),
                port: url.port(),
                user: user.map(str::to_owned),
                token: token.clone(),
            });
        }
        Ok(Self(logins.into()))
    }

    /// The login for `remote`, if one is bound to exactly its host and port and may travel there.
    pub(super) fn for_remote(&self, remote: &Remote) -> Option<Login> {
        let safe = match remote.scheme {
            Scheme::Https => true,
            Scheme::Http => remote.is_loopback(),
            Scheme::File | Scheme::Ssh => false,
        };
        self.0
            .iter()
            .find(|login| safe && login.is_bound_to(remote))
            .cloned()
            .map(|login| Login { user: login.user.or_else(|| remote.user.clone()), ..login })
    }

    /// Whether a token is bound to the remote's host but must not travel there.
    pub(super) fn is_held_back(&self, remote: &Remote) -> bool {
        remote.scheme == Scheme::Http && !remote.is_loopback() && self.0.iter().any(|login| login.is_bound_to(remote))
    }

    /// `text` without any of the tokens, as they are, percent-encoded or in Base64.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for login in self.0.iter() {
            let user = login.user.as_deref().unwrap_or(DEFAULT_USER);
            for plain in [format!("{user}:{}", login.token.expose()), login.token.expose().to_owned()] {
                // The last group depends on what follows; the rest of the text is enough to recognise it.
                let encoded = base64(plain.as_bytes());
                text = text.replace(&encoded, "***").replace(encoded.trim_end_matches('='), "***");
            }
            text = login.token.scrub(&text);
        }
        text
    }

    /// Tells apart callers with other logins, without holding one.
    pub(super) fn fingerprint(&self, remote: &Remote) -> [u8; 32] {
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        if let Some(login) = self.for_remote(remote) {
            digest.update(login.user.as_deref().unwrap_or(DEFAULT_USER));
            digest.update([0]);
            digest.update(login.token.expose());
        }
        digest.finalize().into()
    }
}

/// Base64 of RFC 4648, to recognise what it hides.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = u32::from_be_bytes([0, chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)]);
        for place in 0..4 {
            match place <= chunk.len() {
                true => text.push(char::from(ALPHABET[(group >> (18 - 6 * place)) as usize & 63])),
                false => text.push('='),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn remote(text: &str) -> Remote {
        let Source::Remote(remote) = Source::parse(text).unwrap() else { panic!("{text}") };
        remote
    }

    fn logins(host: &str) -> Logins {
        Logins::new(&[(host.into(), Secret::new("t0ken+/="))], None).unwrap()
    }

    #[test]
    fn a_token_goes_to_its_host_and_port_only() {
        let bound = logins("GitHub.com");
        assert!(bound.for_remote(&remote("https://github.com/o/r")).is_some());
        assert!(bound.for_remote(&remote("https://GITHUB.com:443/o/r")).is_some());
        for other in [
            "https://github.com:8443/o/r",
            "http://github.com/o/r",
            "ssh://git@github.com/o/r",
            "git@github.com:o/r",
            "https://github.com.evil.example/o/r",
            "https://api.github.com/o/r",
            "https://evil.example/github.com/r",
        ] {
            assert!(bound.for_remote(&remote(other)).is_none(), "{other}");
        }
        assert!(bound.is_held_back(&remote("http://github.com/o/r")));
        assert!(logins("127.0.0.1:8080").for_remote(&remote("http://127.0.0.1:8080/r")).is_some());
        assert!(logins("127.0.0.1:8080").for_remote(&remote("http://localhost:8080/r")).is_none());
        assert!(logins("10.0.0.1:8080").for_remote(&remote("http://10.0.0.1:8080/r")).is_none());
    }

    #[test]
    fn empty_means_none_and_nonsense_is_refused() {
        let none = Logins::new(&[("github.com".into(), Secret::new(""))], Some("")).unwrap();
        assert!(none.for_remote(&remote("https://github.com/o/r")).is_none());
        for host in ["https://h", "h/x", "u@h", "h h", "h:99999", ""] {
            assert!(Logins::new(&[(host.into(), Secret::new("t"))], None).is_err(), "{host}");
        }
        assert!(Logins::new(&[("h".into(), Secret::new("t\n"))], None).is_err());
        assert!(Logins::new(&[("h".into(), Secret::new("t"))], Some("a\nb")).is_err());
    }

    #[test]
    fn tokens_are_scrubbed_in_every_dress() {
        let bound = logins("h");
        for (given, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(given.as_bytes()), encoded);
        }
        for dress in [
            "t0ken+/=".to_owned(),
            "t0ken%2B%2F%3D".to_owned(),
            base64(b"x-access-token:t0ken+/="),
            base64(b"t0ken+/="),
        ] {
            assert_eq!(bound.scrub(&format!("a {dress} b")), "a *** b", "{dress}");
        }
    }
}
