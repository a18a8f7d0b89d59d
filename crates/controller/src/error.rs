//! Why a controller does not start.

use thiserror::Error;

use crate::QuorumError;

/// Why a controller does not start.
#[derive(Debug, Error)]
pub enum ControllerError {
    /// The metadata log.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// A record in it.
    #[error("metadata log at offset {offset}: {source}")]
    Record {
        /// Where it stands.
        offset: model::Offset,
        /// What is wrong with it.
        source: metadata::MetadataError,
    },
    /// The log is another cluster's.
    #[error("metadata log belongs to cluster {found}, this node to cluster {expected}")]
    Cluster {
        /// As the log has it.
        found: String,
        /// As this node has it.
        expected: String,
    },
    /// The operating system gives no thread.
    #[error("controller thread: {0}")]
    Thread(#[source] std::io::Error),
}
