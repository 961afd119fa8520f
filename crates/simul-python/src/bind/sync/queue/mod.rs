//! `simul.Queue`, `simul.LifoQueue`, `simul.PriorityQueue`.
//!
//! # Layout
//! - [`class`]: the three classes.
//! - [`calls`]: `get()`, `put()` and `join()` as coroutine objects.
//! - [`items`]: Python objects in a queue, and how they are compared.
//! - [`maxsize`]: how many they may be.

pub(crate) mod calls;
pub(crate) mod class;
pub(crate) mod items;
pub(crate) mod maxsize;
