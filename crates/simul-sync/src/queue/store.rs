//! Where the items of a queue lie.

use super::shelf::Shelf;
use crate::body::Body;
use simul_wake::Wake;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;

/// Where items lie, under the queue's lock. What a store has to ask the items themselves (which of two goes first) it
/// asks with the lock open: it makes a plan, and the plan is refused if the store has changed meanwhile.
///
/// # Example
/// ```
/// use simul_sync::queue::{Lifo, Store};
/// let mut store = Lifo::default();
/// assert_eq!(store.push('a', &()), Ok(()));
/// assert_eq!(store.push('b', &()), Ok(()));
/// assert_eq!(store.pop(&()), Some('b'));
/// assert_eq!(store.len(), 1);
/// ```
pub trait Store<T: Send>: Send + Sized + 'static {
    /// What was found out with the lock open; the default is that of a store that has nothing to ask.
    type Plan: Default;
    /// How asking fails.
    type Error;

    /// How many items lie here.
    fn len(&self) -> usize;

    /// Whether nothing lies here.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes an item in.
    ///
    /// # Errors
    /// The item, if the plan does not fit: make another.
    fn push(&mut self, item: T, plan: &Self::Plan) -> Result<(), T>;

    /// Gives the next item out; None if the plan does not fit, or nothing lies here.
    fn pop(&mut self, plan: &Self::Plan) -> Option<T>;

    /// Finds out where `item` goes. The lock is open. `tries` is kept between the plans of one call, and 0 at first.
    ///
    /// # Errors
    /// Two items could not be compared.
    fn plan_push(item: &T, view: &View<'_, T, Self>, tries: &mut u32) -> Result<Self::Plan, Self::Error>;

    /// Finds out what to do to take the next item. The lock is open.
    ///
    /// # Errors
    /// Two items could not be compared.
    fn plan_pop(view: &View<'_, T, Self>, tries: &mut u32) -> Result<Self::Plan, Self::Error>;

    /// Takes all items out, the next one first as far as that is known.
    fn take_all(&mut self) -> Vec<T>;

    /// Wakes those who were granted something; the lock is open.
    fn wake(wakes: Vec<Wake>) {
        drop(wakes);
    }

    /// Shows each item.
    ///
    /// # Errors
    /// The first of `look`.
    fn try_each<E>(&self, look: impl FnMut(&T) -> Result<(), E>) -> Result<(), E>;
}

/// A store that is looked at now and then, for a moment each.
pub struct View<'a, T: Send, S: Store<T>>(pub(super) &'a Body<Shelf<T, S>>);

impl<T: Send, S: Store<T>> View<'_, T, S> {
    /// Looks once, under the lock.
    pub fn look<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.0.lock().store)
    }
}

impl<T: Send, S: Store<T>> fmt::Debug for View<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

/// First in, first out.
#[derive(Debug)]
pub struct Fifo<T>(VecDeque<T>);

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Send + 'static> Store<T> for Fifo<T> {
    type Plan = ();
    type Error = Infallible;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, item: T, _plan: &()) -> Result<(), T> {
        self.0.push_back(item);
        Ok(())
    }

    fn pop(&mut self, _plan: &()) -> Option<T> {
        self.0.pop_front()
    }

    fn plan_push(_item: &T, _view: &View<'_, T, Self>, _tries: &mut u32) -> Result<(), Infallible> {
        Ok(())
    }

    fn plan_pop(_view: &View<'_, T, Self>, _tries: &mut u32) -> Result<(), Infallible> {
        Ok(())
    }

    fn take_all(&mut self) -> Vec<T> {
        std::mem::take(&mut self.0).into()
    }

    fn try_each<E>(&self, look: impl FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        self.0.iter().try_for_each(look)
    }
}

/// Last in, first out.
#[derive(Debug)]
pub struct Lifo<T>(Vec<T>);

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Send + 'static> Store<T> for Lifo<T> {
    type Plan = ();
    type Error = Infallible;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, item: T, _plan: &()) -> Result<(), T> {
        self.0.push(item);
        Ok(())
    }

    fn pop(&mut self, _plan: &()) -> Option<T> {
        self.0.pop()
    }

    fn plan_push(_item: &T, _view: &View<'_, T, Self>, _tries: &mut u32) -> Result<(), Infallible> {
        Ok(())
    }

    fn plan_pop(_view: &View<'_, T, Self>, _tries: &mut u32) -> Result<(), Infallible> {
        Ok(())
    }

    fn take_all(&mut self) -> Vec<T> {
        self.0.drain(..).rev().collect()
    }

    fn try_each<E>(&self, look: impl FnMut(&T) -> Result<(), E>) -> Result<(), E> {
        self.0.iter().try_for_each(look)
    }
}
