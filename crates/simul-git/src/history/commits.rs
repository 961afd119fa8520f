//! The walk in chunks over all cores, put back in order.
//!
//! One thread reads the walk, the workers take chunks as they come, and the calling thread hands out rows in git's
//! order. At most [`WINDOW`] chunks are between the walk and the caller, so memory does not grow with the history.

use super::Progress;
use super::children::Children;
use super::hybrid::Hybrid;
use super::mailmap::Mailmap;
use super::options::{CommitOptions, EngineKind, thread_count};
use super::pool::Pool;
use super::process::{Context, run};
use super::repository::Repository;
use super::walk::{Step, Walk};
use crate::record::Commit;
use crate::{RepoError, RepoErrorKind};
use simul_engine::CancelToken;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// Commits that a worker takes at a time: enough for neighbours to share blobs, few enough for one request to git to
/// fit into a pipe.
const CHUNK: usize = 128;
/// Chunks under way.
const WINDOW: usize = 32;

/// Who decided the numbers of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Commits read.
    pub commits: u64,
    /// Of these, given to git because a file might have been renamed.
    pub by_git_for_renames: u64,
    /// Given to git because only its own line matching decides.
    pub by_git_for_lines: u64,
    /// Given to git for any other reason (merges that were asked for, large files, attributes, strange objects).
    pub by_git_otherwise: u64,
}

/// The counters behind [`Summary`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub renames: AtomicU64,
    pub lines: AtomicU64,
    pub otherwise: AtomicU64,
}

/// Turns a chunk of the walk into rows. Both engines give the same rows.
pub(super) trait Engine: Sync {
    /// A worker's own state.
    fn worker(&self) -> Box<dyn Worker + '_>;
}

/// One thread's part of an engine.
pub(super) trait Worker {
    fn rows(&mut self, steps: &[Step]) -> Result<Vec<Commit>, RepoError>;
}

impl Repository {
    /// Every commit of the walk with its numbers, in `git log`'s order.
    ///
    /// # Args
    /// - `progress`: commits handed out so far, and how many there are once the walk has ended.
    /// - `sink`: takes each row, on the calling thread.
    ///
    /// # Errors
    /// `Empty` without any commit, `Missing` for a revision that is not there, `Corrupt` for objects that are missing
    /// or damaged (rows before it have been handed out; none is ever filled with zeros), `Cancelled`.
    ///
    /// # Cancellation
    /// Polled between commits; children are killed at once.
    ///
    /// # Cost
    /// All cores unless `options.threads` says otherwise; up to [`Repository::with_max_children`] git children.
    pub fn commits(
        &self,
        options: &CommitOptions,
        cancel: &CancelToken,
        progress: Progress<'_>,
        sink: &mut dyn FnMut(Commit),
    ) -> Result<Summary, RepoError> {
        let context = Context { source: self.source(), phase: "walking", cancel };
        let mut walk = Walk::start(self, &options.refs, context)?;
        // The walk's own child counts too; where only one is allowed, it must have ended before the others start.
        let mut ahead = Vec::new();
        if self.max_children() <= 1 {
            while walk.read(&mut ahead, CHUNK)? {}
        }
        let mailmap = Mailmap::of(self, context)?;
        let counters = Counters::default();
        let pool = Pool::new(self, context, self.max_children() - 1);
        let children = Children { pool: &pool, mailmap: &mailmap, merges: options.merges, context };
        let commits = match options.engine {
            EngineKind::Hybrid if !self.has_replacements(context)? => {
                let hybrid = Hybrid::new(self, &children, &counters)?;
                stream(&hybrid, walk, ahead, options, context, progress, sink)?
            }
            _ => stream(&children, walk, ahead, options, context, progress, sink)?,
        };
        if commits == 0 && options.refs == super::Refs::All {
            return Err(self.empty(context));
        }
        Ok(Summary {
            commits,
            by_git_for_renames: counters.renames.load(Ordering::Relaxed),
            by_git_for_lines: counters.lines.load(Ordering::Relaxed),
            by_git_otherwise: counters.otherwise.load(Ordering::Relaxed),
        })
    }

    /// Replaced or grafted objects: git alone knows what it shows then.
    fn has_replacements(&self, context: Context<'_>) -> Result<bool, RepoError> {
        if self.common_dir().join("info/grafts").exists() {
            return Ok(true);
        }
        let mut command = self.command();
        command.args(["for-each-ref", "--count=1", "refs/replace/"]);
        Ok(!run(command, context)?.stdout.is_empty())
    }
}

