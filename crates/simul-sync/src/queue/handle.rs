//! [`Queue`]: what it can do.

use super::calls::{Finished, Get, Items, Joined, Parcel, Put, Room};
use super::heap::{Heap, Natural};
use super::shelf::{Config, QueueStatistics, Refused, Shelf, Stop};
use super::store::{Fifo, Lifo, Store, View};
use crate::body::Body;
use crate::lazy::Lazy;
use crate::sync::{Arc, MutexGuard};
use crate::wait::{Entered, Wait};
use simul_core::{Error, Kind, Result};
use std::convert::Infallible;
use std::fmt;

/// The newest first.
pub type LifoQueue<T> = Queue<T, Lifo<T>>;

/// The smallest first. Of equal items any may be first.
pub type PriorityQueue<T> = Queue<T, Heap<T, Natural>>;

/// An item that a queue did not take, and why.
#[derive(Debug)]
pub struct Rejected<T, E = Infallible> {
    /// The item.
    pub item: T,
    /// Why.
    pub why: Refused<E>,
}

/// Hands items from any number of threads and tasks to any number of others, in the order of coming (or as its store
/// says: [`LifoQueue`], [`PriorityQueue`]). A handle: its clones are the same queue.
///
/// # Cancellation
/// A [`get`](Self::get) that is dropped after it was handed an item gives it back to the front. A [`put`](Self::put)
/// that is dropped before it ended has put nothing.
///
/// # Threads and loops
/// Any thread and any async runtime at once; first come, first served on both sides. A forked child finds the items and
/// nobody who waits.
///
/// # Example
/// ```
/// use simul_sync::Queue;
/// let queue = Queue::new(2);
/// let other = queue.clone();
/// let thread = std::thread::spawn(move || (0..5).try_for_each(|number| other.put(number).wait()));
/// let got = (0..5).map(|_| queue.get().wait()).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(got, [0, 1, 2, 3, 4]);
/// thread.join().expect("it does not panic")?;
/// # Ok::<(), simul_core::Error>(())
/// ```
///
/// In tasks, until it is shut down:
/// ```
/// use simul_core::{Kind, Result};
/// use simul_sync::Queue;
///
/// async fn sum(queue: Queue<u32>) -> Result<u32> {
///     let mut sum = 0;
///     loop {
///         match queue.get().await {
///             Ok(number) => sum += number,
///             Err(error) if error.kind() == Kind::Closed => return Ok(sum),
///             Err(error) => return Err(error),
///         }
///     }
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<()> {
///     let queue = Queue::new(1);
///     let consumer = tokio::spawn(sum(queue.clone()));
///     for number in [1, 2, 3] {
///         queue.put(number).await?;
///     }
///     queue.shutdown(false);
///     assert_eq!(consumer.await.expect("it does not panic")?, 6);
///     Ok(())
/// }
/// ```
pub struct Queue<T: Send, S: Store<T> = Fifo<T>>(Arc<Body<Shelf<T, S>>>);

impl<T: Send, S: Store<T>> Clone for Queue<T, S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static> Queue<T> {
    /// An empty queue, the oldest first.
    ///
    /// # Args
    /// `maxsize`: how many items it holds before `put` waits; 0 is without limit.
    pub fn new(maxsize: usize) -> Self {
        Self::with_store(maxsize, Fifo::default)
    }
}

impl<T: Send + 'static> LifoQueue<T> {
    /// An empty queue, the newest first.
    ///
    /// # Args
    /// As [`Queue::new`].
    ///
    /// # Example
    /// ```
    /// let queue = simul_sync::LifoQueue::lifo(0);
    /// queue.put_nowait(1).expect("it has no limit");
    /// queue.put_nowait(2).expect("it has no limit");
    /// assert_eq!(queue.get_nowait(), Ok(2));
    /// ```
    pub fn lifo(maxsize: usize) -> Self {
        Self::with_store(maxsize, Lifo::default)
    }
}

impl<T: Ord + Clone + Send + 'static> PriorityQueue<T> {
    /// An empty queue, the smallest first.
    ///
    /// # Args
    /// As [`Queue::new`].
    ///
    /// # Example
    /// ```
    /// let queue = simul_sync::PriorityQueue::priority(0);
    /// for number in [3, 1, 2] {
    ///     queue.put_nowait(number).expect("it has no limit");
    /// }
    /// assert_eq!(queue.get_nowait(), Ok(1));
    /// ```
    pub fn priority(maxsize: usize) -> Self {
        Self::with_store(maxsize, Heap::default)
    }
}

