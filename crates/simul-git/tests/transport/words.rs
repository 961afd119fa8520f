//! What git says when it fails, by a real git and real failures, and what simul takes it for.

use crate::fixture::Fixture;
use crate::support::repos::{bare, bare_with, run};
use crate::support::server::Fault;
use simul_git::RepoErrorKind::{self, Auth, Connect, Corrupt, NotARepository, NotFound};

#[test]
fn failures_over_http_have_their_kinds() {
    let fixture = Fixture::new();
    bare_with(&fixture.served(), "r.git", 3, 50_000, &[]);
    let rows: &[(Fault, RepoErrorKind)] = &[
        (Fault::Status(401), Auth),
        (Fault::Login { user: "u".into(), token: "t".into() }, Auth),
        (Fault::Status(403), Auth),
        (Fault::Status(404), NotFound),
        (Fault::Status(410), NotFound),
        (Fault::Status(500), Connect),
        (Fault::Status(503), Connect),
        (Fault::WebPage, NotARepository),
        (Fault::Cut { after: 0 }, Connect),
        (Fault::Cut { after: 20 }, Connect),
        (Fault::Cut { after: 30_000 }, Connect),
        (Fault::Redirect("http://127.0.0.1:1".into()), Connect),
    ];
    for (fault, kind) in rows {
        fixture.server.heal();
        fixture.server.fault("r.git", fault.clone());
        let error = fixture.sync(&fixture.server.url("r.git")).unwrap_err();
        assert_eq!(error.kind, *kind, "{fault:?}: {error}");
        assert!(error.hint.is_some(), "{fault:?}: {error}");
        assert!(!error.detail.contains(".tmp-"), "{error}");
    }
    assert!(rows.len() > 10);
}

#[test]
fn hosts_that_are_not_there_have_their_kind() {
    let fixture = Fixture::new();
    for url in [
        "http://127.0.0.1:1/r.git",
        "http://simul-no-such-host.invalid/r.git",
        "https://127.0.0.1:1/r.git",
        "ssh://git@127.0.0.1:1/r.git",
        "git@simul-no-such-host.invalid:r.git",
    ] {
        let error = fixture.sync(url).unwrap_err();
        assert_eq!(error.kind, Connect, "{url}: {error}");
        assert!(error.hint.is_some(), "{url}: {error}");
    }
    // Not TLS at all.
    let url = fixture.server.url("r.git").replace("http:", "https:");
    let error = fixture.sync(&url).unwrap_err();
    assert_eq!(error.kind, Connect, "{error}");
}

#[test]
fn a_damaged_source_has_its_kind() {
    let fixture = Fixture::new();
    let source = bare(&fixture.served(), "r.git", 3);
    let blob = run(&source, &["rev-parse", "main:file0.txt"]);
    // Repacked loose, so that one object can be taken out.
    let packs = source.join("objects/pack");
    let aside = fixture.folder.path().join("aside");
    std::fs::rename(&packs, &aside).unwrap();
    std::fs::create_dir(&packs).unwrap();
    for entry in std::fs::read_dir(&aside).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "pack") {
            let status = crate::support::repos::git(&source)
                .arg("unpack-objects")
                .arg("-q")
                .stdin(std::fs::File::open(path).unwrap())
                .status()
                .unwrap();
            assert!(status.success());
        }
    }
    std::fs::remove_file(source.join("objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let error = fixture.sync(&format!("file://{}", source.display())).unwrap_err();
    assert!([Corrupt, Connect].contains(&error.kind), "{error}");
    fixture.wait_for_no_partials();
}
