use super::*;
use proptest::prelude::*;
use std::io::Write;
use std::process::{Command, Stdio};

fn compare(old: &str, new: &str) -> Option<(u64, u64)> {
    Lines::new(true).compare(old.as_bytes(), new.as_bytes()).map(|count| (count.added, count.deleted))
}

#[test]
fn small_changes_are_counted() {
    for (old, new, expected) in [
        ("", "", (0, 0)),
        ("a\n", "a\n", (0, 0)),
        ("", "a\nb", (2, 0)),
        ("a\nb", "", (0, 2)),
        ("a", "a\n", (1, 1)),
        ("a\nb\nc\n", "a\nc\n", (0, 1)),
        ("a\nc\n", "a\nb\nc\n", (1, 0)),
        ("a\nb\nc\n", "a\nx\nc\n", (1, 1)),
        ("a\na\na\n", "a\na\n", (0, 1)),
        ("a\r\nb\n", "a\nb\n", (1, 1)),
        ("abc\n", "xabc\n", (1, 1)),
        ("x\nabc", "y\nabc", (1, 1)),
        ("a\nb\nc\nd\n", "c\nd\na\nb\n", (2, 2)),
        ("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n", (2, 3)),
    ] {
        assert_eq!(compare(old, new), Some(expected), "{old:?} {new:?}");
    }
}

#[test]
fn a_change_that_git_searches_by_heuristics_is_left_to_git() {
    let line = |prefix: &str, i: usize| format!("{prefix}{}\n", i % 300);
    let old: String = (0..900).map(|i| line("a", i * 7)).collect();
    let new: String = (0..900).map(|i| line("a", i * 11 + 5)).collect();
    assert_eq!(compare(&old, &new), None);
    // Nothing in common needs no search, however much it is.
    let other: String = (0..900).map(|i| line("b", i)).collect();
    assert_eq!(compare(&old, &other), Some((900, 900)));
}

#[test]
fn a_frequent_line_amid_replaced_ones_is_set_aside_or_left_to_git() {
    let padding: String = (0..100).map(|i| format!("pad{i}\n\n")).collect();
    let text = |name: &str, unmatched: usize| {
        let half: String = (0..unmatched).map(|i| format!("{name}{i}\n")).collect();
        format!("{padding}{half}\n{half}end\n{padding}")
    };
    assert_eq!(compare(&text("u", 4), &text("v", 4)), Some((9, 9)));
    assert_eq!(compare(&text("u", 2), &text("v", 2)), Some((4, 4)));
    let mut cautious = Lines::new(false);
    assert_eq!(cautious.compare(text("u", 4).as_bytes(), text("v", 4).as_bytes()), None);
    assert!(cautious.compare(text("u", 2).as_bytes(), text("v", 2).as_bytes()).is_some());
}

/// The textbook distance.
fn by_table(old: &[u32], new: &[u32]) -> u64 {
    let mut row: Vec<u64> = (0..=new.len() as u64).collect();
    for a in old {
        let mut diagonal = row[0];
        row[0] += 1;
        for (at, b) in new.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if a == b { diagonal } else { 1 + above.min(row[at]) };
            diagonal = above;
        }
    }
    row[new.len()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_search_finds_the_shortest_distance(
        old in prop::collection::vec(0u32..6, 0..40),
        new in prop::collection::vec(0u32..6, 0..40),
        most in 0u64..90,
    ) {
        let expected = by_table(&old, &new);
        let found = distance(&old, &new, most, &mut Vec::new());
        prop_assert_eq!(found, (expected <= most).then_some(expected));
    }
}

/// A small generator with a fixed seed: the texts must be the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

