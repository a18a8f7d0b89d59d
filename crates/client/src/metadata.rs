//! What a client knows of the cluster: brokers, topics, leaders. A cache; the truth is asked for when it proves stale.

use std::collections::{BTreeMap, HashMap};

use model::{BrokerId, ErrorCode, LeaderEpoch, PartitionId, TopicId, TopicName, TopicPartition};
use wire::messages::MetadataResponse;

use crate::error::error_code;

/// Who leads a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionLeader {
    /// The leader; none while there is none.
    pub leader: Option<BrokerId>,
    /// Its epoch, or -1 where the broker does not say.
    pub epoch: LeaderEpoch,
}

/// A topic's partitions and who leads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicLayout {
    /// The topic's identity; [`TopicId::NONE`] from brokers that know none.
    pub id: TopicId,
    /// By number, from 0.
    pub partitions: BTreeMap<PartitionId, PartitionLeader>,
}

impl TopicLayout {
    /// How many partitions there are.
    #[must_use]
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }
}

/// The cache.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    pub(crate) brokers: BTreeMap<BrokerId, String>,
    pub(crate) controller: Option<BrokerId>,
    topics: HashMap<TopicName, TopicLayout>,
}

impl Metadata {
    /// Takes in an answer. Topics that it does not name stay as they were; those that it refuses are forgotten, and returned.
    pub(crate) fn update(&mut self, answer: &MetadataResponse) -> Vec<(TopicName, ErrorCode)> {
        if !answer.brokers.is_empty() {
            let broker = |broker: &wire::messages::metadata_response::MetadataResponseBroker| {
                (BrokerId(broker.node_id.0), format!("{}:{}", broker.host, broker.port))
            };
            self.brokers = answer.brokers.iter().map(broker).collect();
        }
        let controller = BrokerId(answer.controller_id.0);
        self.controller = (controller.0 >= 0).then_some(controller);
        let mut refused = Vec::new();
        for topic in &answer.topics {
            let Some(Ok(name)) = topic.name.as_ref().map(|name| TopicName::parse(name.as_str()))
            else {
                continue;
            };
            match error_code(topic.error_code) {
                ErrorCode::None => {
                    self.topics.insert(name, layout(topic));
                }
                code => {
                    self.topics.remove(&name);
                    refused.push((name, code));
                }
            }
        }
        refused
    }

    pub(crate) fn topic(&self, name: &TopicName) -> Option<&TopicLayout> {
        self.topics.get(name)
    }

    pub(crate) fn leader(&self, partition: &TopicPartition) -> Option<(BrokerId, LeaderEpoch)> {
        let leader = self.topic(&partition.topic)?.partitions.get(&partition.partition)?;
        Some((leader.leader?, leader.epoch))
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = (&TopicName, &TopicLayout)> {
        self.topics.iter()
    }
}

fn layout(topic: &wire::messages::metadata_response::MetadataResponseTopic) -> TopicLayout {
    let partitions = topic.partitions.iter().map(|partition| {
        let leader = BrokerId(partition.leader_id.0);
        let leader = PartitionLeader {
            leader: (leader.0 >= 0).then_some(leader),
            epoch: LeaderEpoch(partition.leader_epoch),
        };
        (PartitionId(partition.partition_index), leader)
    });
    TopicLayout { id: TopicId(topic.topic_id), partitions: partitions.collect() }
}
