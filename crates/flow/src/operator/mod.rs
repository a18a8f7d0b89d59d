//! The steps of a plan, running over chunks.
//!
//! Floating-point sums depend on the order of adding. A windowed aggregate with such a call keeps a lane of groups for each input, and
//! merges the lanes in the inputs' order when the window closes: however the inputs were interleaved, the digits are the same.

mod filter;
mod fire;
mod groups;
mod keys;
mod project;
mod slices;
mod window_aggregate;

pub(crate) use filter::filter;
pub(crate) use fire::Fired;
pub(crate) use project::{append_computed, project};
pub(crate) use window_aggregate::{Prepared, WindowAggregateOperator};
