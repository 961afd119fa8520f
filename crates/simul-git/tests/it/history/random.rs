//! Random histories with fixed seeds: whatever comes out must equal git.

use super::fixture::{Compared, Fixture, Import, equals_git, report};

/// Small and fixed: the histories must be the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

const PATHS: &[&str] =
    &["a", "a.c", "a-b", "a/x", "a/y/z", "b", "b/c", "lib/one.rs", "lib/two.rs", "lib", "README", "été", "q\"uote"];

fn content(random: &mut Random, before: Option<&Vec<u8>>) -> Vec<u8> {
    const COMMON: &[&str] = &["\n", "\n", "}\n", "    return;\n", "else\n"];
    let line = |random: &mut Random| match random.below(3) {
        0 => COMMON[random.below(COMMON.len())].to_owned(),
        _ => format!("line {}\n", random.below(60)),
    };
    if random.below(25) == 0 {
        return vec![0; random.below(5)];
    }
    let mut lines: Vec<Vec<u8>> = match before {
        Some(before) if random.below(6) > 0 => {
            before.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
        }
        _ => (0..random.below(120)).map(|_| line(random).into_bytes()).collect(),
    };
    for _ in 0..1 + random.below(4) {
        let at = random.below(lines.len() + 1);
        let length = random.below(12).min(lines.len() - at);
        let block: Vec<Vec<u8>> = (0..random.below(12)).map(|_| line(random).into_bytes()).collect();
        lines.splice(at..at + length, block);
    }
    let mut text = lines.concat();
    if random.below(8) == 0 {
        text.pop();
    }
    text
}

/// What a branch holds, so that edits build on what is there.
type Files = std::collections::BTreeMap<String, Vec<u8>>;

fn remove_in_the_way(files: &mut Files, path: &str) {
    files.retain(|known, _| {
        known != path && !known.starts_with(&format!("{path}/")) && !path.starts_with(&format!("{known}/"))
    });
}

fn history(seed: u64, commits: usize) -> Import {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut import = Import::default();
    let mut states: Vec<Files> = vec![Files::new()];
    for number in 0..commits {
        // Mostly a line, at times from an older commit, at times a merge or a new root.
        let last = states.len() - 1;
        let branch = if number > 0 && random.below(5) == 0 { "side" } else { "main" };
        let parent = if last == 0 { 0 } else { 1 + random.below(last.min(4)) + last.saturating_sub(4) };
        let parent = parent.min(last);
        let mut files = states[parent].clone();
        if parent == 0 || random.below(40) == 0 {
            files.clear();
            import.orphan(branch).commit(branch, format!("Root {number}\n"));
        } else {
            import.commit(branch, format!("Commit {number}\n\nbody {}\n", random.below(9))).from(parent as u64);
            if random.below(6) == 0 {
                let other = 1 + random.below(last);
                if other != parent {
                    import.merge(other as u64);
                }
            }
        }
        // fast-import keeps the parent's files: say again what this commit holds, from nothing.
        for _ in 0..random.below(5) {
            let path = PATHS[random.below(PATHS.len())].to_owned();
            let before = files.get(&path).cloned();
            match random.below(6) {
                0 => drop(files.remove(&path)),
                1 => {
                    let names: Vec<String> = files.keys().cloned().collect();
                    if let Some(from) = names.get(random.below(names.len().max(1))) {
                        let moved = files.remove(from).expect("just listed");
                        remove_in_the_way(&mut files, &path);
                        let edited = if random.below(2) == 0 { moved } else { content(&mut random, Some(&moved)) };
                        files.insert(path, edited);
                    }
                }
                _ => {
                    let text = content(&mut random, before.as_ref());
                    remove_in_the_way(&mut files, &path);
                    files.insert(path, text);
                }
            }
        }
        import.clear();
        for (path, text) in &files {
            let mode = match text.len() % 17 {
                0 => "100755",
                1 => "120000",
                _ => "100644",
            };
            import.with_mode(mode, path, text);
        }
        states.push(files);
    }
    import
}

#[test]
fn random_histories_equal_git() {
    let mut all = Compared::default();
    for seed in 1..=6 {
        let fixture = Fixture::new(if seed % 2 == 0 { &["--bare"] } else { &["--object-format=sha256"] });
        fixture.import(&history(seed, 90));
        if seed % 3 == 0 {
            fixture.run(&["repack", "-adfq"]);
        }
        let compared = equals_git(&fixture);
        all.commits += compared.commits;
        all.rows += compared.rows;
        all.blame_lines += compared.blame_lines;
    }
    assert!(all.commits > 2000 && all.rows > 3000 && all.blame_lines > 200, "{all:?}");
    report("random histories", all);
}
