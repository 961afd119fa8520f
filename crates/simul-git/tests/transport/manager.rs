//! The manager: everything beside each other, nothing hidden, within its budget.

use crate::fixture::{is_alone, wait_until};
use crate::support::repos::{bare, bare_with, commit, run};
use crate::support::server::{Fault, Server};
use simul_engine::child::{live_groups, max_live_groups};
use simul_git::events::Phase;
use simul_git::manager::{Options, RepoManager, StatusType};
use simul_git::{RepoError, RepoErrorKind};
use std::path::Path;
use tempfile::TempDir;

struct Class {
    folder: TempDir,
    server: Server,
}

impl Class {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("served")).unwrap();
        let server = Server::start(&folder.path().join("served"));
        Self { folder, server }
    }

    fn add(&self, name: &str, commits: u32) -> String {
        bare(&self.folder.path().join("served"), name, commits);
        self.server.url(name)
    }

    fn manager(&self, sources: &[String], jobs: usize) -> RepoManager {
        let options = Options { cache: Some(self.folder.path().join("cache")), jobs, ..Options::default() };
        RepoManager::new(sources.to_vec(), options).unwrap()
    }
}

fn repo_error(error: &simul_core::Error) -> &RepoError {
    error.source_as().unwrap()
}

#[test]
fn one_failure_hides_no_other() {
    let class = Class::new();
    let good = class.add("a/good.git", 7);
    let spelled = format!("{}/", class.add("b/Spelled.git", 3).replace("http", "HTTP"));
    let local = class.folder.path().join("served/a/good.git").to_str().unwrap().to_owned();
    let sources = [
        good.clone(),
        class.server.url("missing.git"),
        "ext::sh -c false".to_owned(),
        spelled.clone(),
        local.clone(),
        "/nowhere/at/all".to_owned(),
        good.clone(),
    ];
    let manager = class.manager(&sources, 4);
    assert_eq!(manager.sources(), &sources[..6], "each once, in the caller's order and spelling");
    let synced = manager.sync().wait(None).unwrap();
    assert_eq!(synced.keys().collect::<Vec<_>>(), sources[..6].iter().collect::<Vec<_>>());
    let kinds: Vec<_> =
        synced.values().map(|outcome| outcome.as_ref().map(|_| ()).map_err(|error| error.kind)).collect();
    assert_eq!(
        kinds,
        [
            Ok(()),
            Err(RepoErrorKind::NotFound),
            Err(RepoErrorKind::Invalid),
            Ok(()),
            Ok(()),
            Err(RepoErrorKind::NotFound)
        ]
    );
    let here = synced[&local].as_ref().unwrap();
    assert!(here.in_place && !here.cloned && here.path == Path::new(&local));
    let tables = manager.commits_all(Default::default()).wait(None).unwrap();
    let rows: Vec<_> =
        tables.values().map(|table| table.as_ref().map(simul_git::table::Table::num_rows).ok()).collect();
    assert_eq!(rows, [Some(7), None, None, Some(3), Some(7), None]);
}

#[test]
fn clones_never_fail_and_tasks_tell() {
    let class = Class::new();
    let (good, bad) = (class.add("good.git", 3), class.server.url("missing.git"));
    let manager = class.manager(&[good.clone(), bad.clone()], 8);
    let before = manager.tasks();
    assert!(before.values().all(|task| task.status.status_type == StatusType::Queued && task.temp_dir.is_none()));
    manager.clone_all().wait(None).unwrap();
    let tasks = manager.tasks();
    let (good_task, bad_task) = (&tasks[&good], &tasks[&bad]);
    assert_eq!((good_task.status.status_type, good_task.status.progress), (StatusType::Completed, Some(100)));
    assert_eq!(good_task.status.error, None);
    assert_eq!(bad_task.status.status_type, StatusType::Failed);
    assert!(bad_task.status.error.as_deref().unwrap().contains("not found"), "{bad_task:?}");
    assert_eq!(bad_task.temp_dir, None);
    // The path of a clone goes where its address goes.
    let path = good_task.temp_dir.as_ref().unwrap().to_str().unwrap();
    assert_eq!(manager.commits(path, Default::default()).wait(None).unwrap().num_rows(), 3);
    // One that the manager was not made with.
    let other = class.add("other.git", 2);
    manager.clone_one(&other).wait(None).unwrap();
    assert_eq!(manager.tasks()[&other].status.status_type, StatusType::Completed);
}

#[test]
fn reading_brings_what_is_not_there_and_asks_no_more_than_once() {
    let class = Class::new();
    let url = class.add("r.git", 6);
    let manager = class.manager(std::slice::from_ref(&url), 8);
    assert_eq!(manager.commits(&url, Default::default()).wait(None).unwrap().num_rows(), 6);
    class.server.take_log();
    for rows in [
        manager.changes(&url, Default::default()).wait(None).unwrap().num_rows(),
        manager.branches(&url).wait(None).unwrap().num_rows(),
        manager.ownership(&url).wait(None).unwrap().num_rows(),
        manager.blame(&url).wait(None).unwrap().num_rows(),
    ] {
        assert!(rows > 0);
    }
    assert!(class.server.take_log().is_empty(), "this manager has it");
    let blamed = manager.bulk_blame(&url, Some(vec!["file1.txt".into(), "none.txt".into()])).wait(None).unwrap();
    assert!(blamed["file1.txt"].as_ref().unwrap().num_rows() > 0);
    assert_eq!(blamed["none.txt"].as_ref().unwrap_err().kind, RepoErrorKind::Missing);
    assert_eq!(manager.bulk_blame(&url, None).wait(None).unwrap().len(), 5);
    for missing in [class.server.url("no.git"), "/nowhere".into()] {
        let error = manager.commits(&missing, Default::default()).wait(None).unwrap_err();
        assert_eq!(repo_error(&error).kind, RepoErrorKind::NotFound);
    }
    // Told to sync, it looks again.
    commit(&class.folder.path().join("served/r.git"), "main", "new");
    assert!(manager.sync().wait(None).unwrap()[&url].as_ref().unwrap().fetched);
    assert_eq!(manager.commits(&url, Default::default()).wait(None).unwrap().num_rows(), 7);
}

