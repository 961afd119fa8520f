//! One Tokio runtime a process, started by the first call.
//!
//! The runtime hangs on an atomic pointer and nothing else, so that a forked child can leave the parent's alone
//! without a lock: an engine of an older generation is leaked, never dropped (its threads are not in this process).

use crate::{drive, panics, signals};
use simul_core::{Error, Kind, Result};
use simul_wake::{gate, generation};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;

/// How the engine is set up; every field may be left at its default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Threads that drive I/O, 1 to 64. Default: 1 on up to 3 cores, else 2; I/O is rarely bound by them.
    pub workers: Option<usize>,
}

/// What [`setup`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The engine was started now.
    Started,
    /// It runs already, as asked for.
    Running,
    /// It runs already, with this other number of workers, and goes on so.
    RunningWith(usize),
}

pub(crate) struct Engine {
    pub(crate) lanes: Arc<Semaphore>,
    /// None after the shutdown; a handle that outlived it would keep its descriptors.
    runtime: Mutex<Option<Runtime>>,
    workers: usize,
    generation: u32,
}

/// Blocking calls at once. Lanes wait for disks and children more than they compute.
const LANES: usize = 32;
/// Threads beside the lanes for what Tokio itself must block for: looking up names.
const LOOKUPS: usize = 16;

impl Engine {
    /// Runs `start` with the runtime's handle; None after the shutdown.
    pub(crate) fn with<T>(&self, start: impl FnOnce(&Handle) -> T) -> Option<T> {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        runtime.as_ref().map(|runtime| start(runtime.handle()))
    }
}

static ENGINE: AtomicPtr<Engine> = AtomicPtr::new(ptr::null_mut());
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// How many threads the engine has in this process.
pub fn threads() -> usize {
    THREADS.load(Ordering::Relaxed)
}

fn default_workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if cores < 4 { 1 } else { 2 }
}

/// Starts the engine by name, once.
///
/// # Errors
/// `Invalid` for a number of workers out of range; `Closed` while the interpreter exits; `Internal` if the system
/// refuses threads.
///
/// # Example
/// ```
/// use simul_engine::{Options, Setup, setup};
/// setup(Options::default())?;
/// assert_eq!(setup(Options::default())?, Setup::Running);
/// # Ok::<(), simul_core::Error>(())
/// ```
pub fn setup(options: Options) -> Result<Setup> {
    if let Some(workers) = options.workers.filter(|workers| !(1..=64).contains(workers)) {
        return Err(Error::new(Kind::Invalid, format!("workers must be 1 to 64, not {workers}")));
    }
    if let Some(engine) = current() {
        return Ok(match options.workers {
            Some(workers) if workers != engine.workers => Setup::RunningWith(engine.workers),
            _ => Setup::Running,
        });
    }
    start(options.workers.unwrap_or_else(default_workers))?;
    Ok(Setup::Started)
}

/// The engine of this process, started if need be.
pub(crate) fn engine() -> Result<&'static Engine> {
    match current() {
        Some(engine) => Ok(engine),
        None => start(default_workers()),
    }
}

/// The engine that runs in this process, if any.
pub(crate) fn current() -> Option<&'static Engine> {
    let engine = ENGINE.load(Ordering::Acquire);
    // SAFETY: the pointer is null or comes from Box::into_raw in `start`, and no engine is ever freed.
    let engine = unsafe { engine.as_ref() }?;
    (!generation::is_inherited(engine.generation)).then_some(engine)
}

fn start(workers: usize) -> Result<&'static Engine> {
    if gate::is_closed() {
        return Err(Error::new(Kind::Closed, "the interpreter is exiting: no new work can be started"));
    }
    generation::watch_forks();
    panics::keep_quiet_inside_jobs();
    let generation = generation::current();
    let before = ENGINE.load(Ordering::Acquire);
    // SAFETY: as in `current`.
    if unsafe { before.as_ref() }.is_some_and(|engine| engine.generation != generation) {
        // First start in a forked child: the threads counted so far belong to the parent.
        THREADS.store(0, Ordering::Relaxed);
        drive::forget_live();
    }
    // Tokio panics where the system refuses a thread.
    let runtime = panics::caught(|| {
        signals::blocked(|| {
            Builder::new_multi_thread()
                .worker_threads(workers)
                .max_blocking_threads(LANES + LOOKUPS)
                .thread_name("simul-engine")
                .on_thread_start(|| {
                    signals::block_all();
                    THREADS.fetch_add(1, Ordering::Relaxed);
                })
                .on_thread_stop(|| {
                    THREADS.fetch_sub(1, Ordering::Relaxed);
                })
                .enable_all()
                .build()
        })
    })?
    .map_err(|error| Error::new(Kind::Internal, "the engine could not start its threads").with_source(error))?;
    let engine = Box::into_raw(Box::new(Engine {
        lanes: Arc::new(Semaphore::new(LANES)),
        runtime: Mutex::new(Some(runtime)),
        workers,
        generation,
    }));
    match ENGINE.compare_exchange(before, engine, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: published just now, never freed.
        Ok(_) => Ok(unsafe { &*engine }),
        Err(_) => {
            // Another thread was faster. Ours has run nothing yet, so it can go.
            // SAFETY: never published, so this thread is its only owner.
            let ours = unsafe { Box::from_raw(engine) };
            if let Some(runtime) = take_runtime(&ours) {
                runtime.shutdown_background();
            }
            self::engine()
        }
    }
}

fn take_runtime(engine: &Engine) -> Option<Runtime> {
    engine.runtime.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Ends the engine: pending Jobs fail with `Closed`, their sockets close, their children are killed. Waits at most
/// `patience` for work that blocks; later calls start a new engine.
///
/// # Threads and loops
/// Not from inside a Job: that would wait for itself, so there it returns at once and does nothing.
pub fn shutdown(patience: Duration) {
    if Handle::try_current().is_ok() {
        return;
    }
    let Some(engine) = current() else { return };
    let pointer = ptr::from_ref(engine).cast_mut();
    if ENGINE.compare_exchange(pointer, ptr::null_mut(), Ordering::AcqRel, Ordering::Acquire).is_ok()
        && let Some(runtime) = take_runtime(engine)
    {
        runtime.shutdown_timeout(patience);
    }
}
