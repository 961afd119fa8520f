//! A worker in its task's Context, beside whoever else comes into it meanwhile.
//!
//! `Context.run` marks a Context as entered, and nobody else can enter it until it is left. But tasks may share one, and
//! the step of a task that cannot enter its own fails, and never comes again. So a worker does not mark it: it enters an
//! empty Context of its own, a second one in that, and changes what the second one remembers as the one to go back to.
//! Leaving the second one then leads into the task's. That memory is a field of the Context object. Which one is found by
//! trying, and looked at again on each visit; where it is not found, the worker gets a copy instead.

use super::context::{enter, exit};
use pyo3::ffi;
use pyo3::prelude::*;
use std::mem::size_of;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which word of a Context is its memory of the one before; None where that is not known.
static MEMORY: OnceLock<Option<usize>> = OnceLock::new();

/// As if it were not known.
static COPIES: AtomicBool = AtomicBool::new(false);

/// A thread's stay in a Context. Ended on the thread that began it.
pub(super) enum Visit {
    /// Others may be in it too. The thread goes back to `hall`, and from there to where it was.
    Beside { hall: Py<PyAny>, door: Py<PyAny> },
    /// It is entered as usual: nobody else knows it.
    Alone(Py<PyAny>),
}

fn make(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: attached; a new reference or an error.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_New()) }
}

/// The word of a Context at `place`, counted from the end of the object's head.
fn word(context: &Bound<'_, PyAny>, place: usize) -> *mut usize {
    context.as_ptr().cast::<u8>().wrapping_add(size_of::<ffi::PyObject>()).cast::<usize>().wrapping_add(place)
}

/// Tries it: enters one Context in another, and looks for the word that points to the outer one while it is entered,
/// and to nothing before and after.
fn find(py: Python<'_>) -> PyResult<Option<usize>> {
    let locked = py.import("sys")?.getattr_opt("_is_gil_enabled")?;
    if locked.map_or(Ok(true), |locked| locked.call0()?.is_truthy()).is_ok_and(|locked| !locked) {
        // Two threads at once would change the variables of one Context.
        return Ok(None);
    }
    let (outer, inner) = (make(py)?, make(py)?);
    let size: usize = inner.get_type().getattr(pyo3::intern!(py, "__basicsize__"))?.extract()?;
    let count = size.saturating_sub(size_of::<ffi::PyObject>()) / size_of::<usize>();
    // SAFETY: attached; by its type's size the words lie within `inner`, which is held; they are read as numbers.
    let look = || (0..count).map(|place| unsafe { word(&inner, place).read() }).collect::<Vec<_>>();
    let before = look();
    enter(&outer)?;
    let entered = enter(&inner);
    let during = look();
    if entered.is_ok() {
        exit(&inner)?;
    }
    exit(&outer)?;
    entered?;
    let after = look();
    let address = outer.as_ptr().addr();
    let mut places = (0..count).filter(|&place| during[place] == address);
    let found = places.next().filter(|&place| before[place] == 0 && after[place] == 0);
    Ok(found.filter(|_| places.next().is_none()))
}

fn memory(py: Python<'_>) -> PyResult<Option<usize>> {
    if let Some(known) = MEMORY.get() {
        return Ok(*known);
    }
    let found = find(py)?;
    Ok(*MEMORY.get_or_init(|| found))
}

/// Says whether functions run in copies of their tasks' contexts, as on an interpreter that lets us do no more; for tests.
///
/// Returns whether this interpreter lets us do more.
#[pyfunction]
#[pyo3(name = "_work_in_copies")]
pub(crate) fn work_in_copies(py: Python<'_>, copies: bool) -> PyResult<bool> {
    COPIES.store(copies, Ordering::Relaxed);
    Ok(memory(py)?.is_some())
}

/// Whether `context` is the one that this thread is in.
pub(super) fn is_current(context: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = context.py();
    let Some(place) = memory(py)?.filter(|_| !COPIES.load(Ordering::Relaxed)) else { return Ok(false) };
    let door = make(py)?;
    enter(&door)?;
    // SAFETY: attached; `find` has found the place among the words of such an object; read as a number.
    let current = unsafe { word(&door, place).read() };
    exit(&door)?;
    Ok(current == context.as_ptr().addr())
}

impl Visit {
    /// Makes `context` the current one of this thread without entering it.
    ///
    /// # Returns
    /// None where this interpreter does not let us: nothing has changed then.
    pub(super) fn begin(context: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let py = context.py();
        let Some(place) = memory(py)?.filter(|_| !COPIES.load(Ordering::Relaxed)) else { return Ok(None) };
        let (hall, door) = (make(py)?, make(py)?);
        let word = word(&door, place);
        enter(&hall)?;
        if let Err(error) = enter(&door) {
            exit(&hall)?;
            return Err(error);
        }
        // SAFETY: attached; a word of `door`, found among those of such an object. It is written only if it holds what
        // `find` says that it holds: the pointer to `hall`, with the reference that the thread had to it. `context` takes
        // its place with a reference of its own, which the thread has from then on; that of `hall` is ours until `end`.
        let swapped = unsafe {
            let fits = word.read() == hall.as_ptr().addr();
            if fits {
                word.write(context.clone().into_ptr().expose_provenance());
            }
            fits
        };
        exit(&door)?;
        if !swapped {
            exit(&hall)?;
            return Ok(None);
        }
        Ok(Some(Self::Beside { hall: hall.unbind(), door: door.unbind() }))
    }

    /// Enters a Context that nobody else knows.
    pub(super) fn alone(context: &Bound<'_, PyAny>) -> PyResult<Self> {
        enter(context)?;
        Ok(Self::Alone(context.clone().unbind()))
    }

    /// Goes back to where the thread was, whatever it has entered meanwhile and not left.
    pub(super) fn end(self, py: Python<'_>) -> PyResult<()> {
        let (hall, door) = match &self {
            Self::Beside { hall, door } => (hall.bind(py), door.bind(py)),
            Self::Alone(context) => return exit(context.bind(py)),
        };
        let Some(place) = memory(py)? else { return Ok(()) };
        let word = word(door, place);
        enter(door)?;
        // SAFETY: as in `begin`; the word holds the Context that this thread was in, with the thread's reference to it.
        // That one becomes ours, and the reference to `hall` that `begin` has kept becomes the thread's.
        let visited = unsafe {
            let visited = word.read();
            word.write(hall.as_ptr().expose_provenance());
            Bound::from_owned_ptr_or_opt(py, std::ptr::with_exposed_provenance_mut(visited))
        };
        exit(door)?;
        exit(hall)?;
        drop(visited);
        Ok(())
    }
}
