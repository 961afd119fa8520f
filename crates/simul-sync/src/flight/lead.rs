//! The duty to have the work done.

use super::place::{Landing, Place, Told};
use super::run::{Key, Term};
use crate::wait::{Source, Wait};
use simul_wake::{AsHeader, Core, Header};
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem::ManuallyDrop;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// The duty to have the work done, wherever that is: [`land`](Lead::land) what it gives. Dropped instead, it leaves the
/// flight vacant: one of those who wait takes the lead.
#[must_use = "the flight is vacant when this is dropped"]
pub struct Lead<K: Key, T: Send + 'static> {
    /// Both left alone, never dropped, in a forked child.
    place: ManuallyDrop<Place<K, T>>,
    released: ManuallyDrop<Arc<Core<()>>>,
    term: Term,
    landed: bool,
}

impl<K: Key, T: Send + 'static> Lead<K, T> {
    pub(super) fn new(place: Place<K, T>, term: Term, released: Arc<Core<()>>) -> Self {
        Self { place: ManuallyDrop::new(place), released: ManuallyDrop::new(released), term, landed: false }
    }

    /// Which lead this is.
    pub fn term(&self) -> Term {
        self.term
    }

    fn header(&self) -> &Header {
        self.released.header()
    }

    /// Whether nobody waits for the work any more, it was reset, or another leads: then it may as well be dropped.
    pub fn is_unwanted(&self) -> bool {
        self.header().is_inherited() || self.header().is_done()
    }

    /// Ends when the lead is unwanted, for bindings that wait in their own way.
    pub fn as_header(&self) -> Arc<dyn AsHeader> {
        (*self.released).clone()
    }
}

impl<K: Key, T: Clone + Send + 'static> Lead<K, T> {
    /// Gives all who wait the outcome. From now on nothing is in flight here.
    ///
    /// # Returns
    /// How many waited; 0 too where another leads by now, and this outcome is nobody's.
    pub fn land(mut self, value: T) -> usize {
        self.landed = true;
        if self.header().is_inherited() {
            return 0;
        }
        let run = self.place.flight.lock().remove(&self.place.key, self.term);
        let Some(run) = run else { return 0 };
        let (live, shared) = (run.live, run.live > 1);
        for waiting in run.waiting {
            // One that has left meanwhile refuses it.
            waiting.core.settle(Ok(Told::Landed(Landing { value: value.clone(), shared })));
        }
        live
    }

    /// Does the work here: drives the future, lands what it gives, and drops it as soon as it is unwanted. For a
    /// task of its own, so that no waiter's end is the work's.
    ///
    /// # Returns
    /// Whether the work came to its end.
    pub async fn carry(self, work: impl Future<Output = T>) -> bool {
        let mut watch = Wait::new((*self.released).clone(), Watch);
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

impl<K: Key, T: Send + 'static> Drop for Lead<K, T> {
    fn drop(&mut self) {
        if self.header().is_inherited() {
            return;
        }
        if !self.landed {
            self.place.vacate(self.term);
        }
        // SAFETY: dropped once, here.
        unsafe {
            ManuallyDrop::drop(&mut self.place);
            ManuallyDrop::drop(&mut self.released);
        }
    }
}

impl<K: Key, T: Send + 'static> fmt::Debug for Lead<K, T> {
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
