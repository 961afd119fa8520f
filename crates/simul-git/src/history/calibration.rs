//! Whether the installed git sets lines aside as [`super::ambiguity`] describes: asked once, with texts at each border.
//!
//! The rule was observed, not promised. A git that works otherwise makes simul cautious (any doubt goes to git) or, if
//! even that differs, leaves all line counts to git. So a new git costs speed, never a wrong number.

use super::lines::{Count, Lines};
use super::process::{Context, run};
use crate::{Git, RepoError, RepoErrorKind};

/// What is known of a git's line matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matching {
    /// As described.
    AsObserved,
    /// Otherwise at the borders, but never where there is no doubt.
    Cautious,
    /// Not understood.
    Unknown,
}

/// How `git` matches lines.
///
/// # Cost
/// A temporary folder of some 40 small files and one child, the first time in a process.
pub(super) fn matching(git: &Git, context: Context<'_>) -> Result<Matching, RepoError> {
    // Two threads may ask at once and hear the same; no lock is held meanwhile, for a fork would keep it for ever.
    if let Some(known) = git.matching().get() {
        return Ok(*known);
    }
    let pairs = borders();
    let counted = by_git(git, &pairs, context)?;
    let agrees = |as_observed| {
        let mut lines = Lines::new(as_observed);
        pairs.iter().zip(&counted).all(|((old, new), counted)| {
            lines.compare(old.as_bytes(), new.as_bytes()).is_none_or(|count| Some(count) == *counted)
        })
    };
    let matching = if counted.len() != pairs.len() || !agrees(false) {
        Matching::Unknown
    } else if agrees(true) {
        Matching::AsObserved
    } else {
        Matching::Cautious
    };
    Ok(*git.matching().get_or_init(|| matching))
}

/// Additions and deletions of each pair as git counts them.
fn by_git(git: &Git, pairs: &[(String, String)], context: Context<'_>) -> Result<Vec<Option<Count>>, RepoError> {
    let failed = |error: std::io::Error| {
        context
            .error(RepoErrorKind::Storage, format!("no temporary files could be written: {error}"))
            .hint("free some space, or set TMPDIR to a folder that can be written")
    };
    let folder = tempfile::tempdir().map_err(failed)?;
    for side in ["old", "new"] {
        std::fs::create_dir(folder.path().join(side)).map_err(failed)?;
    }
    for (index, (old, new)) in pairs.iter().enumerate() {
        std::fs::write(folder.path().join(format!("old/{index:03}")), old).map_err(failed)?;
        std::fs::write(folder.path().join(format!("new/{index:03}")), new).map_err(failed)?;
    }
    let mut command = git.command(None);
    command.current_dir(folder.path()).env("GIT_CEILING_DIRECTORIES", folder.path());
    command.args(["diff", "--no-index", "--numstat", "--no-renames", "-z", "old", "new"]);
    let output = run(command, context)?.stdout;
    // added, tab, deleted, tab, and for two folders an empty name with both names behind it
    let mut counted = Vec::new();
    for record in output.split(|byte| *byte == 0) {
        let text = String::from_utf8_lossy(record);
        let fields: Vec<&str> = text.split('\t').collect();
        if let [added, deleted, ..] = fields[..] {
            let count = added.parse().ok().zip(deleted.parse().ok());
            counted.push(count.map(|(added, deleted)| Count { added, deleted }));
        }
    }
    Ok(counted)
}

/// Pairs of texts on both sides of each border of the rule. No pair is equal, so that git lists them all.
fn borders() -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut add = |text: &dyn Fn(&str) -> String| pairs.push((text("old"), text("new")));
    // How often is "very often"? `lines` lines in all, of which `times` are the same.
    for lines in [63usize, 64, 255, 256, 1023, 1024] {
        let often = 1usize << (lines.ilog2() / 2 + 1);
        for times in [often - 1, often] {
            add(&|name| {
                let rest: String = (0..lines - 9 - times).map(|i| format!("pad {i}\n")).collect();
                let run: String = (0..4).map(|i| format!("{name} {i}\n")).collect();
                "same\n".repeat(times - 1) + &rest + &run + "same\n" + &run.replace(' ', "-") + "end\n"
            });
        }
    }
    // How many unmatched lines around k frequent ones?
    let padding: String = (0..100).map(|i| format!("pad {i}\n\n")).collect();
    let amid = |name: &str, before: usize, frequent: usize, after: usize| {
        let run = |part: &str, count: usize| (0..count).map(|i| format!("{name} {part} {i}\n")).collect::<String>();
        let blank = "\n".repeat(frequent);
        format!("{padding}{}{blank}{}end\n{padding}", run("before", before), run("after", after))
    };
    for frequent in 1..=4 {
        for unmatched in [3 * (frequent + 1), 3 * (frequent + 1) + 1] {
            add(&|name| amid(name, 1, frequent, unmatched - 1));
            add(&|name| amid(name, unmatched / 2, frequent, unmatched - unmatched / 2));
        }
    }
    // None before: never.
    add(&|name| amid(name, 0, 1, 12) + name);
    // How far does it look?
    for frequent in [46, 48, 51, 54] {
        add(&|name| amid(name, 240, frequent, 240));
    }
    // A search that is exact, with much to choose from.
    add(&|name| {
        let stride = if name == "old" { 3 } else { 5 };
        (0..240).map(|i| format!("{}\n", i * stride % 97)).collect()
    });
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use simul_engine::CancelToken;

    #[test]
    fn the_installed_git_matches_lines_as_observed() {
        let cancel = CancelToken::new();
        let context = Context { source: "test", phase: "testing", cancel: &cancel };
        let git = Git::find().expect("git");
        assert_eq!(matching(&git, context).expect("it runs"), Matching::AsObserved);
        let pairs = borders();
        let counted = by_git(&git, &pairs, context).expect("it runs");
        assert_eq!(counted.len(), pairs.len());
        // The borders must be borders: some lines are set aside and some are not, and caution shows.
        let mut cautious = Lines::new(false);
        let doubts =
            pairs.iter().filter(|(old, new)| cautious.compare(old.as_bytes(), new.as_bytes()).is_none()).count();
        assert!(doubts >= 10 && doubts < pairs.len(), "{doubts} of {}", pairs.len());
    }

    #[cfg(unix)]
    #[test]
    fn a_git_that_counts_otherwise_is_not_imitated() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("git");
        // It answers like git, and is off by one where a frequent line is set aside.
        let real = Git::find().expect("git").path().display().to_string();
        for (edit, expected) in
            [("s/^8\\t8\\t/9\\t9\\t/", Matching::Unknown), ("s/^9\\t9\\t/8\\t8\\t/", Matching::Cautious)]
        {
            let script = format!(
                "#!/bin/sh\ncase \"$*\" in *numstat*) {real} \"$@\" | sed -z '{edit}';; *) exec {real} \"$@\";; esac\n"
            );
            crate::program::tests::write_program(&path, &script);
            let git = Git::at(&path).expect("accepted");
            let cancel = CancelToken::new();
            let context = Context { source: "test", phase: "testing", cancel: &cancel };
            assert_eq!(matching(&git, context).expect("it runs"), expected, "{edit}");
        }
    }
}
