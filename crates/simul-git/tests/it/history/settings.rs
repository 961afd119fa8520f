//! Attributes, replaced objects and configuration.

use super::fixture::{Fixture, Import, equals_git, lines, read, report};
use simul_git::history::{CommitOptions, EngineKind};
use simul_git::record::Commit;

fn import(attributes: Option<&str>) -> Import {
    let mut import = Import::default();
    import.commit("main", "Start").file("a.txt", lines("a", 5)).file("a.dat", lines("d", 5)).file("dir/b.dat", "x\n");
    import.file("nul.txt", b"one\n\0two\n").file("sub/c.txt", "c\n").file("code.py", "pass\n");
    if let Some(attributes) = attributes {
        import.file(".gitattributes", attributes);
    }
    import.commit("main", "Change").file("a.txt", lines("a", 9)).file("a.dat", lines("d", 2)).file("dir/b.dat", "y\n");
    import.file("nul.txt", b"one\n\0three\nfour\n").file("sub/c.txt", "d\n").file("code.py", "pass\nreturn\n");
    import.commit("main", "Rename").rename("a.dat", "b.dat").file("other", lines("o", 2));
    import
}

const ATTRIBUTES: &str = "*.dat -diff\nnul.txt diff\nsub/* binary\n*.py diff=python\n";

fn all(fixture: &Fixture) -> Vec<Commit> {
    read(&fixture.open(), &CommitOptions::default()).expect("readable").0
}

fn binary_files(fixture: &Fixture) -> u32 {
    all(fixture).iter().map(|commit| commit.binary_files).sum()
}

#[test]
fn attributes_decide_what_is_binary_wherever_git_reads_them() {
    // In the worktree and the commit.
    let fixture = Fixture::new(&[]);
    fixture.import(&import(Some(ATTRIBUTES)));
    report("attributes", equals_git(&fixture));
    let committed = binary_files(&fixture);
    assert!(committed > 4, "{committed}");

    // In a bare repository git decides whether it looks at HEAD.
    let fixture = Fixture::new(&["--bare"]);
    fixture.import(&import(Some(ATTRIBUTES)));
    report("attributes, bare", equals_git(&fixture));

    // Named by the configuration.
    fixture.run(&["config", "attr.tree", "HEAD"]);
    report("attributes, attr.tree", equals_git(&fixture));

    // Beside the repository's own files.
    let fixture = Fixture::new(&["--bare"]);
    fixture.import(&import(None));
    assert_eq!(binary_files(&fixture), 2, "only the file with a NUL");
    std::fs::create_dir_all(fixture.path().join("info")).expect("creatable");
    std::fs::write(fixture.path().join("info/attributes"), ATTRIBUTES).expect("writable");
    report("attributes, info", equals_git(&fixture));
    assert_eq!(binary_files(&fixture), committed);

    // In the worktree only, not added.
    let fixture = Fixture::new(&[]);
    fixture.import(&import(None));
    std::fs::write(fixture.path().join("dir/.gitattributes"), "*.dat binary\n").expect("writable");
    report("attributes, not added", equals_git(&fixture));
    assert_eq!(binary_files(&fixture), 4);
    // Not even when it is ignored.
    std::fs::write(fixture.path().join(".gitignore"), ".gitattributes\n").expect("writable");
    report("attributes, ignored", equals_git(&fixture));
    assert_eq!(binary_files(&fixture), 4);
}

#[test]
fn a_driver_with_settings_is_left_to_git() {
    let fixture = Fixture::new(&[]);
    fixture.import(&import(Some("*.txt diff=own\n")));
    fixture.run(&["config", "diff.own.binary", "true"]);
    report("driver", equals_git(&fixture));
    assert!(binary_files(&fixture) > 4);
    // A driver is a program too: it must not run, and the numbers stay.
    let before = all(&fixture);
    let canary = fixture.beside("canary");
    fixture.run(&["config", "diff.own.command", &format!("touch {}", canary.display())]);
    fixture.run(&["config", "diff.own.textconv", &format!("touch {}; cat", canary.display())]);
    assert_eq!(all(&fixture), before);
    assert!(!canary.exists());
}

