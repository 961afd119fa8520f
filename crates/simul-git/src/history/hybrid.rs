//! The engine that works in process where the result is certain, and asks git for the rest of each chunk.
//!
//! A commit goes to git when a file may have been renamed (one added and one deleted that could be alike), when only
//! git's own line matching decides the counts, when a file is too large, or when an object is not what it should be.

use super::attributes::{self, Attributes, Treat};
use super::calibration::{self, Matching};
use super::children::{Children, add_numbers};
use super::commits::{Counters, Engine, Worker};
use super::decode::RawCommit;
use super::lines::{self, Count, Lines};
use super::objects::{Miss, Objects, Reader};
use super::repository::Repository;
use super::tree_diff::{self, Difference, GITLINK, SYMLINK, Side};
use super::walk::Step;
use crate::RepoError;
use crate::record::{Change, Commit};
use gix_hash::ObjectId;
use gix_object::Kind;
use std::sync::atomic::{AtomicU64, Ordering};

/// In process, with git behind it.
pub(super) struct Hybrid<'p, 'a> {
    /// None when git must do everything: then this is the children engine.
    objects: Option<Objects>,
    attributes: Option<Attributes<'p, 'a>>,
    children: &'p Children<'p, 'a>,
    counters: &'p Counters,
    matching: Matching,
}

impl<'p, 'a> Hybrid<'p, 'a> {
    pub(super) fn new(
        repository: &Repository,
        children: &'p Children<'p, 'a>,
        counters: &'p Counters,
    ) -> Result<Self, RepoError> {
        let settings = attributes::Settings::of(repository, children.context)?;
        let attributes = Attributes::of(repository, &settings, children.pool, children.context)?;
        let only_git = attributes.is_some() && settings.drivers;
        let objects = if only_git { None } else { Objects::open(repository.common_dir(), repository.hash()) };
        let matching = calibration::matching(repository.git(), children.context)?;
        Ok(Self { objects, attributes, children, counters, matching })
    }
}

impl Engine for Hybrid<'_, '_> {
    fn worker(&self) -> Box<dyn Worker + '_> {
        match &self.objects {
            None => self.children.worker(),
            Some(objects) => Box::new(InProcess {
                engine: self,
                reader: objects.reader(),
                lines: Lines::new(self.matching == Matching::AsObserved),
                found: Vec::new(),
            }),
        }
    }
}

struct InProcess<'w, 'p, 'a> {
    engine: &'w Hybrid<'p, 'a>,
    reader: Reader<'w>,
    lines: Lines,
    found: Vec<Difference>,
}

/// Why a commit goes to git.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Rename,
    Lines,
    Otherwise,
}

impl Worker for InProcess<'_, '_, '_> {
    fn rows(&mut self, steps: &[Step]) -> Result<Vec<Commit>, RepoError> {
        let engine = self.engine;
        let mut rows = Vec::with_capacity(steps.len());
        let mut asked = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            engine.children.context.check()?;
            let Ok(commit) = self.commit(&step.sha) else {
                // git says what is wrong with it.
                let mut children = engine.children;
                rows.extend(children.rows(std::slice::from_ref(step))?);
                self.count(Ask::Otherwise);
                continue;
            };
            let raw = RawCommit::parse(&commit.data);
            let mut row = raw.row(&step.sha, &step.parents, engine.children.mailmap);
            if engine.children.compares(step) {
                match self.changes(step, raw.tree)? {
                    Ok(changes) => add_numbers(&mut row, changes),
                    Err(why) => {
                        self.count(why);
                        asked.push(index);
                    }
                }
            }
            rows.push(row);
        }
        engine.children.differences(steps, &asked, &mut rows)?;
        Ok(rows)
    }
}

