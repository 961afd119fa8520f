//! The history of one repository on this machine: commits with every number that git shows, blame, references, ownership.
//!
//! Blocking functions for an engine lane: they read what is on disk, ask `git` children, and never touch a network.
//! Invariant: each number equals `git log --numstat -M`'s. What is not certain in process is asked of git
//! (docs/decisions/0002-history-hybrid.md).
//!
//! # Layout
//! - [`repository`]: [`Repository`], found from a path and described once.
//! - [`options`]: [`CommitOptions`]: which commits, how merges count, which engine.
//! - `commits`: the walk in chunks over all cores, put back in order.
//! - `walk`: git says which commits and in which order.
//! - `hybrid`, `children`: the two engines, one chunk at a time.
//! - `objects`, `delta`: reading packs and loose objects in process, with one shared cache.
//! - `decode`, `mailmap`: a commit object as a row.
//! - `tree_diff`, `lines`, `ambiguity`: which files differ, by how many lines, and when only git can tell.
//! - `calibration`: whether the installed git matches lines the way that was observed.
//! - `attributes`: what .gitattributes say about text and binary, asked of git.
//! - `pool`, `process`, `parse`: git children that answer requests, and their answers.
//! - `blame`, `ownership`, `references`: the other tables.

mod ambiguity;
mod attributes;
mod blame;
pub(crate) mod calibration;
mod children;
mod commits;
mod decode;
mod delta;
mod hybrid;
mod lines;
mod mailmap;
mod objects;
pub mod options;
mod ownership;
mod parse;
mod pool;
mod process;
mod references;
pub mod repository;
mod tree_diff;
mod walk;

pub use blame::BlameSink;
pub use commits::Summary;
pub use options::{CommitOptions, EngineKind, Merges, Refs};
pub use repository::Repository;

/// How far a call is: `(done, total)`, the total once it is known. Called from the calling thread, often.
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Sync);
