//! What can go wrong between a client and its brokers.

use std::io;

use model::{ErrorCode, TopicPartition};

/// Why a call failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The socket failed.
    #[error("{address}: {reason}")]
    Io {
        /// The broker.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The connection is closed.
    #[error("the connection to {0} is closed")]
    Closed(String),
    /// No answer in time.
    #[error("no answer to {what} within {ms} ms")]
    TimedOut {
        /// What was asked.
        what: &'static str,
        /// How long it was waited for.
        ms: u128,
    },
    /// The broker does not serve an API in a version that we speak.
    #[error("{address} serves no version of {api} that we speak")]
    Unsupported {
        /// The broker.
        address: String,
        /// The API.
        api: &'static str,
    },
    /// The broker sent what is no answer, or a request could not be written.
    #[error(transparent)]
    Wire(#[from] wire::WireError),
    /// The broker sent records that cannot be read.
    #[error("{partition}: {error}")]
    Records {
        /// Where they lie.
        partition: TopicPartition,
        /// What is wrong with them.
        error: records::RecordsError,
    },
    /// The broker refused.
    #[error("{what}: {code}")]
    Refused {
        /// What was asked.
        what: String,
        /// Its answer.
        code: ErrorCode,
    },
    /// A setting or an argument makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A record was sent and never answered, and what came after it was refused: the broker may have it or not.
    #[error("the broker may have the record or not")]
    InDoubt,
    /// The producer was closed before the record was delivered.
    #[error("the producer is closed")]
    ProducerClosed,
}

impl ClientError {
    /// The error code of the broker, where it is one.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether asking again, perhaps elsewhere, may help.
    #[must_use]
    pub const fn is_retriable(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Closed(_) | Self::TimedOut { .. } => true,
            Self::Refused { code, .. } => is_retriable(*code),
            Self::Unsupported { .. }
            | Self::Wire(_)
            | Self::Records { .. }
            | Self::Invalid(_)
            | Self::InDoubt
            | Self::ProducerClosed => false,
        }
    }

    pub(crate) fn io(address: &str, error: &io::Error) -> Self {
        Self::Io { address: address.to_owned(), reason: error.to_string() }
    }

    pub(crate) fn refused(what: impl Into<String>, code: ErrorCode) -> Self {
        Self::Refused { what: what.into(), code }
    }
}

/// Kafka's retriable errors, of those that this client can meet.
pub(crate) const fn is_retriable(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UnknownTopicOrPartition
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::RequestTimedOut
            | ErrorCode::BrokerNotAvailable
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::NetworkException
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
            | ErrorCode::NotController
            | ErrorCode::NotEnoughReplicas
            | ErrorCode::NotEnoughReplicasAfterAppend
            | ErrorCode::KafkaStorageError
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::CorruptMessage
            | ErrorCode::ThrottlingQuotaExceeded
            | ErrorCode::UnknownTopicId
    )
}

/// The error code with this number; numbers that we do not know are server errors.
pub(crate) fn error_code(number: i16) -> ErrorCode {
    ErrorCode::from_code(number).unwrap_or(ErrorCode::UnknownServerError)
}

/// Nothing, if `number` is success.
pub(crate) fn check(what: impl Into<String>, number: i16) -> Result<(), ClientError> {
    match error_code(number) {
        ErrorCode::None => Ok(()),
        code => Err(ClientError::refused(what, code)),
    }
}
