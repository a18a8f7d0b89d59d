//! Aggregate calls: for each a column of accumulators, one per group.
//!
//! Everything but the sums of floating-point numbers gives the same whatever the order of the rows; those are gathered per input and merged
//! in the order of the inputs (see [`crate::operator`]).

mod accumulator;
mod exact_sum;
mod extreme;
mod total;

pub(crate) use accumulator::{Accumulator, Updates};
