//! The metadata quorum: requests become decisions, decisions become records.
//!
//! ```text
//!   Controller ──inbox──▶ driver ──▶ machine.decide(image, request) ─▶ Outcome { facts, answer }
//!   (any thread)          │ own thread                                   │
//!                         │◀─────────────────────────────────────────────┘
//!                         ├─▶ raft: the facts of all that waited are one entry; committed, applied on every node
//!                         ├─ publisher.publish(image, delta)              partitions open, readers see
//!                         └─ answers leave
//! ```
//! State changes in one place, `metadata::Image::apply`; a decision only says which facts would be so. Only the node that
//! leads the quorum decides; the others pass on what they are asked (`forward`), and apply what is committed. A lone node is a quorum of one:
//! the same code.
//!
//! What this crate is not: it opens no partition, no socket and answers no client. [`Peers`] is its way to other nodes.

mod alter_partition;
mod balance;
mod brokers;
mod change;
mod driver;
mod elections;
mod error;
mod forward;
mod handle;
mod inbox;
mod leaders;
mod machine;
mod options;
mod partitions;
mod peers;
mod placement;
mod producer_ids;
mod quorum;
mod raft;
mod reassignments;
mod request;
mod sessions;
mod stored;
mod topics;

#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod driver_tests;
#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod test_cluster;
#[cfg(test)]
mod trace_tests;

pub use error::ControllerError;
pub use handle::Controller;
pub use inbox::QUEUE_REQUESTS_MAX;
pub use machine::{ControllerOptions, World};
pub use peers::{Loss, NoPeers, PEER_MESSAGE_BYTES_MAX, Peers};
pub use quorum::{QuorumError, QuorumOptions, parse_voters};
pub use raft::{QuorumStatus, QuorumStorage, ReplicaStatus};
pub use request::{
    Answer, Change, CreatedTopic, Elected, Election, Heartbeat, HeartbeatAnswer, IfThere,
    IsrChange, MorePartitions, NewTopic, OptionChange, Reassignment, Refusal, Registration,
    Request, Stored, TopicChange, TopicKey,
};
pub use sessions::SUSPICION_GRACE;
