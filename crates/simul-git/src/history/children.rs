//! The engine that asks git for everything: objects from `cat-file`, differences from `diff-tree`.

use super::commits::{Engine, Worker};
use super::decode::RawCommit;
use super::mailmap::Mailmap;
use super::options::Merges;
use super::parse::{self, END};
use super::pool::{Pool, Service};
use super::process::{Context, Process};
use super::walk::Step;
use crate::record::{Change, Commit};
use crate::{RepoError, RepoErrorKind};
use std::io::{BufRead, Read};

/// Everything by git.
pub(super) struct Children<'p, 'a> {
    pub pool: &'p Pool<'a>,
    pub mailmap: &'p Mailmap,
    pub merges: Merges,
    pub context: Context<'a>,
}

impl Engine for Children<'_, '_> {
    fn worker(&self) -> Box<dyn Worker + '_> {
        Box::new(self)
    }
}

impl Worker for &Children<'_, '_> {
    fn rows(&mut self, steps: &[Step]) -> Result<Vec<Commit>, RepoError> {
        let mut rows = self.texts(steps)?;
        let compared: Vec<usize> = (0..steps.len()).filter(|index| self.compares(&steps[*index])).collect();
        self.differences(steps, &compared, &mut rows)?;
        Ok(rows)
    }
}

impl Children<'_, '_> {
    /// Whether a commit has numbers at all.
    pub(super) fn compares(&self, step: &Step) -> bool {
        step.parents.len() < 2 || self.merges != Merges::Zero
    }

    /// Rows without numbers.
    fn texts(&self, steps: &[Step]) -> Result<Vec<Commit>, RepoError> {
        self.pool.with(Service::Objects, |process| {
            let requests: String = steps.iter().flat_map(|step| [&step.sha, "\n"]).collect();
            process.ask(requests.as_bytes())?;
            let mut data = Vec::new();
            let mut rows = Vec::with_capacity(steps.len());
            for step in steps {
                self.context.check()?;
                read_object(process, &mut data)?;
                rows.push(RawCommit::parse(&data).row(&step.sha, &step.parents, self.mailmap));
            }
            Ok(rows)
        })
    }

    /// Asks git for the differences of `chosen` and adds them to their rows.
    pub(super) fn differences(&self, steps: &[Step], chosen: &[usize], rows: &mut [Commit]) -> Result<(), RepoError> {
        let (combined, plain): (Vec<usize>, Vec<usize>) =
            chosen.iter().partition(|index| steps[**index].parents.len() > 1 && self.merges == Merges::Combined);
        for (service, indexes) in [(Service::Differences, plain), (Service::Merges, combined)] {
            if indexes.is_empty() {
                continue;
            }
            self.pool.with(service, |process| {
                let mut requests = Vec::new();
                for index in &indexes {
                    let step = &steps[*index];
                    requests.extend_from_slice(step.sha.as_bytes());
                    if service == Service::Differences && step.parents.len() > 1 {
                        requests.push(b' ');
                        requests.extend_from_slice(step.parents[0].as_bytes());
                    }
                    requests.push(b'\n');
                    requests.extend_from_slice(END);
                }
                process.ask(&requests)?;
                for index in &indexes {
                    self.context.check()?;
                    let changes = match parse::changes(&mut process.stdout) {
                        Ok(changes) => changes,
                        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                            return Err(self.context.error(RepoErrorKind::Git, error.to_string()));
                        }
                        Err(_) => return Err(process.failure()),
                    };
                    add_numbers(&mut rows[*index], changes);
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Adds the files and their sums to a row.
pub(super) fn add_numbers(row: &mut Commit, changes: Vec<Change>) {
    row.files = u32::try_from(changes.len()).unwrap_or(u32::MAX);
    row.binary_files = u32::try_from(changes.iter().filter(|c| c.additions.is_none()).count()).unwrap_or(u32::MAX);
    row.additions = changes.iter().filter_map(|change| change.additions).sum();
    row.deletions = changes.iter().filter_map(|change| change.deletions).sum();
    row.changes = changes;
}

/// One answer of `cat-file --batch`: `id type size`, the content, a newline.
pub(super) fn read_object(process: &mut Process<'_>, data: &mut Vec<u8>) -> Result<(), RepoError> {
    let mut header = Vec::new();
    let read = process.stdout.read_until(b'\n', &mut header);
    let header = String::from_utf8_lossy(&header);
    let size = header.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
    // "id missing" has no size, and a child that died no header.
    let (Ok(1..), Some(size)) = (read, size) else {
        return Err(process.missing(&header));
    };
    data.clear();
    match (&mut process.stdout).take(size + 1).read_to_end(data) {
        Ok(read) if read as u64 == size + 1 => {
            data.pop();
            Ok(())
        }
        _ => Err(process.failure()),
    }
}
