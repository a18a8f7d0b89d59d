//! Why a node does not start, or does not close cleanly.

use std::{io, path::PathBuf};

use crate::settings::Problems;

/// Why a node does not start, or does not close cleanly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootError {
    #[error("{0}")]
    Settings(#[from] Problems),
    #[error("data directory {path}: {source}")]
    Data { path: PathBuf, source: storage::StorageError },
    #[error(
        "data directory {path} belongs to cluster {found}, and this node is told to be of cluster {expected}; \
         give the node the directory that is its own, or an empty one, or take logmill.cluster.id out"
    )]
    OtherCluster { path: PathBuf, found: String, expected: String },
    #[error(
        "data directory {path} belongs to node {found}, and this is node {expected}; give each node a directory of its own (log.dirs), \
         or write node.id={found}"
    )]
    OtherNode { path: PathBuf, found: model::BrokerId, expected: model::BrokerId },
    #[error("{0}")]
    Storage(#[from] storage::StorageError),
    #[error("{0}")]
    Quorum(#[from] controller::QuorumError),
    #[error("{0}")]
    Controller(#[from] controller::ControllerError),
    #[error("{0}")]
    Partitions(#[from] replication::PartitionError),
    #[error("the controller does not register this node: {0}")]
    Registration(controller::Refusal),
    #[error("{address} cannot be listened on for {whom}: {source}; choose another port with {how}")]
    Port { address: String, whom: &'static str, how: &'static str, source: io::Error },
    #[error("{0}")]
    System(#[from] io::Error),
}
