//! Why a partition did not do what it was asked.

use model::{ErrorCode, LeaderEpoch, Offset};
use records::RecordError;
use storage::{AppendError, ReadError, StorageError};
use thiserror::Error;

/// Why a partition did not do what it was asked, and whose fault it is.
#[derive(Debug, Error)]
pub enum PartitionError {
    /// The peer asks the wrong node: its metadata is old.
    #[error("this node does not lead the partition")]
    NotLeader,
    /// Somebody fetches as a follower who is none.
    #[error("the broker is no replica of the partition")]
    NotReplica {
        /// Whether it has named a reign.
        names_reign: bool,
    },
    /// The topic is being deleted, or the node closes.
    #[error("the partition is gone")]
    Gone,
    /// The peer's metadata is older than ours.
    #[error("leader epoch {found} is older than the current epoch {current}")]
    FencedLeaderEpoch {
        /// As the peer has it.
        found: LeaderEpoch,
        /// As we have it.
        current: LeaderEpoch,
    },
    /// The peer's metadata is newer than ours.
    #[error("leader epoch {found} is newer than the current epoch {current}")]
    UnknownLeaderEpoch {
        /// As the peer has it.
        found: LeaderEpoch,
        /// As we have it.
        current: LeaderEpoch,
    },
    /// The peer asks for what is not there (any more, or yet).
    #[error("offset {offset} is not within {start}..={end}")]
    OffsetOutOfRange {
        /// As asked.
        offset: Offset,
        /// The first that is there.
        start: Offset,
        /// The end of what may be asked for.
        end: Offset,
    },
    /// A new leader does not know yet how far its records are committed.
    #[error("the high watermark has not reached this leader's epoch")]
    OffsetNotAvailable,
    /// Too few replicas are in sync for acks=all.
    #[error("{in_sync} in-sync replicas, {required} are required")]
    NotEnoughReplicas {
        /// How many there are.
        in_sync: usize,
        /// How many `min.insync.replicas` asks for.
        required: usize,
    },
    /// All that were in sync have it, and by now they are too few.
    #[error("{in_sync} in-sync replicas after the append, {required} are required")]
    NotEnoughReplicasAfterAppend {
        /// How many there are.
        in_sync: usize,
        /// How many `min.insync.replicas` asks for.
        required: usize,
    },
    /// Records of a topic that is never deleted from cannot be deleted.
    #[error("the topic's cleanup.policy does not delete")]
    NotDeletable,
    /// No such question.
    #[error("offset query {0} is not known")]
    UnknownQuery(i64),
    /// The batch, its producer, or the disk.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The offset, or the disk.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The log could not be opened, or its directory has failed.
    #[error("the log is offline: {0}")]
    Offline(String),
}

impl PartitionError {
    /// What a client is told.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotLeader | Self::Gone => ErrorCode::NotLeaderOrFollower,
            Self::FencedLeaderEpoch { .. } => ErrorCode::FencedLeaderEpoch,
            Self::UnknownLeaderEpoch { .. } => ErrorCode::UnknownLeaderEpoch,
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::OffsetNotAvailable => ErrorCode::OffsetNotAvailable,
            Self::NotEnoughReplicas { .. } => ErrorCode::NotEnoughReplicas,
            Self::NotEnoughReplicasAfterAppend { .. } => ErrorCode::NotEnoughReplicasAfterAppend,
            // Its image may be newer than ours, if it names a reign.
            Self::NotReplica { names_reign: true } => ErrorCode::UnknownLeaderEpoch,
            Self::NotReplica { names_reign: false } => ErrorCode::NotLeaderOrFollower,
            Self::NotDeletable => ErrorCode::PolicyViolation,
            Self::UnknownQuery(_) => ErrorCode::UnsupportedVersion,
            Self::Append(error) => error.code(),
            Self::Read(error) => error.code(),
            Self::Storage(error) => error.code(),
            Self::Offline(_) => ErrorCode::KafkaStorageError,
        }
    }

    /// Whether the log is not what was written.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Read(ReadError::Storage(error))
            | Self::Append(AppendError::Storage(error))
            | Self::Storage(error) => error.is_damage(),
            _ => false,
        }
    }

    /// Which records of a batch are refused, and why.
    #[must_use]
    pub fn record_errors(&self) -> &[RecordError] {
        match self {
            Self::Append(error) => error.record_errors(),
            _ => &[],
        }
    }
}
