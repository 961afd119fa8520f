//! A panic inside a Job becomes `Kind::Internal` and prints nothing.

use simul_core::{Error, Kind};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Adds a panic hook that, inside a Job, remembers the place instead of printing; elsewhere the old hook runs.
pub(crate) fn keep_quiet_inside_jobs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if INSIDE.get() {
                let place = info.location().map(ToString::to_string);
                PLACE.with_borrow_mut(|slot| *slot = place);
            } else {
                before(info);
            }
        }));
    });
}

/// Runs work of a Job; a panic comes back as an error that says where.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    let outer = INSIDE.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(outer);
    outcome.map_err(|payload| {
        let place = PLACE.with_borrow_mut(Option::take).unwrap_or_else(|| "an unknown place".to_owned());
        Error::new(Kind::Internal, format!("a panic at {place}: {}; this is a bug in simul", message(&*payload)))
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
