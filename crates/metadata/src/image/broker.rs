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
}
