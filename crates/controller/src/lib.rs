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

mod brokers;
mod driver;
mod error;
mod handle;
mod machine;
mod options;
mod partitions;
mod placement;
mod producer_ids;
mod quorum;
mod quorum_of_one;
mod request;
mod stored;
mod topics;

#[cfg(test)]
mod driver_tests;
#[cfg(test)]
mod machine_tests;

pub use driver::QUEUE_REQUESTS_MAX;
pub use error::ControllerError;
pub use handle::Controller;
pub use machine::{ControllerOptions, World};
pub use quorum::{Quorum, QuorumError, Visit, VolatileQuorum};
pub use quorum_of_one::QuorumOfOne;
pub use request::{
    Answer, Change, CreatedTopic, IfThere, MorePartitions, NewTopic, OptionChange, Refusal,
    Registration, Request, Stored, TopicChange, TopicKey,
};