impl<T: Send + 'static, S: Store<T>> Queue<T, S> {
    /// An empty queue whose items lie in a store of the caller's.
    pub fn with_store(maxsize: usize, make: fn() -> S) -> Self {
        Self(Arc::new(Body::new(Config { maxsize, make })))
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf<T, S>> {
        self.0.lock()
    }

    fn maxsize(&self) -> usize {
        self.0.config().maxsize
    }

    /// The next item, if there is one.
    ///
    /// # Errors
    /// Nothing is there; it is shut down; two items could not be compared.
    pub fn get_nowait(&self) -> std::result::Result<T, Refused<S::Error>> {
        let (mut plan, mut tries) = (S::Plan::default(), 0);
        let mut wakes = Vec::new();
        loop {
            let mut shelf = self.shelf();
            if shelf.len() == 0 {
                return Err(if shelf.is_shut() { Refused::ShutDown } else { Refused::NotNow });
            }
            if let Some(item) = shelf.next(&plan) {
                shelf.promise(self.maxsize(), &mut wakes);
                drop(shelf);
                S::wake(wakes);
                return Ok(item);
            }
            drop(shelf);
            plan = S::plan_pop(&View(&self.0), &mut tries).map_err(Refused::Order)?;
        }
    }

    /// Puts an item in, if there is room.
    ///
    /// # Errors
    /// The item: it is full; it is shut down; two items could not be compared.
    pub fn put_nowait(&self, item: T) -> std::result::Result<(), Rejected<T, S::Error>> {
        let maxsize = self.maxsize();
        self.put_if(item, |shelf| !shelf.is_full(maxsize), |_| ())
    }

    /// Puts an item in while `may` says so under the lock; `then` is done with it.
    fn put_if(
        &self,
        mut item: T,
        may: impl Fn(&Shelf<T, S>) -> bool,
        then: impl FnOnce(&mut Shelf<T, S>),
    ) -> std::result::Result<(), Rejected<T, S::Error>> {
        let (mut plan, mut tries) = (S::Plan::default(), 0);
        let mut wakes = Vec::new();
        loop {
            let mut shelf = self.shelf();
            let admitted = match shelf.is_shut() || may(&shelf) {
                true => shelf.admit(item, &plan, &mut wakes),
                false => Err(Stop::Refused(item)),
            };
            item = match admitted {
                Ok(()) => {
                    then(&mut shelf);
                    shelf.promise(self.maxsize(), &mut wakes);
                    drop(shelf);
                    S::wake(wakes);
                    return Ok(());
                }
                Err(Stop::Refused(item)) => return Err(Rejected { item, why: Refused::NotNow }),
                Err(Stop::ShutDown(item)) => return Err(Rejected { item, why: Refused::ShutDown }),
                Err(Stop::Replan(item)) => item,
            };
            drop(shelf);
            plan = match S::plan_push(&item, &View(&self.0), &mut tries) {
                Ok(plan) => plan,
                Err(error) => return Err(Rejected { item, why: Refused::Order(error) }),
            };
        }
    }

    /// Takes the next item or a place in the line, for bindings; what is granted must be [`open`](Self::open)ed.
    ///
    /// # Errors
    /// As [`get_nowait`](Self::get_nowait); never `NotNow`.
    pub fn enter_get(&self) -> std::result::Result<Entered<Items<T, S>>, Refused<S::Error>> {
        loop {
            match self.get_nowait() {
                Ok(item) => return Ok(Entered::Now(Parcel::Here(item))),
                Err(Refused::NotNow) => {}
                Err(refused) => return Err(refused),
            }
            let mut shelf = self.shelf();
            // Somebody may have put one, or shut it down, since.
            if shelf.len() == 0 && !shelf.is_shut() {
                let core = shelf.getters.join();
                drop(shelf);
                return Ok(Entered::Later(Wait::new(core, Items(self.clone()))));
            }
        }
    }

    /// Puts the item in (and leaves None), or takes a place in the line of those who wait for room, for bindings; who is
    /// granted room must [`fill`](Self::fill) it.
    ///
    /// # Errors
    /// It is shut down; two items could not be compared. The item is left where it was.
    pub fn enter_put(&self, item: &mut Option<T>) -> std::result::Result<Entered<Room<T, S>>, Refused<S::Error>> {
        loop {
            let Some(taken) = item.take() else { return Ok(Entered::Now(())) };
            match self.put_nowait(taken) {
                Ok(()) => return Ok(Entered::Now(())),
                Err(rejected) => {
                    *item = Some(rejected.item);
                    match rejected.why {
                        Refused::NotNow => {}
                        refused => return Err(refused),
                    }
                }
            }
            let mut shelf = self.shelf();
            if shelf.is_full(self.maxsize()) && !shelf.is_shut() {
                let core = shelf.putters.join();
                drop(shelf);
                return Ok(Entered::Later(Wait::new(core, Room(self.clone()))));
            }
        }
    }

    /// Waits until all work is done, or has a place in the line, for bindings.
    pub fn enter_join(&self) -> Entered<Finished<T, S>> {
        let mut shelf = self.shelf();
        if shelf.is_finished() {
            return Entered::Now(());
        }
        let core = shelf.joiners().join();
        drop(shelf);
        Entered::Later(Wait::new(core, Finished(self.clone())))
    }

    /// The item that was handed over; None if it was opened before.
    pub fn open(&self, parcel: Parcel<T>) -> Option<T> {
        match parcel {
            Parcel::Here(item) => Some(item),
            Parcel::Kept(number) => self.shelf().collect(number),
        }
    }

    /// Puts an item into the room that was promised.
    ///
    /// # Errors
    /// The item: it has been shut down; two items could not be compared. The room goes to the next who waits.
    pub fn fill(&self, item: T) -> std::result::Result<(), Rejected<T, S::Error>> {
        let filled = self.put_if(item, |_| true, Shelf::redeem);
        if filled.is_err() {
            self.decline();
        }
        filled
    }

    /// Room that was promised is not needed.
    pub(super) fn decline(&self) {
        let mut wakes = Vec::new();
        let mut shelf = self.shelf();
        shelf.redeem();
        shelf.promise(self.maxsize(), &mut wakes);
        drop(shelf);
        drop(wakes);
    }

    pub(super) fn take_back(&self, parcel: Parcel<T>) {
        let mut wakes = Vec::new();
        let dropped = self.shelf().take_back(parcel, &mut wakes);
        drop(wakes);
        drop(dropped);
    }

    /// Says that the work on one item is done.
    ///
    /// # Errors
    /// `Invalid`: it was said for every item already.
    pub fn task_done(&self) -> Result<()> {
        let mut wakes = Vec::new();
        let counted = self.shelf().finish(1, &mut wakes);
        S::wake(wakes);
        match counted {
            true => Ok(()),
            false => Err(Error::new(Kind::Invalid, "task_done() called too many times")),
        }
    }

    /// Shuts the queue down: nothing goes in any more, and once it is empty nothing comes out. Those who wait to put fail
    /// now; so do those who wait to get, since nothing will come. With `immediate` what is inside is dropped, and counts
    /// as done.
    pub fn shutdown(&self, immediate: bool) {
        let mut wakes = Vec::new();
        let dropped = self.shelf().shut(immediate, &mut wakes);
        S::wake(wakes);
        drop(dropped);
    }

    /// How many items lie in it. Those on their way to a getter are not counted.
    pub fn len(&self) -> usize {
        self.shelf().len()
    }

    /// Whether nothing lies in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a `put` would have to wait.
    pub fn is_full(&self) -> bool {
        self.shelf().is_full(self.maxsize())
    }

    /// Who waits for what.
    pub fn statistics(&self) -> QueueStatistics {
        self.shelf().statistics()
    }

    /// Shows each item, unless the queue is locked just now: for a garbage collector that looks, which must not wait.
    /// `look` runs under the lock.
    ///
    /// # Errors
    /// The first of `look`.
    pub fn try_each<E>(&self, look: impl FnMut(&T) -> std::result::Result<(), E>) -> std::result::Result<(), E> {
        self.0.try_lock().map_or(Ok(()), |shelf| shelf.try_each(look))
    }

    /// Takes everything out, those on their way to a getter too: for a garbage collector that breaks cycles.
    pub fn take_all(&self) -> Vec<T> {
        self.shelf().take_all()
    }
}

impl<T: Send + 'static, S: Store<T, Error = Infallible>> Queue<T, S> {
    /// A call that waits for the next item.
    ///
    /// # Errors
    /// `Closed`: it is shut down and empty.
    pub fn get(&self) -> Lazy<Get<T, S>> {
        Lazy::new(Get(self.clone()))
    }

    /// A call that waits for room and puts the item in.
    ///
    /// # Errors
    /// `Closed`: it is shut down. The item is dropped with the call; [`put_nowait`](Self::put_nowait) returns it.
    pub fn put(&self, item: T) -> Lazy<Put<T, S>> {
        Lazy::new(Put { queue: self.clone(), item: Some(item) })
    }

    /// A call that waits until [`task_done`](Self::task_done) was called for every item that was put.
    pub fn join(&self) -> Lazy<Joined<T, S>> {
        Lazy::new(Joined(self.clone()))
    }
}

impl<T: Send, S: Store<T>> fmt::Debug for Queue<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}
