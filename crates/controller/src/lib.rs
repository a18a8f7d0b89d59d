//! The metadata quorum: requests become decisions, decisions become records.
//!
//! ```text
//!   Controller ──queue──▶ driver ──▶ machine.decide(image, request) ─▶ Outcome { facts, answer }
//!   (any thread)          │ own thread                                   │
//!                         │◀─────────────────────────────────────────────┘
//!                         ├─ quorum.append(facts of all that waited)      one write, one fsync
//!                         ├─ publisher.publish(image, delta)              partitions open, readers see
//!                         └─ answers leave
//! ```
//! State changes in one place, `metadata::Image::apply`; a decision only says which facts would be so. The log is a
//! [`Quorum`]'s: [`QuorumOfOne`] keeps it in `__cluster_metadata-0` of this node.
//!
//! What this crate is not: it opens no partition and answers no client; it knows neither sockets nor `replication`.

mod alter_partition;
mod balance;
mod brokers;
mod change;
mod driver;
mod elections;
mod error;
mod handle;
mod leaders;
mod machine;
mod options;
mod partitions;
mod placement;
mod producer_ids;
mod quorum;
mod quorum_of_one;
mod reassignments;
mod request;
mod sessions;
mod stored;
mod topics;

#[cfg(test)]
mod driver_tests;
#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod trace_tests;

pub use driver::QUEUE_REQUESTS_MAX;
pub use error::ControllerError;
pub use handle::Controller;
pub use machine::{ControllerOptions, World};
pub use quorum::{Quorum, QuorumError, Visit, VolatileQuorum};
pub use quorum_of_one::QuorumOfOne;
pub use request::{
    Answer, Change, CreatedTopic, Elected, Election, Heartbeat, HeartbeatAnswer, IfThere,
    IsrChange, MorePartitions, NewTopic, OptionChange, Reassignment, Refusal, Registration,
    Request, Stored, TopicChange, TopicKey,
};
pub use sessions::SUSPICION_GRACE;