impl InProcess<'_, '_, '_> {
    fn count(&self, why: Ask) {
        let counter: &AtomicU64 = match why {
            Ask::Rename => &self.engine.counters.renames,
            Ask::Lines => &self.engine.counters.lines,
            Ask::Otherwise => &self.engine.counters.otherwise,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn commit(&mut self, sha: &str) -> Result<std::sync::Arc<super::objects::Object>, Miss> {
        let id = ObjectId::from_hex(sha.as_bytes()).map_err(|_| Miss)?;
        let object = self.reader.get(&id)?;
        if object.kind == Kind::Commit { Ok(object) } else { Err(Miss) }
    }

    /// The rows of a commit's files, or why git must be asked.
    fn changes(&mut self, step: &Step, tree: &[u8]) -> Result<Result<Vec<Change>, Ask>, RepoError> {
        if step.parents.len() > 1 {
            return Ok(Err(Ask::Otherwise));
        }
        if self.find(step, tree).is_err() {
            return Ok(Err(Ask::Otherwise));
        }
        let found = std::mem::take(&mut self.found);
        let result = self.rows_of(&found);
        self.found = found;
        result
    }

    fn find(&mut self, step: &Step, tree: &[u8]) -> Result<(), Miss> {
        self.found.clear();
        let new = ObjectId::from_hex(tree).map_err(|_| Miss)?;
        let old = match step.parents.first() {
            None => None,
            Some(parent) => {
                let commit = self.commit(parent)?;
                Some(ObjectId::from_hex(RawCommit::parse(&commit.data).tree).map_err(|_| Miss)?)
            }
        };
        if old == Some(new) {
            return Ok(());
        }
        tree_diff::differences(&mut self.reader, old.as_deref(), Some(&new), &mut self.found).map_err(|_| Miss)
    }

    fn rows_of(&mut self, found: &[Difference]) -> Result<Result<Vec<Change>, Ask>, RepoError> {
        if self.may_rename(found) {
            return Ok(Err(Ask::Rename));
        }
        if let Some(attributes) = &self.engine.attributes {
            let paths: Vec<&[u8]> = found.iter().map(|difference| difference.path.as_slice()).collect();
            attributes.learn(&paths)?;
        }
        let mut changes = Vec::with_capacity(found.len());
        for difference in found {
            let counted = match self.numbers(difference) {
                Ok(counted) => counted,
                Err(why) => return Ok(Err(why)),
            };
            changes.push(change(difference, counted));
        }
        Ok(Ok(changes))
    }

    /// A file that was added could be one that was deleted: git needs at least half of the larger one to be the same.
    fn may_rename(&mut self, found: &[Difference]) -> bool {
        let gone: Vec<Side> = found.iter().filter(|d| d.new.is_none()).filter_map(|d| d.old).collect();
        if gone.is_empty() {
            return false;
        }
        let came = found.iter().filter(|d| d.old.is_none()).filter_map(|d| d.new);
        // Many of both: git will have to look at them anyway.
        let came: Vec<Side> = came.collect();
        if gone.len() * came.len() > 64 {
            return true;
        }
        gone.iter().any(|gone| came.iter().any(|came| self.alike(*gone, *came)))
    }

    fn alike(&mut self, gone: Side, came: Side) -> bool {
        if gone.id == came.id {
            return true;
        }
        let is_file = |side: Side| side.mode != GITLINK && side.mode != SYMLINK;
        if !is_file(gone) || !is_file(came) {
            return false;
        }
        match (self.reader.get(&gone.id), self.reader.get(&came.id)) {
            (Ok(gone), Ok(came)) => {
                let (small, large) = (gone.data.len().min(came.data.len()), gone.data.len().max(came.data.len()));
                // What they share is at most the smaller one; a margin for rounding.
                small * 100 >= large * 49
            }
            _ => true,
        }
    }

    /// Lines added and deleted; None for a binary file.
    fn numbers(&mut self, difference: &Difference) -> Result<Option<Count>, Ask> {
        let treat = match &self.engine.attributes {
            Some(attributes) => attributes.treat(&difference.path),
            None => Treat::AsFound,
        };
        let old = self.content(difference.old)?;
        let new = self.content(difference.new)?;
        let (old, new) = (old.as_ref().map(Content::bytes), new.as_ref().map(Content::bytes));
        let binary = match treat {
            Treat::Binary => true,
            Treat::Text => false,
            Treat::AsFound => old.is_some_and(lines::is_binary) || new.is_some_and(lines::is_binary),
        };
        if binary {
            return Ok(None);
        }
        match (old, new) {
            (Some(old), Some(new)) if old == new => Ok(Some(Count::default())),
            (Some(_), Some(_)) if self.engine.matching == Matching::Unknown => Err(Ask::Lines),
            (Some(old), Some(new)) => self.lines.compare(old, new).map(Some).ok_or(Ask::Lines),
            (old, new) => Ok(Some(Count { added: new.map_or(0, lines::count), deleted: old.map_or(0, lines::count) })),
        }
    }

    fn content(&mut self, side: Option<Side>) -> Result<Option<Content>, Ask> {
        let Some(side) = side else { return Ok(None) };
        if side.mode == GITLINK {
            return Ok(Some(Content::Gitlink(format!("Subproject commit {}\n", side.id))));
        }
        match self.reader.get(&side.id) {
            Ok(object) if object.kind == Kind::Blob => Ok(Some(Content::Blob(object))),
            _ => Err(Ask::Otherwise),
        }
    }
}

enum Content {
    Blob(std::sync::Arc<super::objects::Object>),
    Gitlink(String),
}

impl Content {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Blob(object) => &object.data,
            Self::Gitlink(text) => text.as_bytes(),
        }
    }
}

fn change(difference: &Difference, counted: Option<Count>) -> Change {
    let hex = |side: Option<Side>| side.map(|side| side.id.to_string());
    Change {
        path: String::from_utf8_lossy(&difference.path).into_owned(),
        old_path: None,
        status: difference.status(),
        similarity: None,
        additions: counted.map(|count| count.added),
        deletions: counted.map(|count| count.deleted),
        old_mode: difference.old.map_or(0, |side| side.mode),
        new_mode: difference.new.map_or(0, |side| side.mode),
        old_oid: hex(difference.old),
        new_oid: hex(difference.new),
    }
}
