//! Tokens: they open the door they are bound to, and are seen nowhere else.

use crate::fixture::{Fixture, files, parse};
use crate::support::repos::{bare, bare_with, refs};
use crate::support::server::{Fault, Server, base64};
use simul_core::Secret;
use simul_git::{RepoError, RepoErrorKind};
use std::path::Path;

const TOKEN: &str = "s3cr3t+t0ken/with=odd&parts";

fn dresses() -> Vec<String> {
    let encoded: String = url::form_urlencoded::byte_serialize(TOKEN.as_bytes()).collect();
    vec![
        TOKEN.to_owned(),
        encoded,
        base64(TOKEN.as_bytes()).trim_end_matches('=').to_owned(),
        base64(format!("x-access-token:{TOKEN}").as_bytes()).trim_end_matches('=').to_owned(),
    ]
}

fn holds_token(bytes: &[u8]) -> bool {
    dresses().iter().any(|dress| bytes.windows(dress.len()).any(|window| window == dress.as_bytes()))
}

fn with_token() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.server.fault("", Fault::Login { user: "x-access-token".into(), token: TOKEN.into() });
    fixture.logins = vec![(fixture.server.address.to_string(), Secret::new(TOKEN))];
    fixture
}

#[test]
fn a_token_opens_its_door() {
    let fixture = with_token();
    let source = bare(&fixture.served(), "private.git", 3);
    let url = fixture.server.url("private.git");
    let synced = fixture.sync(&url).unwrap();
    assert_eq!(refs(&synced.path), refs(&source));
    assert!(!fixture.sync(&url).unwrap().fetched);
}

#[test]
fn without_a_token_or_with_a_wrong_one_the_door_stays_shut() {
    let mut fixture = with_token();
    bare(&fixture.served(), "private.git", 3);
    let url = fixture.server.url("private.git");
    let refused = |fixture: &Fixture| {
        let error: RepoError = fixture.sync(&url).unwrap_err();
        assert_eq!(error.kind, RepoErrorKind::Auth, "{error}");
        assert!(error.hint.as_deref().unwrap().contains("token"), "{error}");
        error
    };
    fixture.logins.clear();
    refused(&fixture);
    fixture.logins = vec![(fixture.server.address.to_string(), Secret::new("wr0ng-t0ken"))];
    let error = refused(&fixture);
    assert!(!format!("{error} {error:?}").contains("wr0ng-t0ken"));
    // Bound to another port of the same host: never sent here.
    fixture.server.take_log();
    fixture.logins = vec![("127.0.0.1:1".into(), Secret::new(TOKEN))];
    refused(&fixture);
    assert!(fixture.server.take_log().iter().all(|request| request.authorization().is_none()));
    fixture.wait_for_no_partials();
}

#[test]
fn a_redirect_to_another_host_is_followed_without_the_token() {
    let mut fixture = Fixture::new();
    bare(&fixture.served(), "r.git", 3);
    let elsewhere = Server::start(&fixture.served());
    let port = elsewhere.address.port();
    fixture.server.fault("", Fault::Redirect(format!("http://localhost:{port}")));
    fixture.logins = vec![(fixture.server.address.to_string(), Secret::new(TOKEN))];
    let url = fixture.server.url("r.git");
    let nothing_seen = || {
        let seen = elsewhere.take_log();
        assert!(!seen.is_empty());
        assert!(seen.iter().all(|request| request.authorization().is_none()), "{seen:#?}");
    };
    let synced = fixture.sync(&url).unwrap();
    assert!(synced.cloned);
    nothing_seen();
    // The second host asks for a login: it gets none.
    std::fs::remove_dir_all(&synced.path).unwrap();
    elsewhere.fault("", Fault::Login { user: "x-access-token".into(), token: TOKEN.into() });
    let error = fixture.sync(&url).unwrap_err();
    assert_eq!(error.kind, RepoErrorKind::Auth, "{error}");
    nothing_seen();
    // The first host takes the login and then leads elsewhere: git does not go on from there, and nothing leaks.
    elsewhere.heal();
    fixture.server.heal();
    fixture.server.fault("", Fault::Login { user: "x-access-token".into(), token: TOKEN.into() });
    fixture.server.fault("", Fault::Redirect(format!("http://localhost:{port}")));
    fixture.server.take_log();
    let _ = fixture.sync(&url);
    assert!(
        fixture.server.take_log().iter().any(|request| request.authorization().is_some()),
        "the first host sees it"
    );
    nothing_seen();
}

#[test]
fn a_token_is_seen_nowhere() {
    let fixture = with_token();
    bare_with(&fixture.served(), "r.git", 5, 300_000, &[]);
    // The server repeats what it was sent, on the channel for people.
    let echo = format!("you sent {TOKEN} and {}\n", base64(format!("x-access-token:{TOKEN}").as_bytes()));
    fixture.server.fault("r.git", Fault::Say(echo.into_bytes()));
    fixture.server.fault("r.git", Fault::Hold);
    let url = fixture.server.url("r.git");
    let (mut processes, mut looks) = (std::collections::HashSet::new(), 0);
    let (outcome, steps) = std::thread::scope(|scope| {
        let transfer = scope.spawn(|| fixture.sync_telling(&url));
        let mut held = false;
        while !transfer.is_finished() {
            for process in descendants(std::process::id()) {
                for file in ["cmdline", "environ"] {
                    let bytes = std::fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
                    // The server's own git shares no secret either: nobody's argument or variable may hold it.
                    assert!(!holds_token(&bytes), "{process} {file}: {}", String::from_utf8_lossy(&bytes));
                    looks += usize::from(!bytes.is_empty());
                }
                processes.insert(process);
            }
            if !held && processes.len() > 3 && looks > 50 {
                held = true;
                fixture.server.let_go();
            }
        }
        transfer.join().unwrap()
    });
    outcome.unwrap();
    assert!(processes.len() > 3 && looks > 50, "{} processes, {looks} looks", processes.len());
    let messages: Vec<&str> = steps.iter().filter_map(|step| step.message.as_deref()).collect();
    assert!(messages.contains(&"you sent *** and ***"), "{messages:?}");
    assert!(!holds_token(format!("{steps:?}").as_bytes()));
    let files = files(&fixture.cache());
    assert!(files.len() > 5);
    for (path, content) in files {
        assert!(!holds_token(&content), "{}", path.display());
    }
    assert!(!holds_token(format!("{:?}", fixture.mirrors()).as_bytes()));
    // And in no error, although the server puts it there.
    fixture.server.heal();
    fixture.server.fault("r.git", Fault::Login { user: "x-access-token".into(), token: TOKEN.into() });
    fixture.server.fault("r.git", Fault::Say(format!("{TOKEN} it is\n").into_bytes()));
    fixture.server.fault("r.git", Fault::Cut { after: 30 });
    let mirror = fixture.mirrors().cache().mirror(&parse(&url).unwrap());
    std::fs::remove_dir_all(mirror).unwrap();
    let error = fixture.sync(&url).unwrap_err();
    assert!(!holds_token(format!("{error} {error:?}").as_bytes()), "{error}");
}

/// All processes below `root`.
fn descendants(root: u32) -> Vec<u32> {
    let parent = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let all: Vec<(u32, u32)> = std::fs::read_dir(Path::new("/proc"))
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, parent(id)?)))
        .collect();
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        let above = found[at];
        found.extend(all.iter().filter(|(_, parent)| *parent == above).map(|(id, _)| *id));
        at += 1;
    }
    found.split_off(1)
}