#[test]
fn events_tell_of_every_repository_and_end() {
    let class = Class::new();
    let urls: Vec<String> = (0..5).map(|number| class.add(&format!("hw{number}.git"), 4)).collect();
    let sources = [&urls[..], &[class.server.url("missing.git")]].concat();
    let manager = class.manager(&sources, 2);
    let events = manager.events();
    let job = manager.sync();
    let (mut ends, mut seen) = (Vec::new(), std::collections::HashSet::new());
    while let Some(event) = events.next_blocking(None) {
        seen.insert(event.phase);
        if event.phase.is_end() {
            ends.push((event.repo, event.phase, event.message.is_some()));
        }
    }
    job.wait(None).unwrap();
    ends.sort_by(|a, b| a.0.cmp(&b.0));
    let mut wanted: Vec<_> = urls.iter().map(|url| (url.clone(), Phase::Done, false)).collect();
    wanted.push((sources[5].clone(), Phase::Failed, true));
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(ends, wanted);
    assert!(seen.contains(&Phase::Queued), "{seen:?}");
    let lasting = manager.events().lasting();
    manager.commits_all(Default::default()).wait(None).unwrap();
    drop(manager);
    let mut walked = std::collections::HashSet::new();
    while let Some(event) = lasting.next_blocking(None) {
        walked.insert((event.repo, event.phase));
    }
    assert!(
        urls.iter().all(|url| walked.contains(&(url.clone(), Phase::Done))),
        "it ends with its manager: {walked:?}"
    );
}

#[test]
fn a_dropped_job_drops_its_work() {
    let class = Class::new();
    bare_with(&class.folder.path().join("served"), "r.git", 3, 200_000, &[]);
    let url = class.server.url("r.git");
    class.server.fault("r.git", Fault::Stall { after: 50_000 });
    let manager = class.manager(std::slice::from_ref(&url), 1);
    let events = manager.events().lasting();
    let job = manager.sync();
    class.server.wait_for_held(1);
    assert_eq!(manager.tasks()[&url].status.status_type, StatusType::Cloning);
    drop(job);
    class.server.wait_for_log(|request| request.left);
    wait_until(|| manager.tasks()[&url].status.status_type == StatusType::Failed);
    let last = std::iter::from_fn(|| events.next_blocking(None)).find(|event| event.phase.is_end()).unwrap();
    assert_eq!((last.phase, last.message.as_deref()), (Phase::Failed, Some("cancelled")));
    // Its permit, the only one, is free again.
    class.server.heal();
    assert!(manager.sync().wait(None).unwrap()[&url].is_ok());
}

#[test]
fn transport_and_reading_share_one_budget() {
    if !is_alone("manager::transport_and_reading_share_one_budget") {
        return;
    }
    let class = Class::new();
    let urls: Vec<String> = (0..20).map(|number| class.add(&format!("hw{number}.git"), 15)).collect();
    for jobs in [1, 3] {
        let manager = class.manager(&urls, jobs);
        let all = [
            manager.commits_all(Default::default()),
            manager.changes_all(Default::default()),
            manager.blame_all(),
            manager.branches_all(),
            manager.ownership_all(),
        ];
        let synced = manager.sync();
        for job in all {
            let tables = job.wait(None).unwrap();
            assert_eq!(tables.len(), 20);
            for (url, table) in tables {
                assert!(table.as_ref().is_ok_and(|table| table.num_rows() > 0), "{url}: {table:?}");
            }
        }
        assert!(synced.wait(None).unwrap().values().all(Result::is_ok));
        wait_until(|| live_groups() == 0);
        assert!((1..=jobs).contains(&max_live_groups()), "{} of {jobs}", max_live_groups());
    }
}

#[test]
fn a_subfolder_means_its_repository_and_options_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["init", "-q", "."]);
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    commit(folder.path(), "main", "one");
    let path = folder.path().join("a/b").to_str().unwrap().to_owned();
    let manager = RepoManager::new(vec![path.clone()], Options::default()).unwrap();
    assert_eq!(manager.commits(&path, Default::default()).wait(None).unwrap().num_rows(), 1);
    for options in [
        Options { jobs: 0, ..Options::default() },
        Options { auth: vec![("not a host".into(), simul_core::Secret::new("t"))], ..Options::default() },
        Options { limits: simul_git::limits::Limits { bytes: Some(0), ..Default::default() }, ..Options::default() },
    ] {
        let error = RepoManager::new(vec![], options).unwrap_err();
        assert_eq!(repo_error(&error).kind, RepoErrorKind::Invalid);
    }
}
