//! What `git log` and `git blame` print, read independently of the library: the far end that results are judged by.

use simul_engine::CancelToken;
use simul_git::history::{Merges, Refs, Repository};
use simul_git::record::{Change, Commit, Hunk};
use simul_git::{Git, RepoError};
use std::path::Path;

/// Settings of the machine or of the repository that would change what the plain command prints.
const PINNED: &[&str] = &["-c", "diff.algorithm=myers", "-c", "log.showSignature=false", "-c", "log.showRoot=true"];

/// Fields that `git log` prints for a commit, in the order of [`FORMAT`].
const FORMAT: &str = "%x01%H%x00%P%x00%T%x00%aN%x00%aE%x00%an%x00%ae%x00%at%x00%ai%x00%cN%x00%cE%x00%cn%x00%ce%x00%ct%x00%ci%x00%e%x00%s%x00%b%x02";

/// Every commit as `git log --raw --numstat -M -z` shows it.
pub(crate) fn commits(git: &Git, path: &Path, refs: &Refs, merges: Merges) -> Vec<Commit> {
    let mut command = git.command(None);
    // safe.directory only: this is the plain command on the plain repository.
    command.args(["-c", "safe.directory=*"]).args(PINNED).arg("-C").arg(path);
    command.args(["log", "-z", "--raw", "--no-abbrev", "--numstat", "-M", "--no-color"]);
    command.arg(format!("--format={FORMAT}"));
    match merges {
        Merges::Zero => {}
        Merges::FirstParent => drop(command.arg("--diff-merges=first-parent")),
        Merges::Combined => drop(command.arg("--diff-merges=combined")),
    }
    match refs {
        Refs::Head => {}
        Refs::All => drop(command.arg("--all")),
        Refs::Named(names) => drop(command.args(names)),
    }
    let output = command.arg("--").output().expect("git runs");
    assert!(output.status.success(), "git log: {}", String::from_utf8_lossy(&output.stderr));
    let text = output.stdout;
    // A commit begins with \x01 and its text ends with \x02; neither is ever in an id, and the tests that put control
    // bytes into paths and messages leave these two out.
    let mut commits = Vec::new();
    for part in text.split(|byte| *byte == 1).skip(1) {
        let end = part.iter().position(|byte| *byte == 2).expect("the format ends with \\x02");
        commits.push(commit(&part[..end], &part[end + 1..], merges));
    }
    commits
}

fn commit(fields: &[u8], rows: &[u8], merges: Merges) -> Commit {
    let fields: Vec<String> =
        fields.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned()).collect();
    // What git cannot find in a broken header it prints as the placeholder.
    let fields: Vec<String> = fields
        .into_iter()
        .map(|field| if field.len() == 3 && FORMAT.contains(&field) { String::new() } else { field })
        .collect();
    let [
        sha,
        parents,
        tree,
        a_name,
        a_email,
        a_raw,
        a_raw_email,
        a_time,
        a_zone,
        c_name,
        c_email,
        c_raw,
        c_raw_email,
        c_time,
        c_zone,
        encoding,
        subject,
        body,
    ] = &fields[..]
    else {
        panic!("{fields:?}")
    };
    let mut commit = Commit {
        sha: sha.clone(),
        parents: parents.split_whitespace().map(str::to_owned).collect(),
        tree: tree.clone(),
        subject: subject.clone(),
        body: body.trim_end_matches('\n').to_owned(),
        encoding: (!encoding.is_empty()).then(|| encoding.clone()),
        ..Commit::default()
    };
    for (signature, [name, email, raw, raw_email, time, zone]) in [
        (&mut commit.author, [a_name, a_email, a_raw, a_raw_email, a_time, a_zone]),
        (&mut commit.committer, [c_name, c_email, c_raw, c_raw_email, c_time, c_zone]),
    ] {
        signature.name.clone_from(name);
        signature.email.clone_from(email);
        signature.raw_name.clone_from(raw);
        signature.raw_email.clone_from(raw_email);
        signature.seconds = time.parse().unwrap_or(0);
        signature.offset_minutes = minutes(zone.rsplit(' ').next().unwrap_or(""));
    }
    commit.is_merge = commit.parents.len() > 1;
    commit.changes = changes(rows);
    if merges == Merges::Combined && commit.is_merge {
        // Only what the combined records list; `changes` has already dropped the rest.
        assert!(commit.changes.iter().all(|change| change.new_mode != 0 || change.status == 'D'));
    }
    commit.files = commit.changes.len() as u32;
    commit.binary_files = commit.changes.iter().filter(|change| change.additions.is_none()).count() as u32;
    commit.additions = commit.changes.iter().filter_map(|change| change.additions).sum();
    commit.deletions = commit.changes.iter().filter_map(|change| change.deletions).sum();
    commit
}

