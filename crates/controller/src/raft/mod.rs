//! The metadata quorum over openraft: the one place that knows it.
//!
//! ```text
//!   driver thread                     quorum thread (one, with its own runtime)        disk thread
//!   ───────────── propose(facts) ──▶  node.rs ── openraft ── log_store.rs ───────────▶ writer.rs → journal.rs
//!                                       │  ▲        │
//!   inbox.rs  ◀── applied, role ────────┘  │        └── network.rs ──▶ Peers (other nodes)
//!                 settled                  │
//!                                          └── service.rs ◀── Controller::on_peer (bytes of other nodes)
//! ```
//! Every node runs this: voters vote, brokers that are none observe (openraft's learners), a lone node is a quorum of one.
//! [`state_machine`] makes the image of what is committed; the driver publishes it, on its own thread, so that opening a
//! thousand partitions delays no heartbeat.

mod bytes;
mod campaigns;
mod checkpoint;
mod entry;
mod journal;
mod log_store;
mod message;
mod mute;
mod network;
mod node;
mod runtime;
mod service;
mod silences;
mod state_machine;
mod status;
mod storage;
mod types;
mod vote_file;
mod watch;
mod writer;

#[cfg(test)]
mod journal_tests;
#[cfg(test)]
mod storage_tests;

pub(crate) use message::{Message, Status, sender};
pub(crate) use network::Network;
pub(crate) use node::{Command, Quorum, QuorumParts};
pub(crate) use runtime::Runtime;
pub use status::{QuorumStatus, ReplicaStatus};
pub use storage::QuorumStorage;
pub(crate) use types::{Group, Raft};

/// Bytes of facts in one entry: it must fit into one peer message.
pub(crate) const ENTRY_BYTES_MAX: usize = 4 << 20;

const _: () = assert!(
    ENTRY_BYTES_MAX + 2 * network::SNAPSHOT_PART_BYTES <= crate::peers::PEER_MESSAGE_BYTES_MAX,
    "an entry, or a part of a snapshot, is one message"
);
