//! What is wrong with a command line is said in one line, before anything starts.

use crate::fixture::Home;
use std::fs;

#[test]
fn help_and_version_are_answers() {
    let home = Home::new();
    let help = home.run(&["--help"]).with_code(0);
    assert!(help.stdout.contains("Usage: simul") && help.stderr.is_empty());
    assert!(home.run(&["--version"]).with_code(0).stdout.starts_with("simul "));
    let report = home.run(&["repos", "report", "--help"]).with_code(0).stdout;
    for word in ["--no-ownership", "--auth", "GITHUB_TOKEN", "--limit-bytes", "Exit codes"] {
        assert!(report.contains(word), "{word}");
    }
    for none in [&[] as &[&str], &["repos"]] {
        let ended = home.run(none).with_code(2);
        assert!(ended.stderr.contains("Usage: simul") && ended.stdout.is_empty());
    }
}

#[test]
fn wrong_usage_says_what_to_write() {
    let home = Home::new();
    fs::write(home.path("roster.csv"), "\u{feff}Name;Repo URL\r\nAda;x\r\n").expect("written");
    for (args, said) in [
        (vec!["repos", "juggle"], "juggle"),
        (vec!["repos", "sync"], "no repository given"),
        (vec!["repos", "sync", "--from", "roster.csv:url"], "Name, Repo URL"),
        (vec!["repos", "sync", "--from", "roster.csv"], "roster.csv:COLUMN"),
        (vec!["repos", "sync", "--from", "nowhere.txt"], "nowhere.txt"),
        (vec!["repos", "sync", ".", "--limit-bytes", "5 parsecs"], "512MiB"),
        (vec!["repos", "sync", ".", "--limit-seconds", "0"], "seconds"),
        (vec!["repos", "sync", ".", "--jobs", "0"], "1..=256"),
        (vec!["repos", "sync", ".", "--auth", "github.com=NOT_SET"], "environment variable"),
        (vec!["repos", "commits", ".", "--refs", "main,,x"], "--refs"),
    ] {
        let ended = home.run(&args).with_code(2);
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
    assert!(home.everything("cache").is_empty());
}

#[test]
fn a_token_on_the_command_line_is_refused_and_not_repeated() {
    let home = Home::new();
    let ended = home.run(&["repos", "sync", "https://github.com/a/b", "--auth", "github.com=ghp_s3cret"]).with_code(2);
    assert!(!ended.stderr.contains("ghp_s3cret"));
}

#[test]
fn without_git_or_a_cache_nothing_starts() {
    let home = Home::new();
    let mut command = home.simul(&["repos", "sync", "."]);
    command.env("PATH", home.path("empty"));
    let ended = crate::fixture::Ended::of(command.spawn().expect("simul starts")).with_code(3);
    assert!(ended.stderr.contains("git"), "{}", ended.stderr);
    fs::write(home.path("file"), "").expect("written");
    let ended = home.run(&["repos", "sync", "https://h.invalid/a", "--cache", "file/cache"]).with_code(3);
    assert!(ended.stderr.contains("--cache"), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}
