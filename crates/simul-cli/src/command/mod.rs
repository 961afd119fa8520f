//! What each command does.

mod outcome;
mod report;
mod rows;
mod run;
mod sync;

pub(crate) use run::run;
