//! Who wrote each line: one `git blame --porcelain` child a file, several at once, hunks grouped as git groups them.

use super::Progress;
use super::children::read_object;
use super::decode::RawCommit;
use super::mailmap::Mailmap;
use super::options::thread_count;
use super::pool::{Pool, Service};
use super::process::{Context, damaged, run};
use super::repository::{File, Repository, bytes_to_path};
use crate::record::{Hunk, Signature};
use crate::{RepoError, RepoErrorKind};
use simul_engine::CancelToken;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// Takes a path and its hunks, or why it has none.
pub type BlameSink<'a> = &'a mut dyn FnMut(&str, Result<Vec<Hunk>, RepoError>);

impl Repository {
    /// Who wrote each line of `paths` at `rev` (HEAD unless given).
    ///
    /// # Args
    /// - `paths`: as git writes them, from the top of the repository.
    /// - `with_content`: fill [`Hunk::content`].
    /// - `sink`: takes each path with its hunks, in the order of `paths`, on the calling thread. A path that is not a text
    ///   file there (absent, a folder, a link, binary) has an error of kind `Missing`; the others go on.
    ///
    /// # Errors
    /// `Empty` without any commit, `Missing` for a revision that is not there, `Cancelled`.
    ///
    /// # Cancellation
    /// Children are killed at once; paths not handed out yet are not.
    ///
    /// # Cost
    /// One git child a path, as many at once as there are cores and [`Repository::with_max_children`] allows.
    pub fn blame(
        &self,
        rev: Option<&str>,
        paths: &[String],
        with_content: bool,
        cancel: &CancelToken,
        progress: Progress<'_>,
        sink: BlameSink<'_>,
    ) -> Result<(), RepoError> {
        let context = Context { source: self.source(), phase: "blaming", cancel };
        let commit = self.commit_at(rev, context)?;
        let files: HashMap<String, File> = self
            .files_at(&commit, context)?
            .into_iter()
            .map(|file| (String::from_utf8_lossy(&file.path).into_owned(), file))
            .collect();
        let jobs = paths.iter().map(|path| files.get(path)).collect::<Vec<_>>();
        let blamer = Blamer::new(self, &commit, with_content, context)?;
        let total = paths.len() as u64;
        let mut done = 0;
        blamer.run(&jobs, &mut |index, result| {
            let missing = || {
                context
                    .error(RepoErrorKind::Missing, format!("{} is not a file at {commit}", paths[index]))
                    .hint("give the path from the top of the repository, as `git ls-files` prints it")
            };
            sink(&paths[index], result.unwrap_or_else(|| Err(missing())));
            done += 1;
            progress(done, Some(total));
        })
    }
}

/// Blames files of one commit.
pub(super) struct Blamer<'a> {
    repository: &'a Repository,
    commit: &'a str,
    with_content: bool,
    context: Context<'a>,
    pool: Pool<'a>,
    mailmap: Mailmap,
    /// Authors of commits met so far.
    authors: Mutex<HashMap<String, Signature>>,
}

/// Takes the index of a file and its hunks, or None for no file.
type Deliver<'a> = &'a mut dyn FnMut(usize, Option<Result<Vec<Hunk>, RepoError>>);

impl<'a> Blamer<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        commit: &'a str,
        with_content: bool,
        context: Context<'a>,
    ) -> Result<Self, RepoError> {
        let mailmap = Mailmap::of(repository, context)?;
        let pool = Pool::new(repository, context, repository.max_children());
        Ok(Self { repository, commit, with_content, context, pool, mailmap, authors: Mutex::default() })
    }

    /// Blames all of `files`, delivering in their order on this thread.
    pub(super) fn run(&self, files: &[Option<&File>], deliver: Deliver<'_>) -> Result<(), RepoError> {
        let next = AtomicUsize::new(0);
        let (results, outbox) = mpsc::channel();
        let threads = thread_count(0).min(self.repository.max_children()).min(files.len());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (results, next) = (results.clone(), &next);
                let work = move || {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(file) = files.get(index) else { return };
                        if self.context.cancel.is_cancelled() {
                            return;
                        }
                        if results.send((index, file.map(|file| self.file(file)))).is_err() {
                            return;
                        }
                    }
                };
                let started = std::thread::Builder::new().name("simul-blame".into()).spawn_scoped(scope, work);
                if let Err(error) = started {
                    return Err(self.context.error(RepoErrorKind::Git, format!("no thread could be started: {error}")));
                }
            }
            drop(results);
            let mut waiting = BTreeMap::new();
            let mut following = 0;
            for (index, result) in outbox {
                waiting.insert(index, result);
                while let Some(result) = waiting.remove(&following) {
                    following += 1;
                    if !self.context.cancel.is_cancelled() {
                        deliver(following - 1, result);
                    }
                }
            }
            self.context.check()
        })
    }

    fn file(&self, file: &File) -> Result<Vec<Hunk>, RepoError> {
        let path = String::from_utf8_lossy(&file.path).into_owned();
        let binary = self.pool.with(Service::Objects, |process| {
            process.ask(format!("{}\n", file.id).as_bytes())?;
            let mut data = Vec::new();
            read_object(process, &mut data)?;
            Ok(super::lines::is_binary(&data))
        })?;
        if binary {
            return Err(self
                .context
                .error(RepoErrorKind::Missing, format!("{path} is binary and has no lines"))
                .hint("leave binary files out"));
        }
        let output = self.pool.place(|| {
            let mut command = self.repository.command();
            command.args(["-c", "blame.showRoot=false", "-c", "core.quotePath=false", "blame", "--porcelain"]);
            // The empty name forgets the files that the configuration names.
            command.args(["--ignore-revs-file=", "--no-textconv", self.commit, "--"]).arg(bytes_to_path(&file.path));
            run(command, self.context)
        })?;
        if !output.success {
            return Err(damaged(&self.context, &output.stderr));
        }
        let mut hunks = porcelain(&output.stdout, &path, self.with_content)
            .ok_or_else(|| self.context.error(RepoErrorKind::Git, format!("git blame of {path} could not be read")))?;
        self.add_authors(&mut hunks)?;
        Ok(hunks)
    }

    fn add_authors(&self, hunks: &mut [Hunk]) -> Result<(), RepoError> {
        let mut unknown: Vec<&str> = {
            let known = self.authors.lock().unwrap_or_else(PoisonError::into_inner);
            hunks.iter().map(|hunk| hunk.sha.as_str()).filter(|sha| !known.contains_key(*sha)).collect()
        };
        unknown.sort_unstable();
        unknown.dedup();
        for batch in unknown.chunks(256) {
            let read = self.pool.with(Service::Objects, |process| {
                process.ask((batch.join("\n") + "\n").as_bytes())?;
                let mut data = Vec::new();
                let mut read = Vec::new();
                for sha in batch {
                    read_object(process, &mut data)?;
                    let row = RawCommit::parse(&data).row(sha, &[], &self.mailmap);
                    read.push(((*sha).to_owned(), row.author));
                }
                Ok(read)
            })?;
            self.authors.lock().unwrap_or_else(PoisonError::into_inner).extend(read);
        }
        let known = self.authors.lock().unwrap_or_else(PoisonError::into_inner);
        for hunk in hunks {
            if let Some(author) = known.get(&hunk.sha) {
                hunk.author.clone_from(author);
            }
        }
        Ok(())
    }
}

