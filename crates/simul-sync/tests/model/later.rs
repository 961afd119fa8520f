//! What the models for loom have in common: who has to wait.
#![cfg(simul_loom)]

use simul_sync::wait::Source;
use simul_sync::{Entered, Wait};

/// The place in the line of one who asked when nothing was free.
pub(crate) fn later<S: Source>(entered: Entered<S>) -> Wait<S> {
    match entered {
        Entered::Later(wait) => wait,
        Entered::Now(_) => panic!("nothing is free"),
    }
}
