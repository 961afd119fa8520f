//! Rows go to stdout and nothing else does; repositories that fail do not hide the others.

use crate::fixture::{Ended, Home};
use std::io::{BufRead, BufReader};

#[test]
fn rows_of_the_others_come_with_the_reasons_of_those_that_failed() {
    let home = Home::new();
    let (ada, bob) = (home.repository("ada", "Ada"), home.repository("bob", "Bob"));
    std::fs::create_dir(home.path("plain")).expect("made");
    let ended = home.run(&["repos", "commits", &ada, "plain", "/nowhere", &bob, &ada, "--format", "csv"]).with_code(1);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ended.stdout);
    assert!(lines[0].starts_with("repo,sha,parents,tree,author_name"));
    assert!(lines[1].starts_with(&ada) && lines[2].starts_with(&bob));
    for said in ["2 of 4 repositories failed", "plain: not_a_repository", "/nowhere: not_found"] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
}

#[test]
fn nothing_usable_is_told_apart_from_some_failed() {
    let home = Home::new();
    let ended = home.run(&["repos", "changes", "/nowhere", "--progress", "none"]).with_code(3);
    assert!(ended.stdout.lines().count() <= 1);
    assert!(ended.stderr.contains("check the path"));
}

#[test]
fn every_command_writes_its_table() {
    let home = Home::new();
    let ada = home.repository("ada", "Ada");
    for (command, expected) in [
        ("commits", "\"subject\":\"A subject\""),
        ("changes", "\"path\":\"a.txt\""),
        ("blame", "\"lines\":3"),
        ("ownership", "\"total_lines\":3"),
        ("branches", "\"full_name\":\"refs/heads/main\""),
        ("sync", "\"state\":\"in place\""),
    ] {
        let ended = home.run(&["repos", command, &ada, "--format", "jsonl", "--progress", "none"]).with_code(0);
        assert!(ended.stdout.contains(expected), "{command}: {}", ended.stdout);
        assert_eq!(ended.stdout.lines().count(), 1, "{command}");
        assert!(ended.stderr.is_empty(), "{command}: {}", ended.stderr);
        let table = home.run(&["repos", command, &ada, "--progress", "none"]).with_code(0).stdout;
        assert_eq!(table.lines().count(), 2, "{command}: {table}");
    }
}

#[test]
fn hostile_texts_cannot_reach_the_terminal() {
    let home = Home::new();
    let evil = home.repository("evil", "Eve\u{1b}[2J\u{202e}live");
    let ended = home.run(&["repos", "commits", &evil]).with_code(0);
    assert!(ended.stdout.contains("Eve"));
    assert!(!ended.stdout.contains('\u{1b}') && !ended.stdout.contains('\u{202e}'));
}

#[test]
fn progress_as_json_is_one_object_a_line() {
    let home = Home::new();
    let ada = home.repository("ada", "Ada");
    let ended = home.run(&["repos", "sync", &ada, "/nowhere", "--progress", "json"]).with_code(1);
    let mut ends = Vec::new();
    for line in ended.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(event["at"].is_f64());
        if event["phase"] == "done" || event["phase"] == "failed" {
            ends.push((
                event["repo"].as_str().expect("text").to_owned(),
                event["phase"].as_str().expect("text").to_owned(),
            ));
        }
    }
    ends.sort();
    assert_eq!(ends, [("/nowhere".to_owned(), "failed".to_owned()), (ada, "done".to_owned())]);
}

#[test]
fn sources_come_from_files_too_each_once() {
    let home = Home::new();
    let (ada, bob) = (home.repository("ada", "Ada"), home.repository("bob", "Bob"));
    std::fs::write(home.path("list.txt"), format!("\u{feff}# course\r\n{ada}\r\n{bob} # late\r\n\r\n"))
        .expect("written");
    std::fs::write(home.path("roster.csv"), format!("name,repo\r\n\"A, B\",\"{bob}\"\r\n")).expect("written");
    let args = ["repos", "sync", &ada, "--from", "list.txt", "--from", "roster.csv:repo", "--format", "csv"];
    let ended = home.run(&args).with_code(0);
    assert_eq!(ended.stdout.lines().count(), 3, "{}", ended.stdout);
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let home = Home::new();
    let ada = home.repository("ada", "Ada");
    // More than a pipe holds, so that the command is still writing.
    for n in 0..300 {
        home.commit("ada", &format!("{n}{}", "x".repeat(400)), "a.txt", &format!("{n}\n"));
    }
    let mut child =
        home.simul(&["repos", "commits", &ada, "--format", "jsonl", "--progress", "none"]).spawn().expect("starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    assert!(line.starts_with('{'));
    let ended = Ended::of(child).with_code(141);
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_mirror_is_cloned_once_and_then_kept_up() {
    let home = Home::new();
    let url = format!("file://{}", home.repository("ada", "Ada"));
    let states = || {
        let ended = home.run(&["repos", "sync", &url, "--format", "jsonl", "--progress", "none"]).with_code(0);
        let line: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
        line["state"].as_str().expect("text").to_owned()
    };
    assert_eq!(states(), "cloned");
    assert_eq!(states(), "unchanged");
    home.commit("ada", "Ada", "b.txt", "new\n");
    assert_eq!(states(), "fetched");
}
