//! Short names for repositories, told apart by as much of their source as that takes.

use super::model::RepoReport;
use std::collections::HashMap;

/// One name for each repository, in order: the last part of its source, or more parts where names repeat.
pub(super) fn labels(repositories: &[RepoReport]) -> Vec<String> {
    let parts: Vec<Vec<&str>> = repositories.iter().map(parts).collect();
    let longest = parts.iter().map(Vec::len).max().unwrap_or(0);
    let mut labels: Vec<String> = parts.iter().map(|parts| ending(parts, 1)).collect();
    for count in 2..=longest.min(6) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for label in &labels {
            *seen.entry(label.clone()).or_default() += 1;
        }
        for (label, parts) in labels.iter_mut().zip(&parts) {
            if seen[label.as_str()] > 1 {
                *label = ending(parts, count);
            }
        }
    }
    labels
}

fn parts(repository: &RepoReport) -> Vec<&str> {
    let source = repository.name.as_deref().unwrap_or(&repository.source);
    let trimmed = source.trim_end_matches('/');
    let trimmed = trimmed.strip_suffix(".git").unwrap_or(trimmed);
    let parts: Vec<&str> = trimmed.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { vec![source] } else { parts }
}

fn ending(parts: &[&str], count: usize) -> String {
    parts[parts.len().saturating_sub(count)..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(sources: &[&str]) -> Vec<String> {
        let repositories: Vec<RepoReport> =
            sources.iter().map(|source| RepoReport { source: (*source).to_owned(), ..RepoReport::default() }).collect();
        labels(&repositories)
    }

    #[test]
    fn the_last_part_names_a_repository_and_more_where_it_repeats() {
        assert_eq!(named(&["https://h/alice/hw1.git", "https://h/bob/hw2/"]), ["hw1", "hw2"]);
        assert_eq!(named(&["https://h/alice/hw1.git", "https://h/bob/hw1"]), ["alice/hw1", "bob/hw1"]);
        assert_eq!(named(&["https://h/a/hw1", "https://g/a/hw1", "x"]), ["h/a/hw1", "g/a/hw1", "x"]);
        assert_eq!(named(&["/", ""]), ["/", ""]);
    }
}
