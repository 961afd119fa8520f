//! [`Flight`]: work that many ask for at once is done once, for all of them.
//!
//! Whoever asks first leads: it is handed a [`Lead`], the duty to have the work done somewhere. It waits like all the
//! others, so that its leaving means no more than theirs. The work is unwanted when the last of them has left. If whoever
//! carries it goes away without an outcome, the flight is vacant, and all who wait stay in it: they hear of it, and the
//! first to [`claim`](Vacant::claim) the lead has it, or the next one to join. So work that is lost is begun again once.

mod join;
mod lead;
mod place;
mod run;

pub use join::{Flight, Joined};
pub use lead::Lead;
pub use place::{Landing, Place, Told, Vacant};
pub use run::{Key, Term};
