//! How a token reaches git: git runs a small script of ours, the script passes git's question to this process over an
//! inherited pipe and reads the answer from another. The script holds no secret; the answer stands in no argument, no
//! variable of the environment and no file, and is given only to a question that names the bound scheme, host and port.

use super::login::{DEFAULT_USER, Login};
use crate::cache::Cache;
use crate::source::Remote;
use simul_core::Secret;
use std::io;
use std::path::PathBuf;
use url::Url;

/// What git may ask, and the answers.
#[derive(Debug)]
pub(super) struct Answers {
    scheme: &'static str,
    host: String,
    port: Option<u16>,
    user: String,
    token: Secret,
}

impl Answers {
    pub(super) fn new(remote: &Remote, login: Login) -> Self {
        Self {
            scheme: remote.scheme.name(),
            host: remote.host.clone(),
            port: remote.port,
            user: login.user.unwrap_or_else(|| DEFAULT_USER.to_owned()),
            token: login.token,
        }
    }

    /// The answer to `Username for 'https://host': ` or `Password for 'https://user@host': `, if it is asked for exactly
    /// the bound place.
    fn to(&self, question: &str) -> Option<&str> {
        let (wanted, rest) = question.trim().split_once(" for '")?;
        let url = Url::parse(rest.strip_suffix("':")?).ok()?;
        let bound = url.scheme() == self.scheme
            && url.host_str() == Some(self.host.as_str())
            && url.port() == self.port
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        match wanted {
            "Username" if bound && url.username().is_empty() => Some(&self.user),
            "Password" if bound && percent_decoded(url.username()) == self.user.as_bytes() => Some(self.token.expose()),
            _ => None,
        }
    }
}

pub(super) fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

/// The script: its own process id goes along with the question and must come back with the answer, so that an answer that
/// nobody fetched is never taken for another question's.
const SCRIPT: &str = r#"#!/bin/sh
# Passes git's question for a login to simul, which started git, and prints its answer. Holds no secret.
printf '%s %s\n' "$$" "$1" >"/dev/fd/$SIMUL_QUESTION" || exit 1
IFS=' ' read -r id given answer <"/dev/fd/$SIMUL_ANSWER" || exit 1
[ "$id" = "$$" ] && [ "$given" = yes ] || exit 1
printf '%s\n' "$answer"
"#;

/// Puts the script into the cache, if it is not there as it should be.
fn install(cache: &Cache) -> io::Result<PathBuf> {
    let path = cache.root().join("askpass-1.sh");
    if std::fs::read(&path).is_ok_and(|found| found == SCRIPT.as_bytes()) {
        return Ok(path);
    }
    let mut file = tempfile::Builder::new().prefix(".askpass-").tempfile_in(cache.root())?;
    io::Write::write_all(&mut file, SCRIPT.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o700))?;
    }
    // Closed before it is renamed: a program that is open for writing cannot be started.
    file.into_temp_path().persist(&path).map_err(|error| error.error)?;
    Ok(path)
}

#[cfg(unix)]
pub(super) use unix::Askpass;

#[cfg(unix)]
mod unix {
    use super::{Answers, Cache, install, io};
    use simul_engine::child::{AsyncOutput, ChildOptions};
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::process::Command;

    /// This process's ends of the two pipes.
    #[derive(Debug)]
    pub(in super::super) struct Askpass {
        questions: AsyncOutput,
        line: Vec<u8>,
        answer: File,
        answers: Answers,
    }

    /// A question is one line, much shorter than this.
    const LONGEST_QUESTION: usize = 4096;

    impl Askpass {
        /// Lets the child that `command` becomes ask.
        pub(in super::super) fn attach(
            cache: &Cache,
            answers: Answers,
            mut command: Command,
        ) -> io::Result<(Self, ChildOptions)> {
            let (questions, question) = io::pipe()?;
            let (answered, answer) = io::pipe()?;
            command.env("GIT_ASKPASS", install(cache)?);
            command.env("SIMUL_QUESTION", question.as_raw_fd().to_string());
            command.env("SIMUL_ANSWER", answered.as_raw_fd().to_string());
            let options = ChildOptions::new(command).pass(OwnedFd::from(question)).pass(OwnedFd::from(answered));
            let questions = AsyncOutput::pipe(questions.into())?;
            let answer = File::from(OwnedFd::from(answer));
            Ok((Self { questions, line: Vec::new(), answer, answers }, options))
        }

        /// Answers questions until nobody is left to ask. Cancel safe.
        pub(in super::super) async fn serve(&mut self) -> io::Result<()> {
            let mut buffer = [0; 512];
            loop {
                let length = self.questions.read(&mut buffer).await?;
                if length == 0 {
                    return Ok(());
                }
                for &byte in &buffer[..length] {
                    if byte == b'\n' {
                        let line = std::mem::take(&mut self.line);
                        self.reply(&String::from_utf8_lossy(&line))?;
                    } else if self.line.len() < LONGEST_QUESTION {
                        self.line.push(byte);
                    }
                }
            }
        }

        fn reply(&mut self, line: &str) -> io::Result<()> {
            let (id, question) = line.split_once(' ').unwrap_or((line, ""));
            let reply = match self.answers.to(question) {
                Some(answer) => simul_core::Secret::new(format!("{id} yes {answer}\n")),
                None => simul_core::Secret::new(format!("{id} no\n")),
            };
            // Shorter than any pipe, and one question waits at a time: this never blocks.
            self.answer.write_all(reply.expose().as_bytes())
        }
    }
}

/// Systems without inherited pipes: no token can be given, and git says that it lacks one.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Askpass(std::convert::Infallible);

#[cfg(not(unix))]
impl Askpass {
    pub(super) fn attach(
        _cache: &Cache,
        _answers: Answers,
        _command: std::process::Command,
    ) -> io::Result<(Self, simul_engine::child::ChildOptions)> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "tokens cannot be given to git on this system yet"))
    }

    pub(super) async fn serve(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Answers {
        Answers {
            scheme: "https",
            host: "github.com".into(),
            port: None,
            user: "octo@home".into(),
            token: Secret::new("t0ken"),
        }
    }

    #[test]
    fn only_the_bound_place_is_answered() {
        let answers = answers();
        assert_eq!(answers.to("Username for 'https://github.com': "), Some("octo@home"));
        assert_eq!(answers.to("Password for 'https://octo%40home@github.com': "), Some("t0ken"));
        for question in [
            "Password for 'https://github.com': ",
            "Password for 'https://other@github.com': ",
            "Username for 'http://github.com': ",
            "Password for 'http://octo%40home@github.com': ",
            "Password for 'https://octo%40home@github.com:8443': ",
            "Password for 'https://octo%40home@github.com.evil.example': ",
            "Password for 'https://octo%40home@evil.example/github.com': ",
            "Password for 'https://octo%40home@evil.example': 'https://github.com': ",
            "Username for 'https://evil.example?https://github.com': ",
            "Username for 'https://proxy.example:3128': ",
            "Enter passphrase for key '/home/a/.ssh/id_ed25519': ",
            "Are you sure you want to continue connecting (yes/no)? ",
            "",
        ] {
            assert_eq!(answers.to(question), None, "{question}");
        }
    }
}
