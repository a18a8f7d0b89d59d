//! What `__consumer_offsets` holds, in Kafka's own schemas.
//!
//! ```text
//!   key    version 0, 1   OffsetCommitKey    group, topic, partition     we write 1, as Kafka
//!          version 2      GroupMetadataKey   group
//!          version 3..    KIP-848 and later: not kept
//!
//!   OffsetCommitValue     0  offset, metadata, commit time
//!                         1  + expire time at the end                    written when the committer gave a retention
//!                         2  as 0
//!                         3  leader epoch after the offset               written
//!                         4  compact strings, tags
//!   GroupMetadataValue    0  protocol type, generation, protocol?, leader?, members
//!                         1  + rebalance timeout per member
//!                         2  + time of the current state, before members
//!                         3  + instance id? per member                   written
//!                         4  compact strings, tags
//!     member              id, instance id?, client id, client host, rebalance timeout, session timeout,
//!                         subscription (bytes), assignment (bytes)
//! ```
//! A key without a value is a tombstone. Apache Kafka 4.3 writes the same versions.

use std::sync::Arc;

use bytes::Bytes;
use model::{LeaderEpoch, Offset, TimestampMs};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRecord {
    /// How far a group has come in one partition, or that nobody knows any more.
    Offset {
        /// The group's id.
        group: Arc<str>,
        /// The topic's name.
        topic: Arc<str>,
        /// Its partition.
        partition: i32,
        /// None is a tombstone.
        value: Option<CommittedOffset>,
    },
    /// A group's last agreed state, or its end.
    Group {
        /// The group's id.
        group: Arc<str>,
        /// None is a tombstone.
        value: Option<SavedGroup>,
    },
}

/// A committed offset: the next one to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// As committed; Kafka does not check it.
    pub offset: Offset,
    /// Of the last record read, or none.
    pub leader_epoch: LeaderEpoch,
    /// The committer's own text.
    pub metadata: Arc<str>,
    /// When it was committed.
    pub commit_time: TimestampMs,
    /// When it ends, if the committer said so (OffsetCommit v2 to v4).
    pub expire_time: Option<TimestampMs>,
}

/// A group as of its last generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedGroup {
    /// `consumer`, `connect`; empty for a group that only stores offsets.
    pub protocol_type: String,
    /// Counts rebalances.
    pub generation: i32,
    /// The assignor that was elected.
    pub protocol: Option<String>,
    /// The member that assigns.
    pub leader: Option<Arc<str>>,
    /// When the group came into its state; none in records before version 2.
    pub state_time: Option<TimestampMs>,
    /// In the order of their ids.
    pub members: Vec<SavedMember>,
}

/// A member as of its group's last generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMember {
    /// Given by the coordinator.
    pub id: Arc<str>,
    /// Given by the operator (KIP-345).
    pub instance_id: Option<Arc<str>>,
    /// As in the request header.
    pub client_id: Arc<str>,
    /// In Java's form: `/127.0.0.1`.
    pub client_host: Arc<str>,
    /// How long a rebalance may wait for it.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent.
    pub session_timeout_ms: i32,
    /// Its metadata for the elected protocol.
    pub subscription: Bytes,
    /// What the leader gave it.
    pub assignment: Bytes,
}
