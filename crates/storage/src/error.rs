//! What can go wrong with a log, and who is at fault.

use std::{
    io,
    path::{Path, PathBuf},
};

use model::{ErrorCode, Offset};
use records::{Invalid, RecordError, RecordsError};

/// The disk, or what lies on it, is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The operating system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A file holds what it must not.
    #[error("{} is corrupt: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// An earlier failure left what is on disk unknown; the directory is not written again before a restart.
    #[error("log directory is offline after a failed sync or repair")]
    Poisoned,
    /// Another process has the directory.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory belongs to another cluster or node.
    #[error("{} has {field}={found}, expected {expected}", path.display())]
    Identity {
        /// The directory.
        path: PathBuf,
        /// The line of `meta.properties`.
        field: &'static str,
        /// What it says.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// An offset that the log does not have was asked for.
    #[error("offset {offset} is outside of {start}..={end}")]
    OutOfRange {
        /// The offset.
        offset: Offset,
        /// Where the log starts.
        start: Offset,
        /// Where it ends.
        end: Offset,
    },
}

impl StorageError {
    /// What a client is told.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Io { .. }
            | Self::Corrupt { .. }
            | Self::Poisoned
            | Self::Locked { .. }
            | Self::Identity { .. } => ErrorCode::KafkaStorageError,
            Self::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        }
    }

    /// Whether bytes of a log are not what was written. To ask for them again will not help; another replica may have them.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    pub(crate) fn corrupt(path: &Path, why: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_owned(), why: why.into() }
    }
}

/// Names what was tried on which path when an [`io::Error`] becomes a [`StorageError`].
pub(crate) trait IoContext<T> {
    fn on(self, action: &'static str, path: &Path) -> Result<T, StorageError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn on(self, action: &'static str, path: &Path) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::Io { action, path: path.to_owned(), source })
    }
}

/// Why a batch was not appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The batch breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It is larger than a whole segment may be.
    #[error("batch of {size} bytes exceeds the segment size of {max} bytes")]
    TooLargeForSegment {
        /// Its size.
        size: usize,
        /// `segment.bytes`.
        max: u32,
    },
    /// It is larger than `max.message.bytes` once it has been compressed as the topic asks.
    #[error("batch of {size} bytes exceeds the maximum of {max} bytes")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The maximum.
        max: u32,
    },
    /// A gap in, or a step back of, a producer's sequence.
    #[error(
        "Out of order sequence number for producer {producer}: {found} (incoming seq. number), {last} (current end sequence number)"
    )]
    OutOfOrderSequence {
        /// The producer.
        producer: i64,
        /// The first sequence number of the batch.
        found: i32,
        /// The last one that was appended.
        last: i32,
    },
    /// A producer that a newer one has taken the place of.
    #[error(
        "Epoch of producer {producer} is {found}, which is smaller than the last seen epoch {current}"
    )]
    StaleProducerEpoch {
        /// The producer.
        producer: i64,
        /// The epoch of the batch.
        found: i16,
        /// The epoch of its newest batch.
        current: i16,
    },
    /// A marker of a transaction coordinator that another has taken the place of.
    #[error(
        "marker of coordinator epoch {found}, which is smaller than the last seen epoch {current}"
    )]
    CoordinatorFenced {
        /// The epoch in the marker.
        found: i32,
        /// The newest seen.
        current: i32,
    },
    /// A plain batch in the middle of its producer's transaction.
    #[error(
        "Expected transactional write from producer {producer} in the transaction that began at offset {since}"
    )]
    InTransaction {
        /// The producer.
        producer: i64,
        /// Where the transaction begins.
        since: Offset,
    },
    /// A transactional batch that begins a transaction here, and nobody has verified that its coordinator knows.
    #[error("the transaction of producer {producer} is not verified in this partition")]
    NotVerified {
        /// The producer.
        producer: i64,
    },
    /// A replicated batch that does not follow the end of the log.
    #[error("batch of offset {found} does not follow the log, which ends at {end}")]
    NotNext {
        /// Its base offset.
        found: Offset,
        /// The end of the log.
        end: Offset,
    },
    /// The disk is at fault.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<RecordsError> for AppendError {
    fn from(error: RecordsError) -> Self {
        Self::Invalid(error.into())
    }
}

impl AppendError {
    /// What a client is told.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(invalid) => invalid.code(),
            Self::TooLargeForSegment { .. } => ErrorCode::RecordListTooLarge,
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            Self::StaleProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            Self::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
            Self::InTransaction { .. } | Self::NotVerified { .. } => ErrorCode::InvalidTxnState,
            Self::NotNext { .. } => ErrorCode::OffsetOutOfRange,
            Self::Storage(error) => error.code(),
        }
    }

    /// The records at fault, where the answer names them.
    #[must_use]
    pub fn record_errors(&self) -> &[RecordError] {
        match self {
            Self::Invalid(invalid) => invalid.record_errors(),
            _ => &[],
        }
    }

    /// The text for the client.
    #[must_use]
    pub fn message(&self) -> String {
        self.to_string()
    }
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The log does not have the offset.
    #[error("offset {offset} is outside of {start}..={end}")]
    OutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// Where the log starts.
        start: Offset,
        /// Where it ends.
        end: Offset,
    },
    /// The disk is at fault.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ReadError {
    /// What a client is told.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::Storage(error) => error.code(),
        }
    }
}
