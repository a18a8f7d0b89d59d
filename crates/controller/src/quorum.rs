//! What the quorum is told once, and what can be wrong with it.

use std::{collections::BTreeMap, time::Duration};

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
        let timeout = server.number("controller.quorum.election.timeout.ms");
        Self {
            node,
            voters,
            election_timeout: Duration::from_millis(u64::try_from(timeout).unwrap_or(0)),
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

/// The value of `controller.quorum.voters`: `id@host:port,…`; none if it is no such text, or names a voter twice.
#[must_use]
pub fn parse_voters(text: &str) -> Option<BTreeMap<BrokerId, String>> {
    let mut voters = BTreeMap::new();
    for voter in text.split(',').map(str::trim).filter(|voter| !voter.is_empty()) {
        let (id, address) = voter.split_once('@')?;
        let (host, port) = address.rsplit_once(':')?;
        let id = id.parse().ok().filter(|id| *id >= 0).map(BrokerId)?;
        port.parse::<u16>().ok().filter(|_| !host.is_empty())?;
        if voters.insert(id, address.to_owned()).is_some() {
            return None;
        }
    }
    Some(voters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_are_parsed_as_kafka_writes_them() {
        let voters = parse_voters("1@a:9093, 2@[::1]:9094").unwrap();
        let expected = [(BrokerId(1), "a:9093".to_owned()), (BrokerId(2), "[::1]:9094".to_owned())];
        assert_eq!(voters.into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(parse_voters("").map(|voters| voters.len()), Some(0));
        for wrong in ["a:9093", "1@a", "1@a:x", "-1@a:1", "1@a:1,1@b:1", "1@:1", "x@a:1"] {
            assert_eq!(parse_voters(wrong), None, "{wrong}");
        }
    }
}
