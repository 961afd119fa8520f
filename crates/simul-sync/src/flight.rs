//! [`Flight`]: work that many ask for at once is done once, for all of them.
//!
//! Whoever asks first leads: it is handed a [`Lead`], the duty to have the work done somewhere. It waits like all the
//! others, so that its leaving means no more than theirs. The work is unwanted when the last of them has left. If whoever
//! carries it goes away without an outcome, all who wait hear of it and ask again: the first to do so leads.

use crate::body::{Body, State};
use crate::sync::Arc;
use crate::wait::{Source, Wait};
use simul_core::{Error, Kind};
use simul_wake::{AsHeader, Core, Header};
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::Hash;
use std::mem::ManuallyDrop;
use std::pin::pin;
use std::sync::Arc as StdArc;
use std::task::Poll;

/// An outcome, as each waiter gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landing<T> {
    /// What the work gave.
    pub value: T,
    /// Whether others got it too.
    pub shared: bool,
}

/// What a waiter is told: the outcome, or None: who carried the work has gone, so ask again.
pub type Told<T> = Option<Landing<T>>;

struct Run<T> {
    number: u64,
    waiting: Vec<StdArc<Core<Told<T>>>>,
    /// How many have not left.
    live: usize,
    /// Settled when nobody waits any more.
    unwanted: StdArc<Core<()>>,
}

struct Runs<K, T> {
    by_key: HashMap<K, Run<T>>,
    next: u64,
}

impl<K: Eq + Hash + Send, T: Send> State for Runs<K, T> {
    type Config = ();

    fn new(_config: &()) -> Self {
        Self { by_key: HashMap::new(), next: 0 }
    }
}

impl<K: Eq + Hash, T> Runs<K, T> {
    fn remove(&mut self, key: &K, number: u64) -> Option<Run<T>> {
        match self.by_key.get(key) {
            Some(run) if run.number == number => self.by_key.remove(key),
            _ => None,
        }
    }
}

/// Work by key, done once for all who ask while it goes on. A handle: its clones are the same flight.
///
/// It is no cache: work that has ended is forgotten, and whoever asks next leads again. Keys are hashed, compared and
/// dropped under a lock: they must not come back here when that happens.
///
/// # Cancellation
/// A waiter that is dropped leaves. When the last one has left, the [`Lead`] hears that its work is unwanted.
///
/// # Threads and loops
/// Any thread and any async runtime at once. A forked child has nothing in flight.
///
/// # Example
/// ```
/// use simul_sync::Flight;
/// let flight = Flight::<&str, u32>::new();
/// let (lead, mut first) = flight.join("answer");
/// let (nobody, mut second) = flight.join("answer");
/// assert!(nobody.is_none());
/// let lead = lead.expect("the first leads");
/// std::thread::spawn(move || lead.land(42));
/// let landing = first.block(None)?.expect("who carried it did not go away");
/// assert_eq!((landing.value, landing.shared), (42, true));
/// assert_eq!(second.block(None)?, Some(landing));
/// # Ok::<(), simul_core::Error>(())
/// ```
pub struct Flight<K: Eq + Hash + Send, T: Send>(Arc<Body<Runs<K, T>>>);

impl<K: Eq + Hash + Send, T: Send> Clone for Flight<K, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Eq + Hash + Send, T: Send> Default for Flight<K, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Eq + Hash + Send, T: Send> Flight<K, T> {
    /// Nothing is in flight.
    pub fn new() -> Self {
        Self(Arc::new(Body::new(())))
    }

    /// How many wait for the work of this key.
    pub fn waiting(&self, key: &K) -> usize {
        self.0.lock().by_key.get(key).map_or(0, |run| run.live)
    }

    /// How many keys have work in flight.
    pub fn len(&self) -> usize {
        self.0.lock().by_key.len()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the work of this key up: who waits for it gets a `Cancelled` error, and who asks next leads anew.
    ///
    /// # Returns
    /// Whether there was any.
    pub fn reset(&self, key: &K) -> bool {
        let removed = self.0.lock().by_key.remove(key);
        removed.is_some_and(|run| {
            Self::give_up(run);
            true
        })
    }

    fn give_up(run: Run<T>) {
        run.unwanted.settle(Ok(()));
        for core in run.waiting {
            core.settle(Err(Error::new(Kind::Cancelled, "the flight was reset while this call waited for it")));
        }
    }
}

/// The duty to have the work done, if there is no such work yet; and the place of a waiter.
pub type Joined<K, T> = (Option<Lead<K, T>>, Wait<Place<K, T>>);

impl<K: Eq + Hash + Send + Sync + Clone, T: Clone + Send + 'static> Flight<K, T> {
    /// Waits for the work of this key from now on.
    ///
    /// # Returns
    /// The place of this waiter; and the duty to have the work done, if there is no such work yet.
    pub fn join(&self, key: K) -> Joined<K, T> {
        let core = StdArc::new(Core::default());
        let mut runs = self.0.lock();
        let (number, unwanted) = match runs.by_key.get_mut(&key) {
            Some(run) => {
                run.live += 1;
                run.waiting.push(core.clone());
                (run.number, None)
            }
            None => {
                runs.next += 1;
                let (number, unwanted) = (runs.next, StdArc::new(Core::default()));
                let run = Run { number, waiting: vec![core.clone()], live: 1, unwanted: unwanted.clone() };
                runs.by_key.insert(key.clone(), run);
                (number, Some(unwanted))
            }
        };
        drop(runs);
        let place = Place { flight: self.clone(), key, number };
        let lead = unwanted.map(|unwanted| Lead {
            place: ManuallyDrop::new(place.clone()),
            unwanted: ManuallyDrop::new(unwanted),
            landed: false,
        });
        (lead, Wait::new(core, place))
    }
}

