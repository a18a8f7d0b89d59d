//! What brokers ask about themselves: a life begins, goes on, ends.

use model::{BrokerEpoch, BrokerId, Offset};
use serde::{Deserialize, Serialize};

/// A broker's new life.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Registration {
    /// Its `node.id`.
    pub id: BrokerId,
    /// The cluster that it takes itself for a part of.
    pub cluster_id: String,
    /// Differs from life to life.
    pub incarnation: u128,
    /// What clients are told to connect to.
    pub host: String,
    /// What clients are told to connect to.
    pub port: u16,
    /// Its `broker.rack`.
    pub rack: Option<String>,
    /// The lineage of its data directory; 0: not told, which says that it may have lost something.
    #[serde(default)]
    pub lineage: u128,
}

/// A sign of life, and what the broker wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Who.
    pub broker: BrokerId,
    /// In which life.
    pub epoch: BrokerEpoch,
    /// The version of the image that it has applied: the offset of the newest record in it.
    pub applied: Offset,
    /// It wishes to be, or to stay, fenced.
    pub wants_fence: bool,
    /// It wishes to stop.
    pub wants_shutdown: bool,
}

/// What a broker is told that has shown itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    /// It has applied what is to be known before it is unfenced.
    pub is_caught_up: bool,
    /// It is fenced.
    pub is_fenced: bool,
    /// It leads nothing any more, and all know: it is to stop now.
    pub should_shut_down: bool,
}