fn minutes(zone: &str) -> i32 {
    let value: i32 = zone.parse().unwrap_or(0);
    value.signum() * (value.abs() / 100 * 60 + value.abs() % 100)
}

/// The raw and numstat records behind a commit's text.
fn changes(rows: &[u8]) -> Vec<Change> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut tokens = rows.split(|byte| *byte == 0).skip_while(|token| token.is_empty());
    let mut changes: Vec<Change> = Vec::new();
    let mut numbers = Vec::new();
    let mut first = true;
    while let Some(mut token) = tokens.next() {
        if std::mem::take(&mut first) {
            token = token.strip_prefix(b"\n").unwrap_or(token);
        }
        if token.is_empty() {
            continue;
        }
        if token[0] == b':' {
            let parents = token.iter().take_while(|byte| **byte == b':').count();
            let fields: Vec<String> = token[parents..].split(|byte| *byte == b' ').map(text).collect();
            let oid = |hex: &String| (!hex.bytes().all(|byte| byte == b'0')).then(|| hex.clone());
            let mode = |octal: &String| u32::from_str_radix(octal, 8).expect("octal");
            let status = &fields[2 * (parents + 1)];
            let mut change = Change {
                old_mode: mode(&fields[0]),
                new_mode: mode(&fields[parents]),
                old_oid: oid(&fields[parents + 1]),
                new_oid: oid(&fields[2 * parents + 1]),
                status: status.chars().next().expect("a letter"),
                path: text(tokens.next().expect("a path")),
                ..Change::default()
            };
            if parents == 1 && matches!(change.status, 'R' | 'C') {
                change.similarity = status[1..].parse().ok();
                change.old_path = Some(std::mem::replace(&mut change.path, text(tokens.next().expect("a path"))));
            }
            changes.push(change);
        } else {
            let mut fields = token.splitn(3, |byte| *byte == b'\t');
            let mut number = || fields.next().and_then(|n| text(n).parse::<u64>().ok());
            let (added, deleted) = (number(), number());
            let mut path = text(fields.next().unwrap_or_else(|| panic!("numstat: {:?}", text(token))));
            let mut old_path = None;
            if path.is_empty() {
                old_path = Some(text(tokens.next().expect("a path")));
                path = text(tokens.next().expect("a path"));
            }
            numbers.push((path, old_path, added, deleted));
        }
    }
    for change in &mut changes {
        let found = numbers.iter().find(|number| number.0 == change.path);
        let (_, old_path, added, deleted) = found.unwrap_or_else(|| panic!("no numbers for {change:?}"));
        change.additions = *added;
        change.deletions = *deleted;
        if change.old_path.is_none() {
            change.old_path.clone_from(old_path);
        }
    }
    changes
}

/// What differs between what git printed and what simul read; empty if nothing.
pub(crate) fn mismatches(expected: &[Commit], found: &[Commit]) -> Vec<String> {
    let mut wrong = Vec::new();
    if expected.len() != found.len() {
        wrong.push(format!("{} commits, git has {}", found.len(), expected.len()));
    }
    for (expected, found) in expected.iter().zip(found) {
        if expected == found {
            continue;
        }
        if expected.changes != found.changes {
            let pair = expected.changes.iter().zip(&found.changes).find(|(a, b)| a != b);
            wrong.push(format!(
                "{}: {} files, git has {}; first difference (git, simul): {pair:?}",
                expected.sha,
                found.changes.len(),
                expected.changes.len()
            ));
        } else {
            let bare = |commit: &Commit| Commit { changes: Vec::new(), ..commit.clone() };
            wrong.push(format!("git {:?}\nsimul {:?}", bare(expected), bare(found)));
        }
    }
    wrong
}

/// One blamed line: commit, line there, line here, path there, author as shown, whether a boundary, the line itself.
type Line = (String, u32, u32, String, [String; 2], [i64; 2], bool, String);

