//! A partition: its role, its log, its high watermark and who waits for it.
//!
//! ```text
//!    log_start        last_stable      high_watermark        log_end
//!    ├── retained ────┼── decided ─────┼── replicated ───────┤── only here
//! ```
//! The log is `storage`'s; who is in sync and how far everyone may read is the leader machine's (`leader.rs`, pure). A lone node's
//! partition is one whose in-sync replicas are itself: its high watermark moves on the same path as a cluster's.
//!
//! A [`ReplicaSet`] holds all partitions of a node and follows the metadata image; a [`Housekeeper`] does on its own thread what time asks
//! for: retention, compaction, syncs, checkpoints.
//!
//! What this crate is not: it knows no sockets and no protocol; it decides nothing about the cluster.

mod backoff;
mod dirty_set;
mod drop_behind;
mod ends;
mod error;
pub mod fetcher;
mod figures;
mod follower;
mod housekeeping;
mod isr;
mod isr_proposals;
mod leader;
mod opener;
mod options;
mod partition;
mod replica_set;
mod standing;
mod subscriptions;
mod waiter;
mod waiters;
mod watermark;

pub use dirty_set::{DirtySet, Slot};
pub use ends::Offsets;
pub use error::PartitionError;
pub use figures::ReplicationFigures;
pub use follower::{Advance, Ask, Follower, LeaderSays, OwnLog, Step};
pub use housekeeping::Housekeeper;
pub use isr::Isr;
pub use isr_proposals::{IsrAnswer, IsrProposal, IsrProposals};
pub use leader::{Committed, Effects, FollowerFetch, Leader, LeaderRules, Reign};
pub use options::log_options;
pub use partition::{
    Acks, Deleted, FetchRequest, Fetched, Followable, ListedOffset, OffsetSpec, Partition,
    PartitionUsage, Placed, ReplicaFetch, Terms,
};
pub use replica_set::ReplicaSet;
pub use standing::Standing;
pub use subscriptions::Interest;
pub use waiter::Waiter;
