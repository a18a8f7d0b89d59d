//! A topic in the image: its identity, its partitions, its options.

use std::{collections::BTreeMap, sync::Arc};

use imbl::Vector;
use model::{BrokerId, LeaderEpoch, PartitionEpoch, PartitionId, TopicId, TopicName};
use serde::{Deserialize, Serialize};

use crate::{NO_LEADER, StateFact, record::no_leader};

/// A topic. Cheap to clone: partitions and options are shared.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: TopicName,
    /// Its identity for life.
    pub id: TopicId,
    /// By number, from 0, without gaps.
    pub partitions: Vector<Arc<PartitionState>>,
    /// What is set on the topic itself; see [`crate::options::topic`].
    pub options: Arc<BTreeMap<String, String>>,
}

/// A partition as the controller has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    /// In order of preference.
    pub replicas: Arc<[BrokerId]>,
    /// In the order of `replicas`; see [`StateFact::isr`].
    pub isr: Arc<[BrokerId]>,
    /// Eligible leader replicas; see [`StateFact::elr`].
    #[serde(default)]
    pub elr: Arc<[BrokerId]>,
    /// One of `isr`, or [`NO_LEADER`].
    pub leader: BrokerId,
    /// Who led last, while nobody leads; else [`NO_LEADER`].
    #[serde(default = "no_leader")]
    pub last_leader: BrokerId,
    /// The leader's reign.
    pub leader_epoch: LeaderEpoch,
    /// The version of this state.
    pub partition_epoch: PartitionEpoch,
    /// Replicas that a reassignment adds.
    pub adding: Arc<[BrokerId]>,
    /// Replicas that a reassignment takes away when it ends.
    pub removing: Arc<[BrokerId]>,
}

impl Topic {
    pub(super) fn new(name: TopicName, id: TopicId) -> Self {
        Self { name, id, partitions: Vector::new(), options: Arc::default() }
    }

    /// How many partitions it has.
    #[must_use]
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).expect("partitions are numbered with an i32")
    }

    /// Its partition of this number.
    #[must_use]
    pub fn partition(&self, partition: PartitionId) -> Option<&PartitionState> {
        self.partitions.get(usize::try_from(partition.0).ok()?).map(|state| &**state)
    }

    /// Its partitions with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (PartitionId, &PartitionState)> {
        (0..).map(PartitionId).zip(self.partitions.iter().map(|state| &**state))
    }

    pub(super) fn set_partition(&mut self, index: usize, state: &Arc<PartitionState>) {
        if index < self.partitions.len() {
            self.partitions.set(index, Arc::clone(state));
        } else if index == self.partitions.len() {
            self.partitions.push_back(Arc::clone(state));
        }
        // A gap is a fact that no controller writes; the partitions before it were refused or lost, so it is too.
    }
}

impl PartitionState {
    /// Whether somebody leads it.
    #[must_use]
    pub fn is_led(&self) -> bool {
        self.leader != NO_LEADER
    }

    /// Whether it has no leader until `broker`, which alone is in sync, is back.
    #[must_use]
    pub fn awaits(&self, broker: BrokerId) -> bool {
        !self.is_led() && *self.isr == [broker]
    }

    /// Who leads, or led last.
    #[must_use]
    pub fn last_to_lead(&self) -> BrokerId {
        if self.is_led() { self.leader } else { self.last_leader }
    }

    /// The same in the next reign, under `leader` or [`NO_LEADER`].
    pub(super) fn in_next_reign(&self, leader: BrokerId) -> Self {
        Self {
            leader,
            last_leader: if leader == NO_LEADER { self.last_to_lead() } else { NO_LEADER },
            leader_epoch: self.leader_epoch.next(),
            partition_epoch: self.partition_epoch.next(),
            ..self.clone()
        }
    }

    /// Whether a reassignment is under way.
    #[must_use]
    pub fn is_reassigned(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }

    /// The state that `fact` says.
    #[must_use]
    pub fn from_fact(fact: &StateFact) -> Self {
        let replicas: Arc<[BrokerId]> = fact.replicas.as_slice().into();
        let isr = if fact.isr == fact.replicas {
            Arc::clone(&replicas)
        } else {
            fact.isr.as_slice().into()
        };
        Self {
            replicas,
            isr,
            elr: fact.elr.as_slice().into(),
            leader: fact.leader,
            last_leader: fact.last_leader,
            leader_epoch: fact.leader_epoch,
            partition_epoch: fact.partition_epoch,
            adding: fact.adding.as_slice().into(),
            removing: fact.removing.as_slice().into(),
        }
    }

    /// The fact that says so.
    #[must_use]
    pub fn to_fact(&self) -> StateFact {
        StateFact {
            replicas: self.replicas.to_vec(),
            isr: self.isr.to_vec(),
            elr: self.elr.to_vec(),
            leader: self.leader,
            last_leader: self.last_leader,
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            adding: self.adding.to_vec(),
            removing: self.removing.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_an_older_controller_answers_is_read() {
        let answered = r#"{"replicas":[1,2],"isr":[1],"leader":1,"leader_epoch":4,"partition_epoch":5,"adding":[],"removing":[]}"#;
        let state: PartitionState = serde_json::from_str(answered).unwrap();
        assert_eq!((state.elr.len(), state.last_leader), (0, NO_LEADER));
        assert_eq!(state.last_to_lead(), BrokerId(1));
    }
}
