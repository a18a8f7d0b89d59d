//! What a log remembers of its idempotent producers, so that nothing is appended twice or out of order.

mod check;
mod entry;
pub(crate) mod snapshot;
mod state;
mod verification;

pub(crate) use check::{MarkerRefused, Sequenced, Verdict, check, check_epoch, check_marker};
pub(crate) use entry::{Entry, Seen};
pub(crate) use state::{Ended, Producers};
