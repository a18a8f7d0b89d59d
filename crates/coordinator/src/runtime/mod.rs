//! The one runtime of all coordinators: shards, their outcomes, their timers, and the thread that drives them.
//!
//! ```text
//!   request ─▶ shard decides ─▶ records ─▶ Log::append ─▶ apply ─▶ answers and effects, held until committed
//!   timer   ─┘                                  └ refused: nothing applied, answers turned into errors, no effects
//! ```

mod active;
mod batches;
mod driver;
mod loader;
mod log;
mod machine;
#[cfg(test)]
mod machine_tests;
mod outcome;
mod pending;
mod shard;
mod timers;

pub(crate) use driver::{Command, Desk, Driver, Inbox, Requests};
pub use log::{Loaded, Log, Reign, Wake};
pub(crate) use machine::Runtime;
pub(crate) use outcome::{Batching, Outcome, Producer, Ticket};
pub(crate) use shard::{At, Now, OutcomeOf, Shard};
pub(crate) use timers::Timers;

#[cfg(test)]
pub(crate) use loader::load;
