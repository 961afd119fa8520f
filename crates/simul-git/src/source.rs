//! What the caller's string names: a path to read in place, or an address to mirror.
//!
//! Results are keyed by the caller's exact string; the cache is keyed by [`Remote::canonical`], so that two spellings of
//! one address share a mirror and two addresses never do.

use crate::{RepoError, RepoErrorKind};
use std::path::PathBuf;
use url::Url;

/// What a source string names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A repository on this machine, read in place.
    Local(PathBuf),
    /// A repository that is mirrored into the cache.
    Remote(Remote),
}

/// How git reaches a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// A path, through git's own upload-pack.
    File,
    /// Unencrypted: no token is ever sent, but to this machine.
    Http,
    /// The usual one.
    Https,
    /// `ssh://` and `user@host:path`.
    Ssh,
}

impl Scheme {
    /// The scheme as URLs write it.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::File => "file",
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Ssh => "ssh",
        }
    }
}

/// An address to mirror, without any password or token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// How git reaches it.
    pub scheme: Scheme,
    /// Lower-case host, IDN in its ASCII form, no brackets removed; empty for files.
    pub host: String,
    /// The port, unless it is the scheme's own.
    pub port: Option<u16>,
    /// The login name in the address.
    pub user: Option<String>,
    /// What git is given to fetch from.
    pub fetch: String,
    /// The same for all spellings of the address: lower-case scheme and host, no default port, no trailing slash, no
    /// `.git` (kept for files, where both may exist), no login (kept for ssh, where `~` and relative paths depend on it).
    /// The path's case is kept.
    pub canonical: String,
}

impl Remote {
    /// `host` or `host:port`, as logins are bound.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The last part of the path without `.git`, for people to recognise.
    pub fn name(&self) -> &str {
        let path = self.canonical.trim_end_matches('/');
        let name = path.rsplit(['/', ':', '\\']).next().unwrap_or(path);
        name.strip_suffix(".git").unwrap_or(name)
    }
}

impl Source {
    /// Reads a source string.
    ///
    /// # Args
    /// - `text`: a path, or a `file://`, `http(s)://`, `ssh://` address, or `[user@]host:path`. `~` is not expanded.
    ///
    /// # Errors
    /// [`RepoErrorKind::Invalid`] for anything that git would take for an option or a helper program, for control
    /// characters, for `git://`, and for addresses that hold a password or token.
    ///
    /// # Example
    /// ```
    /// use simul_git::source::Source;
    /// let Source::Remote(remote) = Source::parse("HTTPS://GitHub.com:443/Octo/Hello.git/")? else { unreachable!() };
    /// assert_eq!(remote.canonical, "https://github.com/Octo/Hello");
    /// assert!(matches!(Source::parse("./hw1")?, Source::Local(_)));
    /// # Ok::<(), simul_git::RepoError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, RepoError> {
        let invalid = |detail: &str| RepoError::new(RepoErrorKind::Invalid, text, "reading the source", detail);
        if text.is_empty() {
            return Err(invalid("an empty string names no repository"));
        }
        if text.chars().any(char::is_control) {
            return Err(invalid("it holds control characters"));
        }
        if text.starts_with('-') {
            return Err(invalid("it would be taken for an option").hint(format!("write ./{text} for a path")));
        }
        if let Some((scheme, rest)) = text.split_once("://")
            && !scheme.contains(['/', ':'])
        {
            return parse_url(text, scheme, rest);
        }
        if is_helper(text) {
            return Err(invalid("git would start a helper program for it")
                .hint("use a path, https://host/path, ssh://host/path or user@host:path"));
        }
        if !is_drive(text)
            && let Some(colon) = text.find(':')
            && !text[..scp_host_end(text).unwrap_or(colon)].contains('/')
        {
            return parse_scp(text);
        }
        Ok(Source::Local(PathBuf::from(text)))
    }
}

