//! Authors, files, days and hours over all repositories of a report.

use super::model::{AuthorStats, DayStats, FileStats, Identity, Report};
use std::collections::{BTreeMap, HashMap};

/// Sums over every repository that could be read.
#[derive(Debug, Default)]
pub(super) struct Totals<'a> {
    pub(super) read: usize,
    pub(super) failed: usize,
    pub(super) shallow: usize,
    pub(super) commits: u64,
    pub(super) merges: u64,
    pub(super) additions: u64,
    pub(super) deletions: u64,
    pub(super) files: u64,
    pub(super) lines: u64,
    /// Most commits first.
    pub(super) authors: Vec<(&'a Identity, AuthorStats)>,
    /// Most lines touched first, with the repository's index.
    pub(super) changed: Vec<(usize, &'a str, FileStats)>,
    pub(super) changed_paths: u64,
    pub(super) days: BTreeMap<i32, DayStats>,
    pub(super) hours: [[u64; 24]; 7],
}

impl<'a> Totals<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let mut totals = Self::default();
        let mut authors: HashMap<&Identity, AuthorStats> = HashMap::new();
        for (index, repository) in report.repositories.iter().enumerate() {
            let Some(stats) = &repository.stats else {
                totals.failed += 1;
                continue;
            };
            totals.read += 1;
            totals.shallow += usize::from(stats.shallow);
            totals.commits += stats.commits;
            totals.merges += stats.merges;
            totals.additions += stats.additions;
            totals.deletions += stats.deletions;
            totals.files += stats.files.unwrap_or(0);
            totals.lines += stats.lines;
            totals.changed_paths += stats.changed_paths;
            totals.changed.extend(stats.changed.iter().map(|(path, file)| (index, path.as_str(), *file)));
            for (who, author) in &stats.authors {
                authors.entry(who).or_default().add(author);
            }
            for (day, count) in &stats.days {
                let sum = totals.days.entry(*day).or_default();
                sum.commits += count.commits;
                sum.additions += count.additions;
                sum.deletions += count.deletions;
            }
            for (sums, counts) in totals.hours.iter_mut().zip(&stats.hours) {
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
        }
        totals.authors = authors.into_iter().collect();
        totals.authors.sort_by(|(a_who, a), (b_who, b)| b.rank().cmp(&a.rank()).then_with(|| a_who.cmp(b_who)));
        totals.changed.sort_by(|a, b| b.2.churn().cmp(&a.2.churn()).then_with(|| (a.0, a.1).cmp(&(b.0, b.1))));
        totals
    }

    /// First and last day with a commit.
    pub(super) fn span(&self) -> Option<(i32, i32)> {
        Some((*self.days.keys().next()?, *self.days.keys().next_back()?))
    }
}

impl AuthorStats {
    fn add(&mut self, other: &Self) {
        self.commits += other.commits;
        self.additions += other.additions;
        self.deletions += other.deletions;
        self.lines += other.lines;
        self.repositories += other.repositories;
        self.days = match (self.days, other.days) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }
}