/// Blames up to `most` text files of HEAD, spread over the tree; returns how many lines were compared, and what differs.
pub(crate) fn compare_blame(
    git: &Git,
    repository: &Repository,
    path: &Path,
    most: usize,
) -> Result<(usize, Vec<String>), RepoError> {
    let files = repository.files(None)?;
    let step = files.len().div_ceil(most.max(1)).max(1);
    let chosen: Vec<String> = files.into_iter().step_by(step).collect();
    let mut found = Vec::new();
    repository.blame(None, &chosen, true, &CancelToken::new(), &|_, _| (), &mut |path, result| {
        found.push((path.to_owned(), result));
    })?;
    let (mut lines, mut wrong) = (0, Vec::new());
    for (file, result) in found {
        let expected = blame(git, path, &file);
        match result {
            Ok(hunks) => {
                let groups: Vec<(u32, u32)> = hunks.iter().map(|hunk| (hunk.start_line, hunk.lines)).collect();
                let rows = expand(&hunks);
                lines += rows.len();
                if groups != expected.0 {
                    wrong.push(format!("{file}: hunks {groups:?}, git has {:?}", expected.0));
                }
                let pair = expected.1.iter().zip(&rows).find(|(a, b)| a != b);
                if rows.len() != expected.1.len() || pair.is_some() {
                    let (ours, gits) = (rows.len(), expected.1.len());
                    wrong
                        .push(format!("{file}: {ours} lines, git has {gits}; first difference (git, simul): {pair:?}"));
                }
            }
            // Binary files are refused with a reason, not blamed.
            Err(error) if error.detail.contains("is binary") => {}
            Err(error) => wrong.push(format!("{file}: {error}")),
        }
    }
    Ok((lines, wrong))
}

fn expand(hunks: &[Hunk]) -> Vec<Line> {
    let mut lines = Vec::new();
    for hunk in hunks {
        for (offset, content) in (0..hunk.lines).zip(&hunk.content) {
            lines.push((
                hunk.sha.clone(),
                hunk.orig_start_line + offset,
                hunk.start_line + offset,
                hunk.orig_path.clone(),
                [hunk.author.name.clone(), hunk.author.email.clone()],
                [hunk.author.seconds, i64::from(hunk.author.offset_minutes)],
                hunk.boundary,
                format!("{}|{content}", hunk.summary),
            ));
        }
    }
    lines
}

/// What `git blame --line-porcelain` prints: the groups (first line, length), and every line with all of its headers.
fn blame(git: &Git, path: &Path, file: &str) -> (Vec<(u32, u32)>, Vec<Line>) {
    let mut command = git.command(None);
    command.args(["-c", "safe.directory=*", "-c", "core.quotePath=false", "-C"]).arg(path);
    let output = command.args(["blame", "--line-porcelain", "HEAD", "--", file]).output().expect("git runs");
    assert!(output.status.success(), "git blame: {}", String::from_utf8_lossy(&output.stderr));
    let (mut groups, mut lines) = (Vec::new(), Vec::new());
    let mut line = Line::default();
    let mut summary = String::new();
    let mut header = true;
    for bytes in output.stdout.split_inclusive(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(bytes)).into_owned();
        if let Some(content) = text.strip_prefix('\t') {
            line.7 = format!("{summary}|{content}");
            lines.push(std::mem::take(&mut line));
            header = true;
        } else if std::mem::take(&mut header) {
            let fields: Vec<&str> = text.split(' ').collect();
            let number = |at: usize| fields[at].parse::<u32>().expect("a number");
            line.0 = fields[0].to_owned();
            (line.1, line.2) = (number(1), number(2));
            if fields.len() == 4 {
                groups.push((line.2, number(3)));
            }
        } else if let Some((key, value)) = text.split_once(' ') {
            match key {
                "author" => line.4[0] = value.to_owned(),
                "author-mail" => line.4[1] = value.trim_start_matches('<').trim_end_matches('>').to_owned(),
                "author-time" => line.5[0] = value.parse().expect("seconds"),
                "author-tz" => line.5[1] = i64::from(minutes(value)),
                "summary" => summary = value.to_owned(),
                "filename" => line.3 = unquote(value),
                _ => {}
            }
        } else if text == "boundary" {
            line.6 = true;
        }
    }
    (groups, lines)
}

/// Undoes git's C quoting, as far as the tests' paths need it.
fn unquote(name: &str) -> String {
    let Some(quoted) = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) else { return name.to_owned() };
    let mut bytes = Vec::new();
    let mut rest = quoted.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next().expect("an escape") {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            digit @ b'0'..=b'7' => {
                let octal = [digit, rest.next().expect("octal"), rest.next().expect("octal")];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&octal).expect("ascii"), 8).expect("octal"));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
