//! Sources and servers that mean harm.

use crate::fixture::{Fixture, again, assert_synced, files, parse, plays_its_part};
use crate::support::repos::{bare, refs, run};
use crate::support::server::Fault;
use simul_git::RepoErrorKind;

#[test]
fn no_source_starts_a_program() {
    let fixture = Fixture::new();
    let canary = fixture.folder.path().join("canary");
    let c = canary.display();
    for source in [
        format!("ext::sh -c touch%20{c}"),
        format!("--upload-pack=touch {c}"),
        format!("-utouch {c}"),
        format!("ssh://-oProxyCommand=touch%20{c}/r"),
        format!("-oProxyCommand=touch {c}@h:r"),
        format!("file://localhost --upload-pack=touch {c}"),
        format!("git://127.0.0.1/{c}"),
        format!("fd::7/{c}"),
    ] {
        let error = fixture.sync(&source).expect_err(&source);
        assert_eq!(error.kind, RepoErrorKind::Invalid, "{source}: {error}");
    }
    // A host that leads to another protocol.
    for target in [format!("ext::sh -c touch%20{c}"), format!("file://{c}"), "git://127.0.0.1:1".into()] {
        fixture.server.heal();
        fixture.server.fault("r.git", Fault::Redirect(target.clone()));
        assert!(fixture.sync(&fixture.server.url("r.git")).is_err(), "{target}");
    }
    assert!(!canary.exists());
    fixture.wait_for_no_partials();
}

#[test]
fn a_repository_that_wants_to_run_things_is_only_stored() {
    let fixture = Fixture::new();
    let canary = fixture.folder.path().join("canary");
    let source = bare(&fixture.served(), "r.git", 2);
    let hook = format!("#!/bin/sh\ntouch {}\n", canary.display());
    for name in ["post-checkout", "post-merge", "reference-transaction", "pre-auto-gc", "post-update"] {
        let path = source.join("hooks").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &hook).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    // Over file:// this git reads the source's own configuration.
    run(&source, &["config", "uploadpack.packObjectsHook", &format!("touch {}", canary.display())]);
    run(&source, &["config", "core.fsmonitor", &format!("touch {}", canary.display())]);
    run(&source, &["config", "core.sshCommand", &format!("touch {}", canary.display())]);
    let url = format!("file://{}", source.display());
    let mirror = fixture.sync(&url).unwrap().path;
    run(&source, &["branch", "more", "main~1"]);
    assert!(fixture.sync(&url).unwrap().fetched);
    assert_eq!(refs(&mirror), refs(&source));
    assert!(!canary.exists());
    assert!(!mirror.join("hooks").exists());
}

#[test]
fn what_the_server_says_cannot_drive_a_terminal() {
    let fixture = Fixture::new();
    bare(&fixture.served(), "r.git", 2);
    fixture.server.fault("r.git", Fault::Say(b"\x1b[2J\x1b]0;owned\x07hello \x1b[31mred\x08\n".to_vec()));
    let (outcome, steps) = fixture.sync_telling(&fixture.server.url("r.git"));
    outcome.unwrap();
    let messages: Vec<&str> = steps.iter().filter_map(|step| step.message.as_deref()).collect();
    assert!(messages.contains(&"hello red"), "{messages:?}");
    assert!(messages.iter().all(|message| !message.chars().any(char::is_control)), "{messages:?}");
}