#[test]
fn replaced_and_grafted_commits_show_as_git_shows_them() {
    let fixture = Fixture::new(&[]);
    fixture.import(&import(None));
    let (old, new) = (fixture.run(&["rev-parse", "HEAD~1"]), fixture.run(&["rev-parse", "HEAD~2"]));
    fixture.run(&["replace", "--graft", "HEAD"]);
    report("graft by replacement", equals_git(&fixture));
    assert_eq!(all(&fixture).len(), 1);
    fixture.run(&["replace", "-d", "HEAD"]);
    assert_eq!(all(&fixture).len(), 3);
    fixture.run(&["replace", &old, &new]);
    report("replaced", equals_git(&fixture));
    fixture.run(&["replace", "-d", &old]);
    std::fs::create_dir_all(fixture.path().join(".git/info")).expect("creatable");
    std::fs::write(fixture.path().join(".git/info/grafts"), format!("{old}\n")).expect("writable");
    report("grafts file", equals_git(&fixture));
    assert_eq!(all(&fixture).len(), 2);
}

#[test]
fn the_repositorys_own_configuration_changes_no_number_and_starts_no_program() {
    let fixture = Fixture::new(&[]);
    let mut stream = import(None);
    stream.commit("main", "More").file("sub/c.txt", "").rename("b.dat", "c.dat").gitlink("link", &"1".repeat(40));
    stream.file(".gitmodules", "[submodule \"link\"]\n\tpath = link\n\turl = ./x\n\tignore = all\n");
    stream.commit("main", "Move it").gitlink("link", &"2".repeat(40));
    fixture.import(&stream);
    let rows = |engine| {
        let options = CommitOptions { engine, ..CommitOptions::default() };
        read(&fixture.open(), &options).expect("readable").0
    };
    let before = [rows(EngineKind::Hybrid), rows(EngineKind::Children)];
    assert_eq!(before[0], before[1]);
    assert!(before[0][0].changes.iter().any(|change| change.path == "link"), "{:?}", before[0][0]);
    let canary = fixture.beside("canary");
    let ignored = fixture.beside("ignored-revisions");
    std::fs::write(&ignored, fixture.run(&["rev-parse", "HEAD~3"]) + "\n").expect("writable");
    let ignored = ignored.to_str().expect("plain").to_owned();
    let program = format!("touch {}", canary.display());
    for (name, value) in [
        ("diff.algorithm", "histogram"),
        ("diff.renames", "false"),
        ("diff.renameLimit", "1"),
        ("diff.orderFile", "/nonexistent"),
        ("diff.noprefix", "true"),
        ("diff.relative", "true"),
        ("diff.ignoreSubmodules", "all"),
        ("diff.external", program.as_str()),
        ("diff.interHunkContext", "9"),
        ("diff.statGraphWidth", "2"),
        ("log.showRoot", "false"),
        ("log.follow", "true"),
        ("log.showSignature", "true"),
        ("log.diffMerges", "separate"),
        ("core.quotePath", "false"),
        ("core.abbrev", "5"),
        ("core.bigFileThreshold", "1"),
        ("core.fsmonitor", program.as_str()),
        ("core.pager", program.as_str()),
        ("core.attributesFile", "/nonexistent"),
        ("core.whitespace", "cr-at-eol"),
        ("i18n.logOutputEncoding", "latin1"),
        ("color.ui", "always"),
        ("blame.showRoot", "true"),
        ("blame.ignoreRevsFile", ignored.as_str()),
        ("gpg.program", program.as_str()),
        ("mailmap.file", "/nonexistent"),
        ("mailmap.blob", "HEAD:a.txt"),
    ] {
        fixture.run(&["config", name, value]);
    }
    assert_eq!([rows(EngineKind::Hybrid), rows(EngineKind::Children)], before);
    let mut blamed = 0;
    let repository = fixture.open();
    repository
        .blame(None, &["a.txt".to_owned()], false, &simul_engine::CancelToken::new(), &|_, _| (), &mut |_, hunks| {
            blamed += hunks.expect("it can be blamed").len();
        })
        .expect("readable");
    assert_eq!(blamed, 2);
    assert!(!canary.exists());
}
