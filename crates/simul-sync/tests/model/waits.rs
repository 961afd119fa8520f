//! What the models of this folder's tests have in common: who waits, by name.
#![cfg(not(simul_loom))]

use simul_sync::wait::Source;
use simul_sync::{Entered, Wait};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// Whether asking was granted at once; else the place in the line is kept under `name`.
pub(crate) fn keep<S: Source + Debug>(entered: Entered<S>, waits: &mut BTreeMap<u64, Wait<S>>, name: u64) -> bool {
    match entered {
        Entered::Now(_) => true,
        Entered::Later(wait) => {
            assert!(waits.insert(name, wait).is_none());
            false
        }
    }
}

/// Those who were granted, and no others, have an outcome.
pub(crate) fn assert_granted<S: Source>(waits: &BTreeMap<u64, Wait<S>>, granted: &BTreeSet<u64>) {
    let done: BTreeSet<u64> =
        waits.iter().filter(|(_, wait)| wait.as_header().header().is_done()).map(|(name, _)| *name).collect();
    assert_eq!(&done, granted);
}
