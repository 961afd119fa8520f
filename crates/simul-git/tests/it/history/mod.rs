//! History equals git: generated repositories, both engines, every number.

mod bounds;
mod equals;
mod fixture;
mod limits;
mod log;
mod people;
mod places;
mod random;
mod settings;