#[test]
fn nothing_is_written_outside_of_the_cache() {
    let fixture = Fixture::new();
    bare(&fixture.served(), "r.git", 2);
    let before = files(&fixture.served()).len();
    fixture.sync(&fixture.server.url("r.git")).unwrap();
    // A path that tries to climb out of the cache.
    let remote = parse(&fixture.server.url("..%2f..%2fetc/x..git")).unwrap();
    let mirror = fixture.mirrors().cache().mirror(&remote);
    assert!(mirror.starts_with(fixture.cache()) && !mirror.to_str().unwrap().contains("/.."), "{}", mirror.display());
    assert_eq!(files(&fixture.served()).len(), before);
    let mut entries: Vec<String> = std::fs::read_dir(fixture.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    entries.sort();
    assert_eq!(entries, ["cache", "served"]);
}

#[test]
fn nothing_around_a_caller_bends_git() {
    if plays_its_part() {
        return;
    }
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "r.git", 3);
    let (home, canary) = (fixture.folder.path().join("home"), fixture.folder.path().join("canary"));
    std::fs::create_dir(&home).unwrap();
    let c = canary.display();
    let config = format!(
        "[core]\n hooksPath = {h}\n fsmonitor = touch {c}\n sshCommand = touch {c}\n[credential]\n helper = \"!touch {c}\"\n\
         [url \"ext::touch {c} \"]\n insteadOf = http\n[http]\n proxy = http://127.0.0.1:1\n",
        h = home.display()
    );
    std::fs::write(home.join(".gitconfig"), &config).unwrap();
    std::fs::write(home.join("reference-transaction"), format!("#!/bin/sh\ntouch {c}\n")).unwrap();
    std::fs::set_permissions(home.join("reference-transaction"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let role = format!("{} {}", fixture.cache().display(), fixture.server.url("r.git"));
    let process = again("hostile::nothing_around_a_caller_bends_git", &role)
        .env("HOME", &home)
        .env("XDG_CONFIG_HOME", &home)
        .env("GIT_CONFIG_GLOBAL", home.join(".gitconfig"))
        .env("GIT_CONFIG_SYSTEM", home.join(".gitconfig"))
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "http.proxy")
        .env("GIT_CONFIG_VALUE_0", "http://127.0.0.1:1")
        .env("GIT_DIR", &source)
        .env("GIT_WORK_TREE", &home)
        .env("GIT_SSH_COMMAND", format!("touch {c}"))
        .env("GIT_ASKPASS", format!("touch {c}"))
        .env("GIT_TRACE", home.join("trace"))
        .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", source.join("objects"))
        .spawn()
        .unwrap();
    assert_synced(process);
    assert!(!canary.exists() && !home.join("trace").exists());
    let mirror = fixture.mirrors().cache().mirror(&parse(&fixture.server.url("r.git")).unwrap());
    assert_eq!(refs(&mirror), refs(&source));
    run(&mirror, &["fsck"]);
}

#[test]
fn ssh_is_asked_without_questions() {
    if plays_its_part() {
        return;
    }
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "r.git", 3);
    let (programs, heard) = (fixture.folder.path().join("bin"), fixture.folder.path().join("heard"));
    std::fs::create_dir(&programs).unwrap();
    // Stands for ssh: notes what it was told and runs the command here.
    let script =
        format!("#!/bin/sh\necho \"$*\" >>'{}'\nfor last; do :; done\nexec sh -c \"$last\"\n", heard.display());
    std::fs::write(programs.join("ssh"), script).unwrap();
    std::fs::set_permissions(programs.join("ssh"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    for url in
        [format!("git@host.example:{}", source.display()), format!("ssh://git@host.example:2222{}", source.display())]
    {
        let role = format!("{} {url}", fixture.cache().display());
        let process = again("hostile::ssh_is_asked_without_questions", &role).env("PATH", &path).spawn().unwrap();
        assert_synced(process);
        let mirror = fixture.mirrors().cache().mirror(&parse(&url).unwrap());
        assert_eq!(refs(&mirror), refs(&source), "{url}");
    }
    let heard = std::fs::read_to_string(heard).unwrap();
    assert_eq!(heard.lines().count(), 2, "one connection each: {heard}");
    assert!(
        heard.lines().all(|line| line.contains("-o BatchMode=yes") && line.contains("git@host.example")),
        "{heard}"
    );
    assert!(heard.contains("-p 2222"), "{heard}");
}
