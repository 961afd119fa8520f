//! Python objects in a queue, and how they are compared.

use crate::delivery::{overdue, own_turn};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use simul_sync::queue::{Fifo, Heap, Lifo, Order, Store, View};
use simul_wake::Wake;

/// An item. Touched and dropped by attached threads only.
pub(crate) struct Item(pub(crate) Py<PyAny>);

impl Clone for Item {
    fn clone(&self) -> Self {
        Python::attach(|py| Self(self.0.clone_ref(py)))
    }
}

/// Python's `<`.
pub(crate) struct LessThan;

impl Order<Item> for LessThan {
    type Error = PyErr;

    fn before(a: &Item, b: &Item) -> PyResult<bool> {
        Python::attach(|py| a.0.bind(py).lt(b.0.bind(py)))
    }

    fn entangled() -> Option<PyErr> {
        Some(PyRuntimeError::new_err(
            "comparing the items of this PriorityQueue changes the queue each time: compare them without using it",
        ))
    }
}

/// One of the three ways to keep items.
pub(crate) enum Kept {
    Fifo(Fifo<Item>),
    Lifo(Lifo<Item>),
    Heap(Heap<Item, LessThan>),
}

impl Kept {
    pub(crate) fn fifo() -> Self {
        Self::Fifo(Fifo::default())
    }

    pub(crate) fn lifo() -> Self {
        Self::Lifo(Lifo::default())
    }

    pub(crate) fn heap() -> Self {
        Self::Heap(Heap::default())
    }
}

impl AsRef<Heap<Item, LessThan>> for Kept {
    fn as_ref(&self) -> &Heap<Item, LessThan> {
        match self {
            Self::Heap(heap) => heap,
            Self::Fifo(_) | Self::Lifo(_) => unreachable!("only a heap asks for plans"),
        }
    }
}

type Plan = <Heap<Item, LessThan> as Store<Item>>::Plan;

impl Store<Item> for Kept {
    type Plan = Plan;
    type Error = PyErr;

    fn len(&self) -> usize {
        match self {
            Self::Fifo(store) => store.len(),
            Self::Lifo(store) => store.len(),
            Self::Heap(store) => store.len(),
        }
    }

    fn push(&mut self, item: Item, plan: &Plan) -> Result<(), Item> {
        match self {
            Self::Fifo(store) => store.push(item, &()),
            Self::Lifo(store) => store.push(item, &()),
            Self::Heap(store) => store.push(item, plan),
        }
    }

    fn pop(&mut self, plan: &Plan) -> Option<Item> {
        match self {
            Self::Fifo(store) => store.pop(&()),
            Self::Lifo(store) => store.pop(&()),
            Self::Heap(store) => store.pop(plan),
        }
    }

    fn plan_push(item: &Item, view: &View<'_, Item, Self>, tries: &mut u32) -> PyResult<Plan> {
        Heap::<Item, LessThan>::plan_push_in(item, view, tries)
    }

    fn plan_pop(view: &View<'_, Item, Self>, tries: &mut u32) -> PyResult<Plan> {
        Heap::<Item, LessThan>::plan_pop_in(view, tries)
    }

    fn take_all(&mut self) -> Vec<Item> {
        match self {
            Self::Fifo(store) => store.take_all(),
            Self::Lifo(store) => store.take_all(),
            Self::Heap(store) => store.take_all(),
        }
    }

    /// Tasks of the loop that runs here are woken without its bell.
    fn wake(wakes: Vec<Wake>) {
        if wakes.is_empty() {
            return;
        }
        Python::attach(|py| {
            // What was granted is granted, and what was got is the caller's: an error now would lose it.
            if let Err(error) = own_turn::within(py, || drop(wakes)) {
                overdue::raise_soon(py, error);
            }
        });
    }

    fn try_each<E>(&self, look: impl FnMut(&Item) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Fifo(store) => store.try_each(look),
            Self::Lifo(store) => store.try_each(look),
            Self::Heap(store) => store.try_each(look),
        }
    }
}
