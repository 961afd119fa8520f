//! The words and the environment that git gets, on top of what [`Git::command`] clears away.

use crate::cache::Cache;
use crate::program::Git;
use crate::source::{Remote, Scheme};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What a transfer may see of the caller's environment, besides what every git may.
const CERTIFICATES: &[&str] = &["GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT", "GIT_SSL_KEY"];

const CONFIGURATION: &[&str] = &[
    "core.fsync=committed,reference",
    "core.logAllRefUpdates=false",
    // One pack for each fetch; thousands of loose objects otherwise.
    "fetch.unpackLimit=1",
    "fetch.writeCommitGraph=false",
    "fetch.recurseSubmodules=false",
    "init.defaultRefFormat=files",
    "protocol.version=2",
];

/// How strictly git checks the objects that it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Everything `git fsck` checks.
    Strict,
    /// That they are whole and connected; for old repositories that were made by less careful programs.
    Relaxed,
}

/// A git that may talk to `remote` and to nobody else, in `repo` if there is one.
pub(super) fn base(
    git: &Git,
    cache: &Cache,
    remote: &Remote,
    repo: Option<&Path>,
    check: Check,
    stall: Option<Duration>,
) -> io::Result<Command> {
    let mut command = git.command(repo);
    if repo.is_some() {
        command.arg("--git-dir=.");
    }
    for setting in CONFIGURATION {
        command.args(["-c", setting]);
    }
    command.arg("-c").arg(format!("transfer.fsckObjects={}", check == Check::Strict));
    if let Some(stall) = stall {
        // We watch for stalls ourselves; this is for a helper that outlives both simul and its guardian.
        command.args(["-c", "http.lowSpeedLimit=1", "-c"]);
        command.arg(format!("http.lowSpeedTime={}", stall.as_secs().saturating_add(5)));
    }
    command.env(
        "GIT_ALLOW_PROTOCOL",
        match remote.scheme {
            Scheme::File => "file",
            // Never from https down to http.
            Scheme::Https => "https",
            Scheme::Http => "http:https",
            Scheme::Ssh => "ssh",
        },
    );
    for name in CERTIFICATES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if std::env::var_os("GIT_SSL_CAINFO").is_none()
        && let Some(file) = std::env::var_os("SSL_CERT_FILE")
    {
        // The TLS library that git was built with need not read this name itself.
        command.env("GIT_SSL_CAINFO", file);
    }
    match remote.scheme {
        Scheme::Ssh => {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes").env("GIT_SSH_VARIANT", "ssh");
        }
        Scheme::File => {
            // The upload-pack that serves the path sees no `-c`; it accepts another owner by this file alone.
            command.env("GIT_CONFIG_GLOBAL", owner_exception(cache, remote)?);
        }
        Scheme::Http | Scheme::Https => {}
    }
    Ok(command)
}

/// `git clone` of all branches and tags into `target`, bare and without templates.
pub(super) fn clone(command: &mut Command, remote: &Remote, target: &Path) {
    command.args(["clone", "--bare", "--no-local", "--template=", "--progress", "--"]).arg(&remote.fetch).arg(target);
}

/// `git fetch` of what is new, in a mirror.
pub(super) fn fetch(command: &mut Command, remote: &Remote) {
    command.args([
        "fetch",
        "--prune",
        "--no-tags",
        "--no-auto-maintenance",
        "--no-write-fetch-head",
        "--no-recurse-submodules",
        "--update-shallow",
        "--progress",
        "--",
    ]);
    command.arg(&remote.fetch);
    // The pattern takes HEAD where there is one, and does not fail where it is unborn.
    command.args(["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+HEAD*:refs/simul/HEAD*"]);
}

/// `git ls-remote` for where HEAD points.
pub(super) fn list_head(command: &mut Command, remote: &Remote) {
    command.args(["ls-remote", "--symref", "--", &remote.fetch, "HEAD"]);
}

/// `git ls-remote` that shows on stderr whether the server speaks git's protocol at all.
pub(super) fn trace_packets(command: &mut Command, remote: &Remote) {
    command.env("GIT_TRACE_PACKET", "1").args(["ls-remote", "--", &remote.fetch, "HEAD"]);
}

/// Writes a configuration that lets git serve exactly this path, whoever owns it.
fn owner_exception(cache: &Cache, remote: &Remote) -> io::Result<PathBuf> {
    let path = path_of(remote);
    let mut paths = vec![path.join(".git"), append(&path, ".git"), append(&path, ".git").join(".git"), path];
    for index in 0..paths.len() {
        if let Ok(resolved) = paths[index].canonicalize() {
            paths.push(resolved);
        }
    }
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let text = Git::global_configuration(&paths);
    let file = cache.lock(remote).with_extension("gitconfig");
    if std::fs::read(&file).is_ok_and(|found| found == text) {
        return Ok(file);
    }
    let mut new = tempfile::Builder::new().prefix(".gitconfig-").tempfile_in(cache.root())?;
    new.write_all(&text)?;
    new.persist(&file).map_err(|error| error.error)?;
    Ok(file)
}

/// The path of a `file://` address, percent-decoded as git does.
pub(super) fn path_of(remote: &Remote) -> PathBuf {
    let text = remote.fetch.strip_prefix("file://").unwrap_or(&remote.fetch);
    let bytes = super::askpass::percent_decoded(text);
    #[cfg(unix)]
    return PathBuf::from(<OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes));
    #[cfg(not(unix))]
    PathBuf::from(OsString::from(String::from_utf8_lossy(&bytes).trim_start_matches('/')))
}

fn append(path: &Path, suffix: &str) -> PathBuf {
    let mut text: OsString = path.as_os_str().to_owned();
    text.push(suffix);
    PathBuf::from(text)
}
