use super::*;

fn version(text: &str) -> Version {
    Version::parse(&format!("git version {text}\n")).expect("a version")
}

#[test]
fn versions_of_vendors_are_read() {
    for (text, shown) in [
        ("2.47.3", "2.47.3"),
        ("2.39.5 (Apple Git-154)", "2.39.5"),
        ("2.45.1.windows.1", "2.45.1"),
        ("2.50.0.rc1", "2.50.0"),
        ("2.51.GIT", "2.51.0"),
        ("3.0", "3.0.0"),
    ] {
        assert_eq!(version(text).to_string(), shown);
    }
    for text in ["", "git version", "git version x.y", "gnu tar 1.35", "git version 2"] {
        assert_eq!(Version::parse(text), None, "{text:?}");
    }
}

#[test]
fn an_unpatched_release_of_each_series_is_known() {
    for (text, patched) in [
        ("2.40.4", Some("2.50.1")),
        ("2.43.6", Some("2.43.7")),
        ("2.43.7", None),
        ("2.47.2", Some("2.47.3")),
        ("2.47.3", None),
        ("2.50.0", Some("2.50.1")),
        ("2.50.1", None),
        ("2.51.0", None),
        ("3.0.0", None),
    ] {
        assert_eq!(version(text).lacking_fixes().map(|v| v.to_string()).as_deref(), patched, "{text}");
    }
}

/// Another process writes it: a program that this one has open for writing, or has forked with, cannot be run.
#[cfg(unix)]
pub(crate) fn write_program(path: &Path, text: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\""]).arg(path).arg(text);
    assert!(command.status().expect("sh runs").success());
}

#[cfg(unix)]
fn stub(folder: &Path, prints: &str) -> PathBuf {
    let path = folder.join("git");
    write_program(&path, &format!("#!/bin/sh\necho '{prints}'\n"));
    path
}

#[cfg(unix)]
#[test]
fn an_old_a_strange_and_a_missing_git_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("tempdir");
    for (prints, says) in [("git version 2.39.5", "too old"), ("busybox", "which version")] {
        let error = Git::at(&stub(folder.path(), prints)).expect_err("refused");
        assert_eq!(error.kind, RepoErrorKind::Unsupported);
        assert!(error.detail.contains(says), "{error}");
        assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("2.40.0")), "{error}");
    }
    let error = Git::at(&folder.path().join("none")).expect_err("refused");
    assert!(error.detail.contains("does not run"), "{error}");
    let git = Git::at(&stub(folder.path(), "git version 2.44.0")).expect("accepted");
    assert!(git.warning().is_some_and(|warning| warning.contains("2.44.4")), "{:?}", git.warning());
    assert!(git.warning_once().is_some());
    assert!(git.warning_once().is_none());
}

#[test]
fn nothing_of_the_callers_environment_reaches_a_child() {
    let git = Git::find().expect("git");
    let allowed: Vec<&str> = PASSED_ON.iter().copied().chain(ENVIRONMENT.iter().map(|pair| pair.0)).collect();
    let command = git.command(None);
    let mut seen = 0;
    for (name, _) in command.get_envs() {
        let name = name.to_str().expect("our own names");
        assert!(allowed.contains(&name), "{name}");
        seen += 1;
    }
    assert!(seen >= ENVIRONMENT.len());
    // The far end: what a child of that child sees. Cargo itself always sets CARGO.
    assert!(std::env::var_os("CARGO").is_some());
    let output = git.command(None).args(["-c", "alias.environment=!env", "environment"]).output().expect("git runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("GIT_TERMINAL_PROMPT=0"), "{text}");
    assert!(!text.contains("CARGO="), "{text}");
}

#[test]
fn a_repository_above_is_never_taken_for_the_one_asked_for() {
    let git = Git::find().expect("git");
    let folder = tempfile::tempdir().expect("tempdir");
    let below = folder.path().join("below");
    std::fs::create_dir(&below).expect("mkdir");
    assert!(git.command(Some(folder.path())).args(["init", "-q"]).status().expect("git runs").success());
    let at =
        |path| git.command(Some(path)).args(["rev-parse", "--git-dir"]).output().expect("git runs").status.success();
    assert!(at(folder.path()));
    assert!(!at(&below));
}

#[test]
fn the_configuration_file_names_exactly_the_paths_given() {
    let git = Git::find().expect("git");
    let folder = tempfile::tempdir().expect("tempdir");
    let file = folder.path().join("config");
    let strange = Path::new("/srv/a \"quoted\\\tpath\"\n#x");
    std::fs::write(&file, Git::global_configuration(&[Path::new("/srv/b"), strange])).expect("write");
    let output = git
        .command(None)
        .env("GIT_CONFIG_GLOBAL", &file)
        .args(["config", "--global", "-z", "--get-all", "safe.directory"])
        .output()
        .expect("git runs");
    let expected = format!("/srv/b\0{}\0", strange.display());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
