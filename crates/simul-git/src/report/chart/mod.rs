//! Charts as static SVG. Across, everything is a share of the width, so that text keeps its size on a phone.

mod axis;
mod bars;
mod punch;
mod share;
mod spark;

pub(super) use bars::{commits_over_time, lines_over_time};
pub(super) use punch::punch_card;
pub(super) use share::{Share, change_bar, length_bar, stacked_bar};
pub(super) use spark::spark_line;
