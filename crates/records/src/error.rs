//! What can be wrong with the bytes of a batch or of a record.

use model::ErrorCode;

use crate::Codec;

/// Bytes that are not a batch, or a batch whose records cannot be read. The bytes are at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// The slice ends before the batch does.
    #[error("batch is cut short: {needed} bytes needed, {found} found")]
    CutShort {
        /// Bytes that the batch claims, or that a header takes.
        needed: usize,
        /// Bytes there are.
        found: usize,
    },
    /// A message format other than 2.
    #[error("unsupported magic {0}")]
    Magic(i8),
    /// A batch length that cannot be.
    #[error("batch length {0} is out of range")]
    Length(i32),
    /// A record count that cannot be.
    #[error("record count {0} is out of range")]
    Count(i32),
    /// A codec number that Kafka does not know.
    #[error("unknown compression type id {0}")]
    UnknownCodec(u8),
    /// Compressed bytes that do not inflate.
    #[error("{codec:?} data is corrupt: {reason}")]
    Inflate {
        /// How the batch says it is compressed.
        codec: Codec,
        /// What the codec said.
        reason: String,
    },
    /// Compressed bytes that grow past the bound.
    #[error("batch inflates to more than {max} bytes")]
    InflatesTooFar {
        /// The bound.
        max: usize,
    },
    /// A record that does not fit its own length or its batch.
    #[error("invalid record: {0}")]
    Record(&'static str),
}

impl RecordsError {
    /// What a client is told.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::CutShort { .. } | Self::Length(_) => ErrorCode::CorruptMessage,
            Self::Magic(_) | Self::Count(_) | Self::Record(_) => ErrorCode::InvalidRecord,
            Self::UnknownCodec(_) => ErrorCode::UnsupportedCompressionType,
            Self::Inflate { .. } => ErrorCode::CorruptMessage,
            Self::InflatesTooFar { .. } => ErrorCode::RecordListTooLarge,
        }
    }
}
