//! The three classes.

use super::calls::{Get, Join, Put, refused};
use super::items::{Item, Kept};
use super::maxsize::Maxsize;
use crate::bind::sync::operation::Operation;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PySuper, PyTuple, PyType};
use std::sync::OnceLock;

/// Hands items over, the oldest first; for any number of threads and event loops.
///
/// Args:
///     maxsize: How many items it holds before ``put`` waits; 0 (the default) and below are without limit.
///
/// Cancellation:
///     A ``get()`` that is cancelled after its item was handed to it, or whose loop has closed, gives the item back to
///     the front. A ``put()`` that is cancelled, or whose time is up, has put nothing.
///
/// Threads and loops:
///     Any; ``await queue.get()`` in a coroutine, ``queue.get().wait()`` anywhere else, on the same queue. First come,
///     first served on both sides. A forked child finds the items, and nobody who waits.
///
/// Example:
///     >>> import simul
///     >>> queue = simul.Queue()
///     >>> queue.put_nowait("a")
///     >>> queue.get().wait()
///     'a'
#[pyclass(frozen, weakref, subclass, generic, module = "simul", name = "Queue")]
pub(crate) struct Queue {
    /// Made by `__init__`, so that a class that derives from this one may have arguments of its own.
    made: OnceLock<Made>,
    make: fn() -> Kept,
}

struct Made {
    inner: simul_sync::Queue<Item, Kept>,
    maxsize: Maxsize,
}

impl Made {
    fn new(maxsize: Maxsize, make: fn() -> Kept) -> Self {
        Self { inner: simul_sync::Queue::with_store(maxsize.count(), make), maxsize }
    }
}

impl Queue {
    fn with(make: fn() -> Kept) -> Self {
        Self { made: OnceLock::new(), make }
    }

    /// One whose class never called `__init__` is without limit.
    fn made(&self) -> &Made {
        self.made.get_or_init(|| Made::new(Maxsize::NONE, self.make))
    }

    pub(super) fn inner(&self) -> &simul_sync::Queue<Item, Kept> {
        &self.made().inner
    }
}

/// What asyncio calls to keep items, and classes that derive from its queues replace.
const HOOKS: [&str; 4] = ["_init", "_put", "_get", "_qsize"];

