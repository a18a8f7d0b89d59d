//! A broker in the image.

use model::{BrokerEpoch, BrokerId};

/// A broker in its present life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its `node.id`.
    pub id: BrokerId,
    /// Differs from life to life.
    pub incarnation: u128,
    /// This life.
    pub epoch: BrokerEpoch,
    /// What clients are told to connect to.
    pub host: String,
    /// What clients are told to connect to.
    pub port: u16,
    /// Its `broker.rack`.
    pub rack: Option<String>,
    /// The lineage of its data directory; 0: not told.
    pub lineage: u128,
    /// Whether it is out of touch, or has not caught up with the metadata yet: clients do not see it.
    pub is_fenced: bool,
    /// Whether it is in a controlled shutdown.
    pub is_shutting_down: bool,
}

impl Broker {
    /// Whether it may lead partitions and be in sync.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.is_fenced && !self.is_shutting_down
    }
}
