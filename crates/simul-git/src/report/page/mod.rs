//! `report.html`: one page, complete without a network and without JavaScript.

mod authors;
mod details;
mod document;
mod files;
mod overview;
mod ownership;
mod problems;
mod repositories;
mod table;
mod time;
mod whole;

use whole::Context;
pub use whole::page;
