//! Logins: which environment variable holds the token for which host. A token itself is never an argument.

use simul_core::Secret;
use std::env;

/// The host that GITHUB_TOKEN is for.
const GITHUB: &str = "github.com";

/// Reads the `--auth HOST=ENVVAR` arguments, and GITHUB_TOKEN for github.com unless that host was given.
///
/// # Errors
/// A line for the user. The text after `=` is never repeated, since it may be a token by mistake.
pub(crate) fn logins(given: &[String]) -> Result<Vec<(String, Secret)>, String> {
    logins_from(given, |name| env::var(name).ok())
}

fn logins_from(given: &[String], look_up: impl Fn(&str) -> Option<String>) -> Result<Vec<(String, Secret)>, String> {
    let mut logins: Vec<(String, Secret)> = Vec::new();
    for (order, text) in given.iter().enumerate() {
        let Some((host, variable)) = text.split_once('=') else {
            return Err(format!("--auth (number {}): write HOST=ENVVAR, as in github.com=MY_TOKEN", order + 1));
        };
        let host = host.trim().to_ascii_lowercase();
        if host.is_empty() || variable.is_empty() {
            return Err(format!("--auth (number {}): write HOST=ENVVAR, as in github.com=MY_TOKEN", order + 1));
        }
        let token = look_up(variable).filter(|token| !token.trim().is_empty()).ok_or_else(|| {
            format!(
                "--auth {host}=...: no environment variable of that name is set; \
                 give the name of a variable that holds the token, never the token itself"
            )
        })?;
        if logins.iter().any(|(known, _)| *known == host) {
            return Err(format!("--auth {host}=...: given twice"));
        }
        logins.push((host, Secret::new(token.trim())));
    }
    if !logins.iter().any(|(host, _)| host == GITHUB)
        && let Some(token) = look_up("GITHUB_TOKEN").filter(|token| !token.trim().is_empty())
    {
        logins.push((GITHUB.to_owned(), Secret::new(token.trim())));
    }
    Ok(logins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(given: &[&str]) -> Result<Vec<(String, Secret)>, String> {
        let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
        logins_from(&given, |name| match name {
            "GITHUB_TOKEN" => Some("ghp_env".to_owned()),
            "MINE" => Some(" mine\n".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn tokens_come_from_the_environment() {
        let logins = from(&["Git.Example:8443=MINE"]).expect("both are set");
        let shown: Vec<_> = logins.iter().map(|(host, token)| (host.as_str(), token.expose())).collect();
        assert_eq!(shown, [("git.example:8443", "mine"), ("github.com", "ghp_env")]);
        let logins = from(&["github.com=MINE"]).expect("it is set");
        assert_eq!(logins.len(), 1);
        assert_eq!(logins[0].1.expose(), "mine");
    }

    #[test]
    fn a_token_given_by_mistake_is_not_repeated() {
        for given in ["github.com=ghp_secret", "ghp_secret", "=ghp_secret"] {
            let message = from(&[given]).expect_err("it names no variable");
            assert!(!message.contains("ghp_secret"), "{message}");
        }
        assert!(from(&["a=MINE", "a=MINE"]).is_err());
    }
}
