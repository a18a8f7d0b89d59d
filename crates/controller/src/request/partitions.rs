//! What is asked about partitions: who is in sync, who leads, who holds replicas.

use model::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionEpoch, PartitionId, TopicId};
use serde::{Deserialize, Serialize};

use super::Refusal;

/// A leader's proposal of who is in sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsrChange {
    /// Of which topic.
    pub topic: TopicId,
    /// Which partition.
    pub partition: PartitionId,
    /// The reign in which it is proposed.
    pub leader_epoch: LeaderEpoch,
    /// The state that the proposal is to change.
    pub partition_epoch: PartitionEpoch,
    /// Who is to be in sync, in any order, each in the life in which it caught up; [`BrokerEpoch::NONE`]: in any life.
    pub isr: Vec<(BrokerId, BrokerEpoch)>,
}

/// Which leader is wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Election {
    /// The first replica, if it is in sync.
    Preferred,
    /// Any replica that is alive, where none that is in sync is: what only the others had is lost.
    Unclean,
}

impl Election {
    /// Kafka's wire value.
    #[must_use]
    pub const fn from_wire(value: i8) -> Option<Self> {
        match value {
            0 => Some(Self::Preferred),
            1 => Some(Self::Unclean),
            _ => None,
        }
    }
}

/// What became of one partition that was named (or of all that needed it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elected {
    /// The topic, as the request named it.
    pub topic: String,
    /// The partition.
    pub partition: PartitionId,
    /// Whether it has the leader that was wished for.
    pub outcome: Result<(), Refusal>,
}

/// Other replicas for one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reassignment {
    /// The topic's name, not yet checked.
    pub topic: String,
    /// The partition.
    pub partition: PartitionId,
    /// In order of preference; none: the reassignment under way is called off.
    pub replicas: Option<Vec<BrokerId>>,
}
