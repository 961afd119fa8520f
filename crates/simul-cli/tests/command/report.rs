//! The report's folder appears whole or not at all.

use crate::fixture::Home;
use serde_json::Value;
use std::fs;

fn manifest(home: &Home, folder: &str) -> Value {
    serde_json::from_slice(&fs::read(home.path(folder).join("manifest.json")).expect("a manifest")).expect("JSON")
}

#[test]
fn a_report_holds_what_its_manifest_says() {
    let home = Home::new();
    let (ada, bob) = (home.repository("ada", "Ada"), home.repository("bob", "Bob"));
    home.commit("bob", "Bob", "<img src=x onerror=alert(1)>", "evil\n");
    home.commit("ada", "Ada", "b.txt", "x\ny\n");
    let ended = home.run(&["repos", "report", &ada, "/nowhere", &bob]).with_code(1);
    assert!(ended.stdout.contains("2 repositories read, 1 not"), "{}", ended.stdout);
    assert!(ended.stdout.contains("4 commits by 2 authors"), "{}", ended.stdout);
    assert!(ended.stdout.contains("simul-report/report.html"));
    assert!(ended.stderr.contains("/nowhere: not_found"));
    let manifest = manifest(&home, "simul-report");
    let repositories = manifest["repositories"].as_array().expect("a list");
    assert_eq!(repositories.len(), 3);
    assert_eq!(repositories[0]["rows"]["commits"], 2);
    assert_eq!(repositories[1]["error"]["kind"], "not_found");
    assert_eq!(repositories[2]["source"], Value::String(bob));
    let files = manifest["files"].as_array().expect("a list");
    assert_eq!(files.len(), 6);
    for file in files {
        let path = home.path("simul-report").join(file["name"].as_str().expect("text"));
        assert_eq!(fs::metadata(path).expect("there").len(), file["bytes"].as_u64().expect("a size"));
    }
    let page = fs::read_to_string(home.path("simul-report/report.html")).expect("a page");
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;") && !page.contains("<img"));
}

#[test]
fn a_second_report_replaces_the_first_and_reads_what_is_new() {
    let home = Home::new();
    let url = format!("file://{}", home.repository("ada", "Ada"));
    let report = || home.run(&["repos", "report", &url, "-o", "out", "--progress", "none"]).with_code(0);
    report();
    let first = manifest(&home, "out");
    report();
    let same = manifest(&home, "out");
    assert_eq!(first["repositories"], same["repositories"]);
    home.commit("ada", "Ada", "b.txt", "x\n");
    report();
    let second = manifest(&home, "out");
    assert_eq!(second["repositories"][0]["rows"]["commits"], 2);
    assert_ne!(first["repositories"][0]["refs_hash"], second["repositories"][0]["refs_hash"]);
    let leftovers: Vec<String> = home.everything("").into_iter().filter(|path| path.contains(".out.tmp")).collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let home = Home::new();
    let ada = home.repository("ada", "Ada");
    fs::create_dir(home.path("thesis")).expect("made");
    fs::write(home.path("thesis/chapter1.tex"), "mine").expect("written");
    let ended = home.run(&["repos", "report", &ada, "-o", "thesis"]).with_code(2);
    assert!(ended.stderr.contains("not a simul report"), "{}", ended.stderr);
    assert_eq!(home.everything("thesis").len(), 1);
    fs::create_dir(home.path("empty")).expect("made");
    home.run(&["repos", "report", &ada, "-o", "empty"]).with_code(0);
}

#[test]
fn nothing_usable_leaves_the_old_report() {
    let home = Home::new();
    let ada = home.repository("ada", "Ada");
    home.run(&["repos", "report", &ada, "-o", "out"]).with_code(0);
    let before = fs::read(home.path("out/manifest.json")).expect("a manifest");
    home.run(&["repos", "report", "/nowhere", "-o", "out"]).with_code(3);
    assert_eq!(fs::read(home.path("out/manifest.json")).expect("a manifest"), before);
    home.run(&["repos", "report", "/nowhere", "-o", "new"]).with_code(3);
    assert!(!home.path("new").exists());
}

#[test]
fn ownership_can_be_left_out() {
    let home = Home::new();
    let ada = home.repository("ada", "Ada");
    home.run(&["repos", "report", &ada, "-o", "out", "--no-ownership"]).with_code(0);
    assert!(!home.path("out/ownership.parquet").exists());
    assert_eq!(manifest(&home, "out")["files"].as_array().expect("a list").len(), 5);
}

#[test]
fn an_empty_repository_is_one_line() {
    let home = Home::new();
    let ada = home.repository("ada", "Ada");
    let bare = home.text("bare");
    let made = std::process::Command::new("git").args(["init", "-q", "--bare", &bare]).status().expect("git starts");
    assert!(made.success());
    let ended = home.run(&["repos", "report", &ada, &bare, "-o", "out", "--progress", "none"]).with_code(1);
    assert!(ended.stderr.contains(": empty: "), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 2, "{}", ended.stderr);
}
