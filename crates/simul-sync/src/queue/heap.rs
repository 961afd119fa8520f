//! The smallest first.
//!
//! Comparing may run any code of the caller's: it may fail, take long, or use this very queue. So it runs with the lock
//! open, on copies, before anything is moved; the moves are made under the lock afterwards, if nothing else moved
//! meanwhile. A comparison that fails has therefore changed nothing.

use super::store::{Store, View};
use std::cell::Cell;
use std::convert::Infallible;

/// Which of two items goes first.
pub trait Order<T>: Send + 'static {
    /// How a comparison fails.
    type Error;

    /// Whether `a` goes before `b`.
    ///
    /// # Errors
    /// The two cannot be compared.
    fn before(a: &T, b: &T) -> Result<bool, Self::Error>;

    /// What to fail with when comparing changes the queue again and again; None to try for ever.
    fn entangled() -> Option<Self::Error> {
        None
    }
}

/// The order of the type itself.
#[derive(Debug, Clone, Copy)]
pub struct Natural;

impl<T: Ord> Order<T> for Natural {
    type Error = Infallible;

    fn before(a: &T, b: &T) -> Result<bool, Infallible> {
        Ok(a < b)
    }
}

/// A binary heap. `clone` of an item runs under the queue's lock: it must be cheap, and must not use the queue.
#[derive(Debug)]
pub struct Heap<T, O = Natural> {
    items: Vec<T>,
    /// Counts what was moved, so that a plan knows whether it still fits.
    version: u64,
    order: std::marker::PhantomData<fn() -> O>,
}

impl<T, O> Default for Heap<T, O> {
    fn default() -> Self {
        Self { items: Vec::new(), version: 0, order: std::marker::PhantomData }
    }
}

/// Where an item goes.
#[derive(Debug, Default)]
pub struct Plan {
    version: u64,
    /// To push: the place of the new item. To pop: the places that move up by one, from the root down, ending with the
    /// place where the last item goes.
    path: Vec<usize>,
}

thread_local! {
    /// Changes of any heap by this thread: if they grow while it compares, the comparison itself uses a queue.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
}

/// How often the comparisons of one call may spoil its plan themselves.
const PATIENCE: u32 = 100;

