//! The one runtime of all coordinators: shards, their outcomes, their timers, and the thread that drives them.
//!
//! ```text
//!   request ─▶ shard decides ─▶ records ─▶ Log::append ─▶ apply ─▶ answers, held until committed
//!   timer   ─┘                                  └ refused: nothing applied, answers turned into errors
//! ```

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

pub(crate) use driver::{Command, Desk, Driver, Inbox};
pub use log::Log;
pub(crate) use machine::Runtime;
pub(crate) use outcome::{Outcome, Ticket};
pub(crate) use shard::{Now, Shard};
pub(crate) use timers::Timers;

#[cfg(test)]
pub(crate) use loader::load;
#[cfg(test)]
pub(crate) use machine::Load;
