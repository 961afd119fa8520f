//! The page holds for any input: hostile texts, nothing at all, one repository, hundreds.

#[allow(unreachable_pub, missing_docs)]
mod invented;

use simul_git::report::{CommitRow, RepoReport, RepoStats, Report, Scope, page};
use simul_git::{RepoError, RepoErrorKind};
use std::collections::HashSet;

/// Tags with content, closed in order; attributes quoted; ids unique. Answers how many tags it saw.
fn well_formed(page: &str) -> usize {
    const VOID: [&str; 4] = ["meta", "br", "input", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let mut ids = HashSet::new();
    let mut seen = 0;
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        seen += 1;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "before: {}", &rest[..rest.len().min(200)]);
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '/']).next().expect("a name");
        assert!(name == "!doctype" || name.chars().all(|c| c.is_ascii_alphanumeric()), "{tag}");
        if let Some(id) = tag.split(" id=\"").nth(1).and_then(|tail| tail.split('"').next()) {
            assert!(ids.insert(id.to_owned()), "id {id} twice");
        }
        if tag.ends_with('/') || VOID.contains(&name) {
            continue;
        }
        open.push(name);
        if name == "style" || name == "script" {
            let close = rest.find("</").expect("a raw element ends");
            rest = &rest[close..];
        }
    }
    assert!(open.is_empty(), "{open:?}");
    seen
}

fn hostile() -> Report {
    let mut report = invented::report(3);
    for (at, text) in invented::HOSTILE.iter().enumerate() {
        let mut stats = RepoStats::at(Some((*text).to_owned()), true);
        stats.add_commit(CommitRow {
            author_name: text,
            author_email: text,
            seconds: i64::MAX / (at as i64 + 1),
            offset_minutes: 100_000,
            additions: u64::from(u32::MAX),
            deletions: 1,
            is_merge: false,
        });
        stats.add_change(text, Some(3), None);
        stats.add_ownership(text, text, text, 9);
        stats.finish();
        let problem = RepoError::new(RepoErrorKind::Git, text, "walking", *text).hint(*text);
        report.repositories.push(RepoReport {
            source: (*text).to_owned(),
            name: Some((*text).to_owned()),
            stats: Some(stats),
            problems: vec![problem],
        });
    }
    report.scope = Scope { refs: invented::HOSTILE[0].to_owned(), ..Scope::default() };
    report
}

#[test]
fn hostile_texts_stay_texts() {
    let page = page(&hostile());
    assert!(well_formed(&page) > 500);
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("<style").count(), 1);
    for forbidden in ["<img", "<b>", "\u{1b}", "\u{202e}", "\0"] {
        assert!(!page.contains(forbidden), "{forbidden:?}");
    }
}

#[test]
fn the_page_loads_nothing() {
    let page = page(&hostile());
    assert!(page.contains("default-src &#39;none&#39;; style-src &#39;sha256-"));
    // Tags without the values of their attributes, which hold texts.
    let tags: Vec<String> = page
        .split('<')
        .skip(1)
        .filter_map(|tag| tag.split('>').next())
        .map(|tag| tag.split('"').step_by(2).collect())
        .collect();
    assert!(tags.len() > 500);
    for forbidden in [" src=", " style=", " onload", " onclick", "url("] {
        assert!(!tags.iter().any(|tag| tag.contains(forbidden)), "{forbidden}");
    }
    for forbidden in ["link", "iframe", "img", "object", "form", "base"] {
        assert!(!tags.iter().any(|tag| tag.split(' ').next() == Some(forbidden)), "{forbidden}");
    }
    let links: Vec<&str> = page.split(" href=\"").skip(1).collect();
    assert!(!links.is_empty());
    assert!(links.iter().all(|link| link.starts_with('#')));
}

#[test]
fn nothing_to_report_is_a_page_too() {
    let empty = page(&Report::default());
    well_formed(&empty);
    assert!(empty.contains("There was no repository to read."));
    let source = "https://h.example/a";
    let failed = Report {
        repositories: vec![RepoReport {
            source: source.to_owned(),
            problems: vec![RepoError::new(RepoErrorKind::Timeout, source, "receiving", "took longer than 900 s")],
            ..RepoReport::default()
        }],
        ..Report::default()
    };
    let failed = page(&failed);
    well_formed(&failed);
    assert!(failed.contains("took longer than 900 s"));
    let without_commits = Report {
        repositories: vec![RepoReport { stats: Some(RepoStats::default()), ..RepoReport::default() }],
        ..Report::default()
    };
    well_formed(&page(&without_commits));
}

#[test]
fn three_hundred_repositories_fit() {
    let page = page(&invented::report(300));
    let tags = well_formed(&page);
    assert!(tags > 20_000, "{tags}");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("267 of 300"));
    assert!(page.contains("chess-team-300"));
}

#[test]
fn thousands_of_repositories_are_cut_and_said_so() {
    let page = page(&invented::report(2_500));
    well_formed(&page);
    assert!(page.len() < 4_000_000, "{} bytes", page.len());
    assert!(page.contains("more repositories in the tables"));
}

#[test]
fn the_numbers_of_one_repository_stand_on_the_page() {
    let mut stats = RepoStats::default();
    for (name, additions, deletions) in [("Ada", 1_200, 30), ("Ada", 34, 0), ("Bob", 7, 5)] {
        stats.add_commit(CommitRow {
            author_name: name,
            author_email: "x@example.org",
            seconds: 1_788_134_400,
            offset_minutes: 120,
            additions,
            deletions,
            is_merge: false,
        });
    }
    stats.add_ownership("a.rs", "Ada", "x@example.org", 900);
    stats.add_ownership("a.rs", "Bob", "x@example.org", 100);
    stats.finish();
    let repository =
        RepoReport { source: ".".to_owned(), name: Some("chess".to_owned()), stats: Some(stats), problems: vec![] };
    let page = page(&Report { repositories: vec![repository], ..Report::default() });
    well_formed(&page);
    for expected in ["<title>chess</title>", "+1,241", "−35", "+1,234", "90 %", "2026-08-31", "in 1 text file"] {
        assert!(page.contains(expected), "{expected}");
    }
}