impl<T: Clone + Send + 'static, O: Order<T>> Heap<T, O> {
    fn changed(&mut self) {
        self.version += 1;
        CHANGES.set(CHANGES.get() + 1);
    }

    /// A copy of one item; None if something moved since.
    fn copy<S: Store<T> + AsRef<Self>>(view: &View<'_, T, S>, version: u64, place: usize) -> Option<T> {
        view.look(|store| {
            let heap = store.as_ref();
            (heap.version == version).then(|| heap.items.get(place).cloned()).flatten()
        })
    }

    /// Runs a planner; a call whose plans are spoiled by their own comparisons, over and over, is an error.
    fn patiently<S: Store<T> + AsRef<Self>>(
        view: &View<'_, T, S>,
        tries: &mut u32,
        plan: impl FnOnce() -> Result<Option<Plan>, O::Error>,
    ) -> Result<Plan, O::Error> {
        let before = CHANGES.get();
        let plan = plan()?.filter(|plan| view.look(|store| store.as_ref().version == plan.version));
        if plan.is_none() && CHANGES.get() != before {
            *tries += 1;
            if *tries > PATIENCE
                && let Some(error) = O::entangled()
            {
                return Err(error);
            }
        }
        Ok(plan.unwrap_or_default())
    }

    fn plan_up<S: Store<T> + AsRef<Self>>(item: &T, view: &View<'_, T, S>) -> Result<Option<Plan>, O::Error> {
        let (version, mut place) = view.look(|store| (store.as_ref().version, store.as_ref().items.len()));
        while place > 0 {
            let above = (place - 1) / 2;
            let Some(held) = Self::copy(view, version, above) else { return Ok(None) };
            if !O::before(item, &held)? {
                break;
            }
            place = above;
        }
        Ok(Some(Plan { version, path: vec![place] }))
    }

    fn plan_down<S: Store<T> + AsRef<Self>>(view: &View<'_, T, S>) -> Result<Option<Plan>, O::Error> {
        let (version, last, end) = view.look(|store| {
            let heap = store.as_ref();
            let end = heap.items.len().saturating_sub(1);
            (heap.version, heap.items.get(end).cloned(), end)
        });
        let Some(last) = last else { return Ok(None) };
        // Down to a leaf, along the smaller child; then up again, to where the last item fits: it usually stays low.
        let mut path = Vec::new();
        let mut child = 1;
        while child < end {
            let right = child + 1;
            if right < end {
                let Some(a) = Self::copy(view, version, child) else { return Ok(None) };
                let Some(b) = Self::copy(view, version, right) else { return Ok(None) };
                if !O::before(&a, &b)? {
                    child = right;
                }
            }
            path.push(child);
            child = 2 * child + 1;
        }
        while let Some(&place) = path.last() {
            let Some(held) = Self::copy(view, version, place) else { return Ok(None) };
            if !O::before(&last, &held)? {
                break;
            }
            path.pop();
        }
        Ok(Some(Plan { version, path }))
    }

    /// [`Store::plan_push`] for a store that this heap is a part of.
    ///
    /// # Errors
    /// Two items could not be compared.
    pub fn plan_push_in<S: Store<T> + AsRef<Self>>(
        item: &T,
        view: &View<'_, T, S>,
        tries: &mut u32,
    ) -> Result<Plan, O::Error> {
        Self::patiently(view, tries, || Self::plan_up(item, view))
    }

    /// [`Store::plan_pop`] for a store that this heap is a part of.
    ///
    /// # Errors
    /// Two items could not be compared.
    pub fn plan_pop_in<S: Store<T> + AsRef<Self>>(view: &View<'_, T, S>, tries: &mut u32) -> Result<Plan, O::Error> {
        Self::patiently(view, tries, || Self::plan_down(view))
    }
}

impl<T, O> AsRef<Self> for Heap<T, O> {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl<T: Clone + Send + 'static, O: Order<T>> Store<T> for Heap<T, O> {
    type Plan = Plan;
    type Error = O::Error;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn push(&mut self, item: T, plan: &Plan) -> Result<(), T> {
        let end = self.items.len();
        let goal = match plan.path.first() {
            _ if end == 0 => 0,
            Some(&goal) if plan.version == self.version => goal,
            _ => return Err(item),
        };
        self.items.push(item);
        let mut place = end;
        while place > goal {
            let above = (place - 1) / 2;
            self.items.swap(place, above);
            place = above;
        }
        self.changed();
        Ok(())
    }

    fn pop(&mut self, plan: &Plan) -> Option<T> {
        // Two need no comparison either: the second is the root of what is left.
        if self.items.len() > 2 && (plan.version != self.version || plan.version == 0) {
            return None;
        }
        let last = self.items.pop()?;
        self.changed();
        if self.items.is_empty() {
            return Some(last);
        }
        let mut hole = 0;
        if self.items.len() > 1 {
            for &place in &plan.path {
                self.items.swap(hole, place);
                hole = place;
            }
        }
        Some(std::mem::replace(&mut self.items[hole], last))
    }

    fn plan_push(item: &T, view: &View<'_, T, Self>, tries: &mut u32) -> Result<Plan, O::Error> {
        Self::plan_push_in(item, view, tries)
    }

    fn plan_pop(view: &View<'_, T, Self>, tries: &mut u32) -> Result<Plan, O::Error> {
        Self::plan_pop_in(view, tries)
    }

    fn take_all(&mut self) -> Vec<T> {
        self.changed();
        std::mem::take(&mut self.items)
    }

    fn try_each<E>(&self, look: impl FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        self.items.iter().try_for_each(look)
    }
}