/// What the headers of a commit said. The path is repeated where it changes, the rest is said once.
#[derive(Default)]
struct Origin {
    path: String,
    summary: String,
    boundary: bool,
}

/// Reads `git blame --porcelain`: for each line `id original-line final-line`, the first of a group with its length;
/// headers where the commit is new; a tab and the line.
fn porcelain(output: &[u8], path: &str, with_content: bool) -> Option<Vec<Hunk>> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut origins: HashMap<String, Origin> = HashMap::new();
    let mut sha = String::new();
    for line in super::lines::split(output) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if let Some(content) = line.strip_prefix(b"\t") {
            let hunk = hunks.last_mut()?;
            if with_content {
                hunk.content.push(String::from_utf8_lossy(content).into_owned());
            }
            if hunk.orig_path.is_empty() {
                let origin = origins.get(&hunk.sha)?;
                hunk.orig_path.clone_from(&origin.path);
                hunk.summary.clone_from(&origin.summary);
                hunk.boundary = origin.boundary;
            }
            sha.clear();
        } else if sha.is_empty() {
            let text = std::str::from_utf8(line).ok()?;
            let fields: Vec<&str> = text.split(' ').collect();
            sha = (*fields.first()?).to_owned();
            if let [_, original, last, count] = fields[..] {
                hunks.push(Hunk {
                    path: path.to_owned(),
                    sha: sha.clone(),
                    start_line: last.parse().ok()?,
                    orig_start_line: original.parse().ok()?,
                    lines: count.parse().ok()?,
                    ..Hunk::default()
                });
            }
        } else if let Some(name) = line.strip_prefix(b"filename ") {
            origins.entry(sha.clone()).or_default().path = String::from_utf8_lossy(&unquote(name)).into_owned();
        } else if line == b"boundary" {
            origins.entry(sha.clone()).or_default().boundary = true;
        } else if let Some(summary) = line.strip_prefix(b"summary ") {
            origins.entry(sha.clone()).or_default().summary = String::from_utf8_lossy(summary).into_owned();
        }
    }
    Some(hunks)
}

/// A path as git quotes it: in double quotes, with C escapes, when it holds a control byte, a quote or a backslash.
fn unquote(name: &[u8]) -> Vec<u8> {
    let Some(quoted) = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")) else { return name.to_vec() };
    let mut out = Vec::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&escape, after)) = rest.split_first() else { break };
        rest = after;
        out.push(match escape {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'0'..=b'3' if rest.len() >= 2 => {
                let value = (escape - b'0') << 6 | (rest[0] & 7) << 3 | rest[1] & 7;
                rest = &rest[2..];
                value
            }
            other => other,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_paths_are_read() {
        assert_eq!(unquote(b"a b"), b"a b");
        assert_eq!(unquote(br#""a\tb\n\"\\\033[m""#), b"a\tb\n\"\\\x1b[m");
        assert_eq!(unquote(br#"a"b"#), br#"a"b"#);
    }

    #[test]
    fn a_group_is_a_hunk_and_an_origin_may_change_within_a_commit() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let output = format!(
            "{a} 1 1 2\nauthor A\nboundary\nfilename old\n\tone\n{a} 2 2\n\ttwo\n{b} 7 3 1\nauthor B\nfilename f\n\t\tthree\n{a} 9 4 1\nfilename older\n\tfour\n"
        );
        let hunks = porcelain(output.as_bytes(), "f", true).expect("well formed");
        let rows: Vec<_> = hunks
            .iter()
            .map(|h| (h.start_line, h.orig_start_line, h.lines, h.orig_path.as_str(), h.boundary, h.content.join("|")))
            .collect();
        assert_eq!(
            rows,
            [
                (1, 1, 2, "old", true, "one|two".to_owned()),
                (3, 7, 1, "f", false, "\tthree".to_owned()),
                (4, 9, 1, "older", true, "four".to_owned()),
            ]
        );
    }
}
