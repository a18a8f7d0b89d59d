//! What the quorum is told once, and what can be wrong with it.

use std::time::Duration;

use metadata::options::ServerOptions;
use model::BrokerId;
use thiserror::Error;

/// What a node's quorum is told once.
#[derive(Clone, Debug)]
pub struct QuorumOptions {
    /// This node.
    pub node: BrokerId,
    /// Those who vote, the same on every node (`controller.quorum.voters`).
    pub voters: Vec<BrokerId>,
    /// How long a voter hears nothing of a leader before it asks for votes, at least; up to half as much again by chance
    /// (`controller.quorum.election.timeout.ms`). A broken connection is noticed earlier.
    pub election_timeout: Duration,
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub log_bytes_between_snapshots_max: u64,
}

impl QuorumOptions {
    /// A quorum of one.
    #[must_use]
    pub fn alone(node: BrokerId, server: &ServerOptions) -> Self {
        Self::new(node, vec![node], server)
    }

    /// A quorum of `voters`, as `node` sees it.
    #[must_use]
    pub fn new(node: BrokerId, voters: Vec<BrokerId>, server: &ServerOptions) -> Self {
        let bytes = server.number("metadata.log.max.record.bytes.between.snapshots");
        Self {
            node,
            voters,
            election_timeout: ELECTION_TIMEOUT,
            log_bytes_between_snapshots_max: u64::try_from(bytes).unwrap_or(u64::MAX),
        }
    }
}

/// The metadata log is at fault.
#[derive(Debug, Error)]
pub enum QuorumError {
    /// The disk.
    #[error("metadata log: {0}")]
    Storage(#[from] storage::StorageError),
    /// The disk refused a batch.
    #[error("metadata log: {0}")]
    Append(#[from] storage::AppendError),
    /// The disk gave none back.
    #[error("metadata log: {0}")]
    Read(#[from] storage::ReadError),
    /// A snapshot's file, or the vote's.
    #[error("metadata file {file}: {source}")]
    File {
        /// Its name.
        file: String,
        /// What the disk says.
        source: std::io::Error,
    },
    /// What is stored is not what was written.
    #[error("metadata in {place} is damaged: {why}")]
    Damaged {
        /// Where.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// Raft cannot go on.
    #[error("metadata quorum: {0}")]
    Raft(String),
}

/// Kafka's default of `controller.quorum.election.timeout.ms`.
const ELECTION_TIMEOUT: Duration = Duration::from_millis(1000);
