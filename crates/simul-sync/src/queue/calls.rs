//! The calls on a queue that may have to wait.

use super::handle::Queue;
use super::shelf::{Refused, shut_down};
use super::store::Store;
use crate::lazy::Call;
use crate::wait::{Entered, Source};
use simul_core::{Error, Kind, Result};
use std::convert::Infallible;
use std::fmt;

/// What a getter is granted: [`Queue::open`] turns it into the item.
#[derive(Debug)]
pub enum Parcel<T> {
    /// The item.
    Here(T),
    /// The queue keeps it under this number until it is read.
    Kept(u64),
}

/// Where items come from, and go back to unread.
pub struct Items<T: Send, S: Store<T>>(pub(super) Queue<T, S>);

impl<T: Send + 'static, S: Store<T>> Source for Items<T, S> {
    type Grant = Parcel<T>;

    fn give_back(&self, parcel: Parcel<T>) {
        self.0.take_back(parcel);
    }

    fn left(&self) {
        self.0.shelf().getters.left();
    }
}

/// Where room for an item comes from, and goes back to unused.
pub struct Room<T: Send, S: Store<T>>(pub(super) Queue<T, S>);

impl<T: Send + 'static, S: Store<T>> Source for Room<T, S> {
    type Grant = ();

    fn give_back(&self, (): ()) {
        self.0.decline();
    }

    fn left(&self) {
        self.0.shelf().putters.left();
    }
}

/// Where those wait who want all work to be done.
pub struct Finished<T: Send, S: Store<T>>(pub(super) Queue<T, S>);

impl<T: Send + 'static, S: Store<T>> Source for Finished<T, S> {
    type Grant = ();

    fn give_back(&self, (): ()) {}

    fn left(&self) {
        self.0.shelf().joiners().left();
    }
}

/// Begins [`Queue::get`].
pub struct Get<T: Send, S: Store<T>>(pub(super) Queue<T, S>);

impl<T: Send + 'static, S: Store<T, Error = Infallible>> Call for Get<T, S> {
    type Source = Items<T, S>;
    type Output = T;

    fn enter(&mut self) -> Result<Entered<Self::Source>> {
        self.0.enter_get().map_err(refused)
    }

    fn finish(&mut self, parcel: Parcel<T>) -> T {
        self.0.open(parcel).expect("a parcel is given to one getter, and opened once")
    }
}

/// Begins [`Queue::put`].
pub struct Put<T: Send, S: Store<T>> {
    pub(super) queue: Queue<T, S>,
    /// None once it is in.
    pub(super) item: Option<T>,
}

impl<T: Send + 'static, S: Store<T, Error = Infallible>> Call for Put<T, S> {
    type Source = Room<T, S>;
    type Output = ();

    fn enter(&mut self) -> Result<Entered<Self::Source>> {
        self.queue.enter_put(&mut self.item).map_err(refused)
    }

    fn finish(&mut self, (): ()) {}

    fn conclude(&mut self, (): ()) -> Result<()> {
        match self.item.take() {
            Some(item) => self.queue.fill(item).map_err(|rejected| refused(rejected.why)),
            None => Ok(()),
        }
    }
}

/// Begins [`Queue::join`].
pub struct Joined<T: Send, S: Store<T>>(pub(super) Queue<T, S>);

impl<T: Send + 'static, S: Store<T>> Call for Joined<T, S> {
    type Source = Finished<T, S>;
    type Output = ();

    fn enter(&mut self) -> Result<Entered<Self::Source>> {
        Ok(self.0.enter_join())
    }

    fn finish(&mut self, (): ()) {}
}

fn refused(why: Refused) -> Error {
    match why {
        Refused::ShutDown => shut_down(),
        Refused::NotNow => Error::new(Kind::Internal, "a call that waits was refused because it would have to wait"),
    }
}

macro_rules! debug_as_queue {
    ($($name:ident: $queue:tt),*) => {$(
        impl<T: Send, S: Store<T>> fmt::Debug for $name<T, S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.$queue).finish()
            }
        }
    )*};
}
debug_as_queue!(Items: 0, Room: 0, Finished: 0, Get: 0, Put: queue, Joined: 0);
