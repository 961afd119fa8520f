use super::*;

fn remote(text: &str) -> Remote {
    match Source::parse(text).unwrap() {
        Source::Remote(remote) => remote,
        Source::Local(path) => panic!("{text} was taken for the path {}", path.display()),
    }
}

#[test]
fn spellings_of_one_address_share_a_key() {
    for (texts, key) in [
        (
            &[
                "https://github.com/Octo/Hello",
                "HTTPS://GitHub.com/Octo/Hello.git",
                "https://github.com:443/Octo/Hello.git/",
                "https://octo@github.com/Octo/Hello/",
            ][..],
            "https://github.com/Octo/Hello",
        ),
        (&["http://127.0.0.1:8080/a/b.git", "http://127.0.0.1:8080/a/b/"], "http://127.0.0.1:8080/a/b"),
        (&["ssh://git@Host:22/a/b.git", "ssh://git@host/a/b", "git@host:/a/b.git"], "ssh://git@host/a/b"),
        (&["git@github.com:Octo/Hello.git", "git@GitHub.com:Octo/Hello"], "ssh://git@github.com:Octo/Hello"),
        (&["file:///srv//r.git/", "FILE://localhost/srv/r.git"], "file:///srv/r.git"),
        (&["https://gitlab.com/group/sub/sub2/hw.1.git"], "https://gitlab.com/group/sub/sub2/hw.1"),
        (&["https://bücher.example/r"], "https://xn--bcher-kva.example/r"),
        (&["https://octocat.github.io/octocat.github.io.git"], "https://octocat.github.io/octocat.github.io"),
        (&["git@[::1]:r.git"], "ssh://git@[::1]:r"),
    ] {
        for text in texts {
            assert_eq!(remote(text).canonical, key, "{text}");
        }
    }
}

#[test]
fn different_repositories_never_share_a_key() {
    let texts = [
        "https://h/alice/hw1",
        "https://h/bob/hw1",
        "https://h/Alice/hw1",
        "https://h/alice/HW1",
        "http://h/alice/hw1",
        "https://h:8443/alice/hw1",
        "https://h.example/alice/hw1",
        "ssh://h/alice/hw1",
        "ssh://h:2222/alice/hw1",
        "git@h:alice/hw1",
        "alice@h:hw1",
        "bob@h:hw1",
        "git@h:/alice/hw1",
        "file:///h/alice/hw1",
        "file:///h/alice/hw1.git",
    ];
    let keys: std::collections::HashSet<String> = texts.iter().map(|text| remote(text).canonical).collect();
    assert_eq!(keys.len(), texts.len(), "{keys:?}");
}

#[test]
fn paths_are_paths() {
    for text in ["/srv/r", "./r", "../r", "r", ".", "~/r", "a b/c", "./with:colon", "./--upload-pack=x", "dir/ext::sh"]
    {
        assert_eq!(Source::parse(text).unwrap(), Source::Local(PathBuf::from(text)), "{text}");
    }
}

#[test]
fn nothing_that_git_would_run_is_accepted() {
    for text in [
        "",
        "--upload-pack=touch canary",
        "-u",
        "ext::sh -c touch%20canary",
        "fd::17",
        "https::http://h/r",
        "git://h/r",
        "ftp://h/r",
        "ext://sh",
        "ssh://-oProxyCommand=x/r",
        "ssh://-oProxyCommand=x@h/r",
        "ssh://%2doProxyCommand=x@h/r",
        "-oProxyCommand=x@h:r",
        "git@-oProxyCommand=x:r",
        "git@h:-r",
        "git@h;x:r",
        "https://h/r\n",
        "/srv/\x1b[2Jr",
        "https://h/",
        "https://h",
        "https://",
        "https://h/.git",
        "https://h:99999/r",
        "https://h/r?x=1",
        "https://h/r#readme",
        "file://",
        "file:///",
        "file://elsewhere/r",
        "git@h:",
    ] {
        let error = Source::parse(text).expect_err(text);
        assert_eq!(error.kind, RepoErrorKind::Invalid, "{text}");
    }
}

#[test]
fn an_address_with_a_token_is_refused_without_repeating_it() {
    for text in [
        "https://bob:hunter2hunter2@h/r",
        "https://ghp_hunter2hunter2@github.com/o/r",
        "https://x-access-token:hunter2hunter2@github.com/o/r",
        "https://hunter2hunter2hunter2hunter2hunter2@h/r",
        "ssh://bob:hunter2hunter2@h/r",
    ] {
        let error = Source::parse(text).expect_err(text);
        assert_eq!(error.kind, RepoErrorKind::Invalid);
        assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("auth=")), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn what_git_is_given_holds_no_login_but_for_ssh() {
    assert_eq!(remote("https://octo@github.com/o/r.git").fetch, "https://github.com/o/r.git");
    assert_eq!(remote("https://octo@github.com/o/r.git").user.as_deref(), Some("octo"));
    assert_eq!(remote("ssh://git@h:2222/o/r.git").fetch, "ssh://git@h:2222/o/r.git");
    assert_eq!(remote("git@h:o/r.git").fetch, "git@h:o/r.git");
    assert_eq!(remote("http://localhost:80/r").authority(), "localhost");
    assert!(remote("http://127.0.0.1:9/r").is_loopback() && remote("http://[::1]/r").is_loopback());
    assert!(!remote("http://localhost.evil.example/r").is_loopback());
    assert_eq!(remote("https://h/o/hw1.git").name(), "hw1");
    assert_eq!(remote("git@h:hw1.git").name(), "hw1");
}
