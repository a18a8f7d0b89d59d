//! What can be wrong with a stored fact.

use thiserror::Error;

/// A record of the metadata log that cannot be read: the disk's fault, or a newer version wrote it.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// An empty record.
    #[error("metadata record is empty")]
    Empty,
    /// Written by a newer version.
    #[error("metadata record has version {version}, this build knows up to {known}")]
    Version {
        /// The version found.
        version: u8,
        /// The newest version this build reads.
        known: u8,
    },
    /// Not what any version writes.
    #[error("metadata record is not readable: {0}")]
    Content(#[from] serde_json::Error),
}
