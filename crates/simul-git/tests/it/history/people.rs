//! `.mailmap`: the same people as git shows.

use super::fixture::{Fixture, Import, equals_git, lines, read, report};
use simul_git::history::CommitOptions;

const MAILMAP: &str = "\
# a comment
Proper Name <proper@example.org>
Only Name <UPPER@example.org>
<new@example.org> <old@example.org>
Both Parts <both@example.org> <before@example.org>
By Name <by-name@example.org> Nick <shared@example.org>
Other Person <shared@example.org>
  Blanks Around   <blanks@example.org>   <  spaced@example.org  >
Later Wins <twice@example.org>
Later Still <twice@example.org>
<twice-mail@example.org> <twice@example.org>
Broken <no-end
<> <empty@example.org>
Name And <> <empty-new@example.org>
No Commit Address <> Nick
<mail@example.org> Named <names@example.org>
";

const PEOPLE: &[&str] = &[
    "Nick <proper@example.org>",
    "Nick <PROPER@Example.org>",
    "Nick <upper@example.org>",
    "Nick <old@example.org>",
    "Nick <before@example.org>",
    "Nick <shared@example.org>",
    "NICK <Shared@example.org>",
    "Somebody <shared@example.org>",
    "Nick <spaced@example.org>",
    "Nick <twice@example.org>",
    "Nick <empty@example.org>",
    "Nick <empty-new@example.org>",
    "Named <names@example.org>",
    "Unnamed <names@example.org>",
    "Nobody <unknown@example.org>",
];

fn people() -> Import {
    let mut import = Import::default();
    import.commit("main", "Start").file(".mailmap", MAILMAP).file("a", lines("a", 3));
    for (index, person) in PEOPLE.iter().enumerate() {
        import.commit_by("main", person.as_bytes(), None, format!("By {person}\n"));
        import.file("a", lines("a", 4 + index));
    }
    import
}

#[test]
fn people_are_shown_as_git_maps_them() {
    for words in [&[][..], &["--bare"]] {
        let fixture = Fixture::new(words);
        fixture.import(&people());
        report("mailmap", equals_git(&fixture));
        if !words.is_empty() {
            // Bare by its shape alone.
            std::fs::remove_file(fixture.path().join("config")).expect("a configuration");
            report("mailmap, no configuration", equals_git(&fixture));
        }
        let (commits, _) = read(&fixture.open(), &CommitOptions::default()).expect("readable");
        let by = |raw: &str| {
            let found = commits.iter().find(|commit| commit.subject == format!("By {raw}")).expect("its commit");
            (found.author.name.as_str(), found.author.email.as_str())
        };
        assert_eq!(by("Nick <old@example.org>"), ("Nick", "new@example.org"));
        assert_eq!(by("Nick <PROPER@Example.org>"), ("Proper Name", "PROPER@Example.org"));
        assert_eq!(by("NICK <Shared@example.org>"), ("By Name", "by-name@example.org"));
        let asked: Vec<&str> = PEOPLE.to_vec();
        let shown = fixture.run(&[&["check-mailmap"][..], &asked].concat());
        let ours: Vec<String> = PEOPLE.iter().map(|raw| format!("{} <{}>", by(raw).0, by(raw).1)).collect();
        assert_eq!(shown.lines().collect::<Vec<_>>(), ours);
    }
}

#[cfg(unix)]
#[test]
fn a_mailmap_that_is_a_link_is_not_followed() {
    let fixture = Fixture::new(&[]);
    fixture.import(&people());
    let outside = fixture.beside("outside");
    std::fs::rename(fixture.path().join(".mailmap"), &outside).expect("movable");
    std::os::unix::fs::symlink(&outside, fixture.path().join(".mailmap")).expect("linkable");
    report("linked mailmap", equals_git(&fixture));
    let (commits, _) = read(&fixture.open(), &CommitOptions::default()).expect("readable");
    assert!(commits.iter().all(|commit| commit.author.name == commit.author.raw_name));
}
