//! The seam to the other nodes: opaque, versioned bytes to a node, and its answer.
//!
//! What travels is the quorum's business (`raft/message.rs` draws it): raft's calls between voters and observers, and requests that a node
//! passes on to the one that leads. Whoever receives such bytes hands them to [`crate::Controller::on_peer`].

use std::time::Duration;

use ::bytes::Bytes;
use model::{BrokerId, Pending};

use crate::SUSPICION_GRACE;

/// The longest message; longer things (snapshots) go in parts.
pub const PEER_MESSAGE_BYTES_MAX: usize = model::limits::FRAME_BYTES_MAX_WITHOUT_RECORDS;

/// How a node was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// A connection to or from it has broken: its process may have died, or connects anew.
    Broken,
    /// Its machine says that nobody listens there: its process has ended.
    Refused,
}

impl Loss {
    /// How long the node may still take to show itself: a process that only connects anew answers the quorum within this time, one that has
    /// ended does not.
    #[must_use]
    pub const fn grace(self) -> Duration {
        match self {
            Self::Broken => SUSPICION_GRACE,
            Self::Refused => Duration::ZERO,
        }
    }
}

/// How the other nodes are reached. Called on the quorum's thread, within its tokio runtime.
pub trait Peers: Send + Sync {
    /// Sends `message` to `to`. Resolves to its answer, or to `None` when it is not reached or does not answer within
    /// `timeout`; it may have got the message then or not.
    fn send(&self, to: BrokerId, message: Bytes, timeout: Duration) -> Pending<Bytes>;
}

/// A node that knows no other.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPeers;

impl Peers for NoPeers {
    fn send(&self, _to: BrokerId, _message: Bytes, _timeout: Duration) -> Pending<Bytes> {
        Pending::channel().1
    }
}