impl<K: Eq + Hash + Send, T: Send> fmt::Debug for Flight<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").finish_non_exhaustive()
    }
}

/// Which work a waiter waits for.
#[derive(Debug)]
pub struct Place<K: Eq + Hash + Send, T: Send> {
    flight: Flight<K, T>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash + Send + Clone, T: Send> Clone for Place<K, T> {
    fn clone(&self) -> Self {
        Self { flight: self.flight.clone(), key: self.key.clone(), number: self.number }
    }
}

impl<K: Eq + Hash + Send, T: Send> Place<K, T> {
    /// The work is in flight no longer, if it was.
    fn remove(&self) -> Option<Run<T>> {
        self.flight.0.lock().remove(&self.key, self.number)
    }
}

impl<K: Eq + Hash + Send + Sync, T: Send + 'static> Source for Place<K, T> {
    type Grant = Told<T>;

    /// Nobody else lacks it.
    fn give_back(&self, _told: Told<T>) {}

    fn left(&self) {
        let mut runs = self.flight.0.lock();
        let Some(run) = runs.by_key.get_mut(&self.key).filter(|run| run.number == self.number) else { return };
        run.live -= 1;
        if run.live > 0 {
            // Thousands may give up while one stays: sweeping now and then keeps each of them cheap.
            if run.waiting.len() > 64 && run.live * 2 < run.waiting.len() {
                run.waiting.retain(|core| !core.header().is_done());
            }
            return;
        }
        // Decided under the lock: who asks after this leads anew.
        let run = runs.remove(&self.key, self.number);
        drop(runs);
        if let Some(run) = run {
            run.unwanted.settle(Ok(()));
        }
    }
}

/// The duty to have the work done, wherever that is: [`land`](Lead::land) what it gives. Dropped instead, all who wait
/// are told that who carried the work has gone, and ask again.
#[must_use = "who waits is told to ask again when this is dropped"]
pub struct Lead<K: Eq + Hash + Send, T: Send> {
    /// Both left alone, never dropped, in a forked child.
    place: ManuallyDrop<Place<K, T>>,
    unwanted: ManuallyDrop<StdArc<Core<()>>>,
    landed: bool,
}

impl<K: Eq + Hash + Send, T: Send> Lead<K, T> {
    fn header(&self) -> &Header {
        self.unwanted.header()
    }

    /// Whether nobody waits for the work any more, or it was reset: then it may as well be dropped.
    pub fn is_unwanted(&self) -> bool {
        self.header().is_inherited() || self.header().is_done()
    }

    /// Ends when nobody waits any more, for bindings that wait in their own way.
    pub fn as_header(&self) -> StdArc<dyn AsHeader> {
        (*self.unwanted).clone()
    }
}

impl<K: Eq + Hash + Send, T: Clone + Send> Lead<K, T> {
    /// Gives all who wait the outcome. From now on nothing is in flight here.
    ///
    /// # Returns
    /// How many waited.
    pub fn land(mut self, value: T) -> usize {
        self.landed = true;
        if self.header().is_inherited() {
            return 0;
        }
        let Some(run) = self.place.remove() else { return 0 };
        let (live, shared) = (run.live, run.live > 1);
        for core in run.waiting {
            // One that has left meanwhile refuses it.
            core.settle(Ok(Some(Landing { value: value.clone(), shared })));
        }
        live
    }

    /// Does the work here: drives the future, lands what it gives, and drops it as soon as nobody waits any more. For a
    /// task of its own, so that no waiter's end is the work's.
    ///
    /// # Returns
    /// Whether the work came to its end.
    pub async fn carry(self, work: impl Future<Output = T>) -> bool {
        let mut watch = Wait::new((*self.unwanted).clone(), Watch);
        let mut work = pin!(work);
        let ended = poll_fn(|context| {
            if pin!(&mut watch).poll(context).is_ready() {
                return Poll::Ready(None);
            }
            work.as_mut().poll(context).map(Some)
        });
        match ended.await {
            Some(value) => {
                self.land(value);
                true
            }
            None => false,
        }
    }
}

impl<K: Eq + Hash + Send, T: Send> Drop for Lead<K, T> {
    fn drop(&mut self) {
        if self.header().is_inherited() {
            return;
        }
        if !self.landed
            && let Some(run) = self.place.remove()
        {
            for core in run.waiting {
                core.settle(Ok(None));
            }
        }
        // SAFETY: dropped once, here.
        unsafe {
            ManuallyDrop::drop(&mut self.place);
            ManuallyDrop::drop(&mut self.unwanted);
        }
    }
}

impl<K: Eq + Hash + Send, T: Send> fmt::Debug for Lead<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("unwanted", &self.is_unwanted()).finish_non_exhaustive()
    }
}

/// Nothing is granted to who watches.
#[derive(Debug)]
struct Watch;

impl Source for Watch {
    type Grant = ();

    fn give_back(&self, (): ()) {}

    fn left(&self) {}
}