#[pymethods]
impl Queue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(maxsize=0)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::with(Kept::fifo)
    }

    #[pyo3(signature = (maxsize = Maxsize::NONE))]
    fn __init__(&self, maxsize: Maxsize) -> PyResult<()> {
        self.made.set(Made::new(maxsize, self.make)).map_err(|_| {
            PyRuntimeError::new_err("this queue is made already: call __init__() once, and before any use")
        })
    }

    #[classmethod]
    #[pyo3(signature = (**kwargs))]
    fn __init_subclass__(cls: &Bound<'_, PyType>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let py = cls.py();
        PySuper::new(&py.get_type::<Self>(), cls)?.call_method("__init_subclass__", (), kwargs)?;
        let own = cls.getattr("__dict__")?;
        for hook in HOOKS {
            if own.contains(hook)? {
                // Never called, it would change nothing, and nobody would notice.
                return Err(PyTypeError::new_err(format!(
                    "{}.{hook}() would never be called, since a simul queue keeps its items itself: override \
                     put_nowait(), get_nowait(), put() and get(), or give it another name",
                    cls.name()?
                )));
            }
        }
        Ok(())
    }

    /// How many items it holds before ``put`` waits.
    #[getter]
    fn maxsize(&self) -> Maxsize {
        self.made().maxsize
    }

    /// Take the next item.
    ///
    /// Returns:
    ///     A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``.
    ///
    /// Raises:
    ///     simul.QueueShutDown: The queue has been shut down and is empty.
    fn get(slf: &Bound<'_, Self>) -> Operation {
        Operation::new(Box::new(Get::new(slf.clone().unbind())))
    }

    /// Put an item in, as soon as there is room.
    ///
    /// Returns:
    ///     A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``.
    ///
    /// Raises:
    ///     simul.QueueShutDown: The queue has been shut down.
    fn put(slf: &Bound<'_, Self>, item: Py<PyAny>) -> Operation {
        Operation::new(Box::new(Put::new(slf.clone().unbind(), item)))
    }

    /// Wait until ``task_done()`` was called for every item that was put.
    ///
    /// Returns:
    ///     A call that begins when it is awaited, or waited for with ``.wait(timeout=None)``.
    fn join(slf: &Bound<'_, Self>) -> Operation {
        Operation::new(Box::new(Join::new(slf.clone().unbind())))
    }

    /// Take the next item, if there is one.
    ///
    /// Raises:
    ///     simul.QueueEmpty: There is none.
    ///     simul.QueueShutDown: There is none, and the queue has been shut down.
    fn get_nowait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.inner().get_nowait().map(|item| item.0).map_err(|why| refused(py, why, "QueueEmpty"))
    }

    /// Put an item in, if there is room.
    ///
    /// Raises:
    ///     simul.QueueFull: There is none.
    ///     simul.QueueShutDown: The queue has been shut down.
    fn put_nowait(&self, py: Python<'_>, item: Py<PyAny>) -> PyResult<()> {
        self.inner().put_nowait(Item(item)).map_err(|rejected| refused(py, rejected.why, "QueueFull"))
    }

    /// Say that the work on one item is done, for ``join()``.
    ///
    /// Raises:
    ///     ValueError: It was said for every item already.
    fn task_done(&self) -> PyResult<()> {
        self.inner().task_done().map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Let nothing in any more; what is inside may still be taken.
    ///
    /// Who waits to put, or for an item, gets QueueShutDown.
    ///
    /// Args:
    ///     immediate: Whether to throw away what is inside; it counts as done.
    #[pyo3(signature = (immediate = false))]
    fn shutdown(&self, immediate: bool) {
        self.inner().shutdown(immediate);
    }

    /// How many items are inside; those on their way to a ``get()`` are not.
    fn qsize(&self) -> usize {
        self.inner().len()
    }

    /// Whether nothing is inside.
    fn empty(&self) -> bool {
        self.inner().is_empty()
    }

    /// Whether a ``put()`` would have to wait.
    fn full(&self) -> bool {
        self.inner().is_full()
    }

    /// How it stands: ``size``, ``maxsize``, ``unfinished``, how many are ``waiting_to_get``,
    /// ``waiting_to_put`` and ``waiting_to_join``, and whether it is ``shut_down``.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let now = self.inner().statistics();
        let figures = PyDict::new(py);
        figures.set_item("size", now.size)?;
        figures.set_item("maxsize", self.maxsize())?;
        figures.set_item("unfinished", now.unfinished)?;
        figures.set_item("waiting_to_get", now.getting)?;
        figures.set_item("waiting_to_put", now.putting)?;
        figures.set_item("waiting_to_join", now.joining)?;
        figures.set_item("shut_down", now.shut_down)?;
        Ok(figures)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a queue cannot be pickled or copied: a copy would be another queue"))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let this = slf.get();
        let now = this.inner().statistics();
        let mut text = format!("<simul.{} size={}", slf.get_type().name()?, now.size);
        let counts = [
            ("maxsize", this.made().maxsize.count()),
            ("getting", now.getting),
            ("putting", now.putting),
            ("unfinished", now.unfinished),
        ];
        for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
            text.push_str(&format!(" {name}={count}"));
        }
        text.push_str(if now.shut_down { " shut down>" } else { ">" });
        Ok(text)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.made.get().map_or(Ok(()), |made| made.inner.try_each(|item| visit.call(&item.0)))
    }

    fn __clear__(&self) {
        let items = self.made.get().map(|made| made.inner.take_all());
        drop(items);
    }
}

/// A queue that gives the newest item first.
///
/// Args:
///     maxsize: As of Queue.
///
/// Cancellation, Threads and loops:
///     As of Queue.
#[pyclass(frozen, subclass, extends = Queue, module = "simul", name = "LifoQueue")]
pub(crate) struct LifoQueue;

#[pymethods]
impl LifoQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(maxsize=0)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Queue::with(Kept::lifo)).add_subclass(Self)
    }
}

/// A queue that gives the smallest item first, by ``<``; often ``(priority, item)``.
///
/// Comparing runs while other threads and tasks use the queue. If it raises, the queue is as it was, and the ``put`` or
/// ``get`` raises the same.
///
/// Args:
///     maxsize: As of Queue.
///
/// Raises:
///     RuntimeError: From ``put`` and ``get``: comparing the items changes this queue over and over.
///
/// Cancellation, Threads and loops:
///     As of Queue.
///
/// Cost:
///     As ``heapq``: about log2(n) comparisons each.
#[pyclass(frozen, subclass, extends = Queue, module = "simul", name = "PriorityQueue")]
pub(crate) struct PriorityQueue;

#[pymethods]
impl PriorityQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(maxsize=0)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Queue::with(Kept::heap)).add_subclass(Self)
    }
}