/// What goes wrong in one thread ends all; the first error wins.
struct Shared<'a> {
    stop: AtomicBool,
    error: Mutex<Option<RepoError>>,
    total: AtomicU64,
    context: Context<'a>,
}

impl Shared<'_> {
    fn fail(&self, error: RepoError) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop.store(true, Ordering::Release);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.context.cancel.is_cancelled()
    }
}

fn stream(
    engine: &dyn Engine,
    walk: Walk<'_>,
    ahead: Vec<Step>,
    options: &CommitOptions,
    context: Context<'_>,
    progress: Progress<'_>,
    sink: &mut dyn FnMut(Commit),
) -> Result<u64, RepoError> {
    let shared = Shared { stop: AtomicBool::new(false), error: Mutex::new(None), total: AtomicU64::new(0), context };
    let (chunks, inbox) = mpsc::channel::<(usize, Vec<Step>)>();
    let inbox = Mutex::new(inbox);
    let (results, outbox) = mpsc::channel();
    let (tickets, admitted) = mpsc::sync_channel(WINDOW);
    for _ in 0..WINDOW {
        // There is room for all of them.
        let _ = tickets.try_send(());
    }
    let mut done = 0;
    std::thread::scope(|scope| {
        let shared = &shared;
        let inbox = &inbox;
        let name = |role: &str| std::thread::Builder::new().name(format!("simul-{role}"));
        let mut started = Vec::new();
        started.push(
            name("walk").spawn_scoped(scope, move || distribute(walk, ahead, &chunks, &admitted, shared)).map(drop),
        );
        for _ in 0..thread_count(options.threads) {
            let results = results.clone();
            started.push(
                name("diff")
                    .spawn_scoped(scope, move || {
                        let mut worker = engine.worker();
                        loop {
                            let next = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
                            let Ok((index, steps)) = next else { return };
                            // A chunk that failed is answered too: its ticket must go back.
                            let rows =
                                if shared.stopped() { Vec::new() } else { guarded(&mut *worker, &steps, shared) };
                            if results.send((index, rows)).is_err() {
                                return;
                            }
                        }
                    })
                    .map(drop),
            );
        }
        drop(results);
        for failed in started.into_iter().filter_map(Result::err) {
            shared.fail(context.error(RepoErrorKind::Git, format!("no thread could be started: {failed}")));
        }
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for (index, rows) in outbox {
            waiting.insert(index, rows);
            while let Some(rows) = waiting.remove(&next) {
                next += 1;
                for mut row in rows {
                    if shared.stopped() {
                        break;
                    }
                    if !options.changes {
                        row.changes = Vec::new();
                    }
                    sink(row);
                    done += 1;
                    let total = shared.total.load(Ordering::Acquire);
                    progress(done, (total > 0).then_some(total));
                }
                // The walk may have ended: then nobody waits for the ticket.
                let _ = tickets.try_send(());
            }
        }
        // Dropping the tickets wakes a walk that waits for one.
        drop(tickets);
    });
    context.check()?;
    match shared.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(done),
    }
}

/// A worker's rows; an error, or a panic, ends the whole call.
fn guarded(worker: &mut dyn Worker, steps: &[Step], shared: &Shared<'_>) -> Vec<Commit> {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.rows(steps)));
    let error = match result {
        Ok(Ok(rows)) => return rows,
        Ok(Err(error)) => error,
        Err(_) => {
            let first = steps.first().map_or("", |step| step.sha.as_str());
            shared.context.error(RepoErrorKind::Git, format!("a bug in simul, in the commits from {first} on"))
        }
    };
    shared.fail(error);
    Vec::new()
}

/// Reads the walk and hands out chunks, one for each ticket.
fn distribute(
    mut walk: Walk<'_>,
    mut ahead: Vec<Step>,
    chunks: &mpsc::Sender<(usize, Vec<Step>)>,
    admitted: &mpsc::Receiver<()>,
    shared: &Shared<'_>,
) {
    let mut total = 0;
    for index in 0.. {
        let mut steps = if ahead.len() > CHUNK { ahead.drain(..CHUNK).collect() } else { std::mem::take(&mut ahead) };
        let missing = CHUNK - steps.len();
        let more = match walk.read(&mut steps, missing) {
            Ok(more) => more || !ahead.is_empty(),
            Err(error) => return shared.fail(error),
        };
        total += steps.len() as u64;
        if steps.is_empty() || shared.stopped() || admitted.recv().is_err() || chunks.send((index, steps)).is_err() {
            break;
        }
        if !more {
            break;
        }
    }
    shared.total.store(total, Ordering::Release);
}