/// `name::rest`, git's form for remote helpers.
fn is_helper(text: &str) -> bool {
    let name = text.split("::").next().unwrap_or(text);
    name.len() < text.len() && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `C:\repo`, on systems that have drives.
fn is_drive(text: &str) -> bool {
    let bytes = text.as_bytes();
    cfg!(windows) && bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':'
}

/// Where the host of `user@[::1]:path` ends.
fn scp_host_end(text: &str) -> Option<usize> {
    let start = text.find('@').map_or(0, |at| at + 1);
    text[start..].starts_with('[').then(|| text[start..].find("]:").map(|end| start + end + 1))?
}

fn parse_url(text: &str, scheme: &str, rest: &str) -> Result<Source, RepoError> {
    let invalid = |detail: String| RepoError::new(RepoErrorKind::Invalid, text, "reading the source", detail);
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "file" => return parse_file(text, rest),
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        "ssh" | "git+ssh" | "ssh+git" => Scheme::Ssh,
        "git" => {
            return Err(invalid(
                "git:// is neither encrypted nor authenticated: anybody on the way could change the history".into(),
            )
            .hint("use https:// or ssh://"));
        }
        other => {
            return Err(invalid(format!("simul does not fetch over {other}://"))
                .hint("use a path, file://, https://, http://, ssh:// or user@host:path"));
        }
    };
    let url = Url::parse(&format!("{}://{rest}", scheme.name()))
        .map_err(|error| invalid(format!("not a URL: {error}")).hint("check the host and the port"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("a repository's address has no ? and no #".into())
            .hint("give the address alone, without what follows the repository's name"));
    }
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    if host.is_empty() || host.starts_with('-') {
        return Err(invalid("it names no host".into()));
    }
    let user = login(text, scheme, &url)?;
    let path = url.path();
    let named = path.trim_end_matches('/');
    let named = named.strip_suffix(".git").unwrap_or(named);
    if named.trim_matches('/').is_empty() {
        return Err(
            invalid("it names a host but no repository".into()).hint("add the path, like https://host/owner/name")
        );
    }
    let port = url.port().filter(|port| !(scheme == Scheme::Ssh && *port == 22));
    let authority = match port {
        Some(port) => format!("{host}:{port}"),
        None => host.clone(),
    };
    let at = match &user {
        Some(user) if scheme == Scheme::Ssh => format!("{user}@"),
        _ => String::new(),
    };
    Ok(Source::Remote(Remote {
        fetch: format!("{}://{at}{authority}{path}", scheme.name()),
        canonical: format!("{}://{at}{authority}{named}", scheme.name()),
        scheme,
        host,
        port,
        user,
    }))
}

/// The login name, when it is only that.
fn login(text: &str, scheme: Scheme, url: &Url) -> Result<Option<String>, RepoError> {
    let user = url.username();
    let refuse = |detail: &str| {
        RepoError::new(RepoErrorKind::Invalid, text, "reading the source", detail)
            .hint("take it out of the address and pass it as github_token= or auth={\"host\": token}")
    };
    if url.password().is_some() {
        return Err(refuse("it holds a password"));
    }
    if scheme != Scheme::Ssh && looks_like_a_token(user) {
        return Err(refuse("it holds a token in place of a login name"));
    }
    if user.starts_with('-') || user.starts_with("%2d") || user.starts_with("%2D") {
        return Err(RepoError::new(RepoErrorKind::Invalid, text, "reading the source", "no login name begins with -"));
    }
    Ok((!user.is_empty()).then(|| user.to_owned()))
}

/// Forges' token prefixes, or anything long enough to be one.
fn looks_like_a_token(user: &str) -> bool {
    const PREFIXES: &[&str] =
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glcbt-", "ATBB", "ATCTT"];
    PREFIXES.iter().any(|prefix| user.starts_with(prefix)) || user.len() >= 32
}

fn parse_file(text: &str, rest: &str) -> Result<Source, RepoError> {
    let invalid = |detail: &str| RepoError::new(RepoErrorKind::Invalid, text, "reading the source", detail);
    let path = match rest.split_once('/') {
        Some((host, _)) if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") => {
            return Err(invalid("file:// reads this machine only").hint("write file:///path with three slashes"));
        }
        Some((_, path)) => path,
        None => return Err(invalid("it names no path").hint("write file:///path with three slashes")),
    };
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Err(invalid("it names no repository"));
    }
    // Repeated slashes are one to every system.
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let address = format!("file:///{}", parts.join("/"));
    Ok(Source::Remote(Remote {
        scheme: Scheme::File,
        host: String::new(),
        port: None,
        user: None,
        fetch: address.clone(),
        canonical: address,
    }))
}

fn parse_scp(text: &str) -> Result<Source, RepoError> {
    let invalid = |detail: &str| RepoError::new(RepoErrorKind::Invalid, text, "reading the source", detail);
    let end = match scp_host_end(text) {
        Some(end) => end,
        None => text.find(':').ok_or_else(|| invalid("it names no path"))?,
    };
    let (login, path) = (&text[..end], &text[end + 1..]);
    let (user, host) = match login.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, login),
    };
    if host.is_empty()
        || host.starts_with('-')
        || path.starts_with('-')
        || user.is_some_and(|user| user.starts_with('-'))
    {
        return Err(invalid("git would take a part of it for an option").hint("write it as ssh://user@host/path"));
    }
    if user.is_some_and(|user| user.contains(':')) {
        return Err(invalid("it holds a password").hint("ssh asks its agent; write user@host:path"));
    }
    let named = path.trim_end_matches('/');
    let named = named.strip_suffix(".git").unwrap_or(named);
    if named.is_empty()
        || !host.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"'`$;&|<>()*?!#%^{}=,".contains(&byte))
    {
        return Err(invalid("it names no repository on a host"));
    }
    let host = host.to_ascii_lowercase();
    let at = user.map(|user| format!("{user}@")).unwrap_or_default();
    // An absolute path is the same as in an ssh:// address; a relative one is relative to the login's home.
    let canonical = match named.strip_prefix('/') {
        Some(absolute) => format!("ssh://{at}{host}/{absolute}"),
        None => format!("ssh://{at}{host}:{named}"),
    };
    Ok(Source::Remote(Remote {
        scheme: Scheme::Ssh,
        fetch: format!("{at}{host}:{path}"),
        canonical,
        host,
        port: None,
        user: user.map(str::to_owned),
    }))
}

#[cfg(test)]
mod tests;