/// Code-like texts: many blank lines and braces, blocks that move, replaced runs, a missing last newline now and then.
fn texts(random: &mut Random) -> (String, String) {
    const COMMON: &[&str] = &["\n", "\n", "}\n", "    }\n", "return x\n", "else {\n"];
    let distinct = 1 + random.next(200);
    let repeat = random.next(100);
    let line = |random: &mut Random, fresh: usize| {
        if random.next(100) < repeat {
            COMMON[random.next(COMMON.len())].to_owned()
        } else {
            format!("line {} {fresh}\n", random.next(distinct))
        }
    };
    let size = 1 + random.next(400);
    let old: Vec<String> = (0..size).map(|_| line(random, 0)).collect();
    let mut new = old.clone();
    for edit in 0..random.next(12) {
        let at = random.next(new.len() + 1);
        let length = random.next(40).min(new.len() - at);
        match random.next(4) {
            0 => drop(new.drain(at..at + length)),
            1 => {
                let block: Vec<String> = (0..length).map(|_| line(random, edit + 1)).collect();
                new.splice(at..at, block);
            }
            2 => {
                let block: Vec<String> = new.drain(at..at + length).collect();
                let to = random.next(new.len() + 1);
                new.splice(to..to, block);
            }
            // A rewritten run that keeps its blank lines: where git sets lines aside.
            _ => {
                for line in &mut new[at..at + length] {
                    if line.len() > 3 {
                        *line = format!("{} {edit}\n", line.trim_end());
                    }
                }
            }
        }
    }
    let text = |lines: Vec<String>, random: &mut Random| {
        let mut text = lines.concat();
        if random.next(10) == 0 {
            text.pop();
        }
        text
    };
    (text(old, random), text(new, random))
}

#[test]
fn counts_equal_gits_wherever_they_are_claimed() {
    const PAIRS: usize = 4000;
    let git = crate::Git::find().expect("git");
    let folder = tempfile::tempdir().expect("tempdir");
    let run = |words: &[&str]| {
        let mut command: Command = git.command(None);
        command.current_dir(folder.path()).args(words);
        command
    };
    assert!(run(&["init", "-q"]).status().expect("git runs").success());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let pairs: Vec<_> = (0..PAIRS).map(|_| texts(&mut random)).collect();
    // One import: on each of two branches a commit with all of the files, then one comparison of the two.
    let mut import = Vec::new();
    for (branch, pick) in [("old", 0), ("new", 1)] {
        write!(import, "commit refs/heads/{branch}\ncommitter A <a@b> 1 +0000\ndata 0\n").expect("memory");
        for (index, pair) in pairs.iter().enumerate() {
            let text = if pick == 0 { &pair.0 } else { &pair.1 };
            write!(import, "M 100644 inline {index:05}\ndata {}\n{text}\n", text.len()).expect("memory");
        }
    }
    let mut child = run(&["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().expect("git runs");
    child.stdin.take().expect("piped").write_all(&import).expect("git reads");
    assert!(child.wait().expect("git ends").success());
    let output = run(&["diff-tree", "-r", "--numstat", "--no-renames", "old", "new"]).output().expect("git runs");
    let mut expected = vec![(0, 0); PAIRS];
    for line in String::from_utf8(output.stdout).expect("numbers").lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        expected[fields[2].parse::<usize>().expect("a name")] =
            (fields[0].parse().expect("added"), fields[1].parse().expect("deleted"));
    }
    let (mut lines, mut cautious) = (Lines::new(true), Lines::new(false));
    let (mut claimed, mut changed, mut cautiously) = (0, 0, 0);
    for (index, (old, new)) in pairs.iter().enumerate() {
        if let Some(count) = lines.compare(old.as_bytes(), new.as_bytes()) {
            assert_eq!((count.added, count.deleted), expected[index], "pair {index}\n--- old\n{old}\n--- new\n{new}");
            claimed += 1;
            changed += usize::from(old != new);
        }
        if let Some(count) = cautious.compare(old.as_bytes(), new.as_bytes()) {
            assert_eq!((count.added, count.deleted), expected[index], "cautious pair {index}");
            cautiously += 1;
        }
    }
    assert!(cautiously > PAIRS / 3 && changed > PAIRS / 2, "{changed} of {PAIRS} were claimed");
    println!(
        "{claimed} of {PAIRS} random pairs claimed and equal to git's, {changed} of them with changes; {cautiously} cautiously"
    );
}
