//! The hooks for async generators of this thread, which belong to its loop while that runs.
//!
//! `sys.get_asyncgen_hooks` and `sys.set_asyncgen_hooks` make a tuple, parse keywords and tell the audit hooks, twice
//! each: 2,400 of the 13,300 instructions of a call that never waits. In the versions of Python that are named below
//! both hooks stand side by side in the interpreter's record of the thread, as two owned references or nulls. Where
//! they stand is found out once, by setting them; it is believed only if that place follows three changes, and alone
//! does so. Else, and in other versions, the two functions are called.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Where the place was looked for and found.
const KNOWN: RangeInclusive<(u8, u8)> = (3, 11)..=(3, 14);
/// How many words of the record are looked at; it is longer than that in each of these versions.
const WORDS: usize = 40;

pub(crate) struct GeneratorHooks {
    get: Py<PyAny>,
    set: Py<PyAny>,
    /// The first of the two words, if it is known.
    place: Option<usize>,
}

/// What a loop has to hear of async generators.
pub(crate) struct Pair {
    first_iteration: Py<PyAny>,
    finalizer: Py<PyAny>,
}

impl Pair {
    /// The hooks of a loop; None for a loop that has none.
    pub(crate) fn of(event_loop: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let first = event_loop.getattr_opt("_asyncgen_firstiter_hook")?;
        let last = event_loop.getattr_opt("_asyncgen_finalizer_hook")?;
        Ok(first.zip(last).map(|(first, last)| Self { first_iteration: first.unbind(), finalizer: last.unbind() }))
    }

    pub(crate) fn traverse(&self, visit: &pyo3::gc::PyVisit<'_>) -> Result<(), pyo3::gc::PyTraverseError> {
        visit.call(&self.first_iteration)?;
        visit.call(&self.finalizer)
    }
}

impl GeneratorHooks {
    pub(crate) fn look_up(py: Python<'_>) -> PyResult<Self> {
        let sys = py.import("sys")?;
        let (get, set) = (sys.getattr("get_asyncgen_hooks")?, sys.getattr("set_asyncgen_hooks")?);
        let version = py.version_info();
        let place = match KNOWN.contains(&(version.major, version.minor)) {
            true => find(&get, &set)?,
            false => None,
        };
        Ok(Self { get: get.unbind(), set: set.unbind(), place })
    }

    /// Runs `inside` with this pair as the thread's hooks, and puts back what stood there.
    #[inline]
    pub(crate) fn during<T>(&self, py: Python<'_>, pair: &Pair, inside: impl FnOnce() -> T) -> PyResult<T> {
        let Some(place) = self.place else {
            let before = self.get.bind(py).call0()?.cast_into::<PyTuple>()?;
            let set = self.set.bind(py);
            set.call1((&pair.first_iteration, &pair.finalizer))?;
            let outcome = inside();
            set.call1(before)?;
            return Ok(outcome);
        };
        let words = words(py);
        let ours = [pair.first_iteration.clone_ref(py).into_ptr(), pair.finalizer.clone_ref(py).into_ptr()];
        let before = [words[place].swap(ours[0], Ordering::Relaxed), words[place + 1].swap(ours[1], Ordering::Relaxed)];
        let outcome = inside();
        let after =
            [words[place].swap(before[0], Ordering::Relaxed), words[place + 1].swap(before[1], Ordering::Relaxed)];
        for one in after {
            // SAFETY: attached; the record owned it, or it is null, and it stands there no longer.
            drop(unsafe { Bound::from_owned_ptr_or_opt(py, one) });
        }
        Ok(outcome)
    }
}

/// The first words of this thread's record. Only this thread touches those that hold its hooks.
#[inline]
fn words(_py: Python<'_>) -> &[AtomicPtr<ffi::PyObject>; WORDS] {
    // SAFETY: attached, so there is a record, which outlives what runs on its thread; it is longer than WORDS in the
    // versions that come here, and its words are aligned as pointers are.
    unsafe { &*ffi::PyThreadState_Get().cast() }
}

/// Where the hooks stand.
fn find(get: &Bound<'_, PyAny>, set: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    let py = get.py();
    let before = get.call0()?.cast_into::<PyTuple>()?;
    let mut places: Vec<usize> = (0..WORDS - 1).collect();
    // The two functions stand for hooks: nothing iterates an async generator here.
    for (first, last) in [(Some(get), Some(set)), (Some(set), Some(get)), (None, None)] {
        set.call1((first, last))?;
        let expected = [first, last].map(|hook| hook.map_or(std::ptr::null_mut(), Bound::as_ptr));
        places.retain(|&place| {
            let found = [place, place + 1].map(|word| words(py)[word].load(Ordering::Relaxed));
            found == expected
        });
    }
    set.call1(before)?;
    Ok(match places[..] {
        [place] => Some(place),
        _ => None,
    })
}
