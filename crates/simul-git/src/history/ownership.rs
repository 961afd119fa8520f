//! How many lines of each file each author wrote, from blame of every text file at a revision.

use super::Progress;
use super::blame::Blamer;
use super::process::Context;
use super::repository::Repository;
use crate::record::Ownership;
use crate::{RepoError, RepoErrorKind};
use simul_engine::CancelToken;
use std::collections::BTreeMap;

impl Repository {
    /// Lines by author of every text file at `rev` (HEAD unless given): a row for each file and author, files in git's
    /// order, the author of most lines first. Binary and empty files have no row.
    ///
    /// # Errors
    /// `Empty` without any commit, `Missing` for a revision that is not there, `Corrupt`, `Cancelled`. A file that cannot
    /// be blamed fails the whole, for shares that leave it out would be wrong.
    ///
    /// # Cancellation
    /// Children are killed at once.
    ///
    /// # Cost
    /// One `git blame` a file: minutes for thousands of files with a long history.
    pub fn ownership(
        &self,
        rev: Option<&str>,
        cancel: &CancelToken,
        progress: Progress<'_>,
        sink: &mut dyn FnMut(Ownership),
    ) -> Result<(), RepoError> {
        let context = Context { source: self.source(), phase: "blaming", cancel };
        let commit = self.commit_at(rev, context)?;
        let files = self.files_at(&commit, context)?;
        let jobs: Vec<_> = files.iter().map(Some).collect();
        let total = files.len() as u64;
        let mut done = 0;
        let mut failed = None;
        Blamer::new(self, &commit, false, context)?.run(&jobs, &mut |_, result| {
            done += 1;
            progress(done, Some(total));
            match result {
                Some(Ok(hunks)) => {
                    let mut lines: BTreeMap<(String, String), u64> = BTreeMap::new();
                    let path = hunks.first().map(|hunk| hunk.path.clone()).unwrap_or_default();
                    for hunk in hunks {
                        *lines.entry((hunk.author.name, hunk.author.email)).or_default() += u64::from(hunk.lines);
                    }
                    let total_lines = lines.values().sum();
                    let mut rows: Vec<_> = lines.into_iter().collect();
                    rows.sort_by_key(|(_, lines)| std::cmp::Reverse(*lines));
                    for ((author_name, author_email), lines) in rows {
                        sink(Ownership { path: path.clone(), author_name, author_email, lines, total_lines });
                    }
                }
                // Binary: it has no lines to own.
                Some(Err(error)) if error.kind == RepoErrorKind::Missing => {}
                Some(Err(error)) => drop(failed.get_or_insert(error)),
                None => {}
            }
        })?;
        failed.map_or(Ok(()), Err)
    }
}
