//! What a batch of facts has changed, for those who act on it.
//!
//! Told: each fact, with the image before it. Holds names and numbers only: the values are in the image.

use std::collections::BTreeSet;

use model::{BrokerId, PartitionId, TopicId, TopicName};

use crate::{Fact, Image};

/// The difference between two published images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// The image was loaded: everything may differ, and the sets below are empty.
    pub is_everything: bool,
    /// Topics that are new.
    pub created: BTreeSet<TopicId>,
    /// Topics that are gone, by the name they had.
    pub removed: BTreeSet<(TopicName, TopicId)>,
    /// Partitions that are new or changed.
    pub partitions: Vec<PartitionRun>,
    /// Topics whose own options changed.
    pub topic_options: BTreeSet<TopicId>,
    /// A broker option changed: what topics take from it may have changed too.
    pub broker_options: bool,
    /// Brokers that began a life, changed their state or are gone; what they lead, or led, may have another leader (or none) and a
    /// new leader epoch without a fact of its own.
    pub brokers: BTreeSet<BrokerId>,
    /// Tables made, changed or gone.
    pub tables: BTreeSet<String>,
    /// Jobs made, changed or gone.
    pub jobs: BTreeSet<String>,
}

/// Partitions `first..first + count` of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionRun {
    /// The topic.
    pub topic: TopicId,
    /// The first of them.
    pub first: PartitionId,
    /// How many.
    pub count: i32,
}

impl Delta {
    /// The difference from nothing to a loaded image.
    #[must_use]
    pub fn everything() -> Self {
        Self { is_everything: true, ..Self::default() }
    }

    /// Notes what `fact` changes in `before`.
    pub fn note(&mut self, before: &Image, fact: &Fact) {
        match fact {
            Fact::Topic { id, .. } => {
                self.created.insert(*id);
            }
            Fact::RemoveTopic { id } => {
                if let Some(topic) = before.topic_by_id(*id)
                    && !self.created.remove(id)
                {
                    self.removed.insert((topic.name.clone(), *id));
                }
            }
            Fact::Partitions { topic, first, count, .. } => {
                self.partitions.push(PartitionRun { topic: *topic, first: *first, count: *count });
            }
            Fact::TopicOption { topic, .. } => {
                self.topic_options.insert(*topic);
            }
            Fact::BrokerOption { .. } => self.broker_options = true,
            Fact::RegisterBroker { id, .. }
            | Fact::BrokerState { id, .. }
            | Fact::UnregisterBroker { id, .. } => {
                self.brokers.insert(*id);
            }
            Fact::Table { name, .. } | Fact::RemoveTable { name } => {
                self.tables.insert(name.clone());
            }
            Fact::Job { id, .. } | Fact::RemoveJob { id } => {
                self.jobs.insert(id.clone());
            }
            Fact::Cluster { .. } | Fact::ProducerIds { .. } | Fact::BrokerEpochs { .. } => {}
        }
    }

    /// Whether topics or partitions may differ.
    #[must_use]
    pub fn touches_topics(&self) -> bool {
        self.is_everything
            || self.broker_options
            || !self.brokers.is_empty()
            || !self.created.is_empty()
            || !self.removed.is_empty()
            || !self.partitions.is_empty()
            || !self.topic_options.is_empty()
    }

    /// Whether brokers may differ.
    #[must_use]
    pub fn touches_brokers(&self) -> bool {
        self.is_everything || !self.brokers.is_empty()
    }

    /// Whether what the options of a topic come to may differ.
    #[must_use]
    pub fn touches_options_of(&self, topic: TopicId) -> bool {
        self.is_everything || self.broker_options || self.topic_options.contains(&topic)
    }

    /// Whether tables may differ.
    #[must_use]
    pub fn touches_tables(&self) -> bool {
        self.is_everything || !self.tables.is_empty()
    }

    /// Whether jobs may differ.
    #[must_use]
    pub fn touches_jobs(&self) -> bool {
        self.is_everything || !self.jobs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_came_and_went_within_a_batch_is_not_seen() {
        let (mut image, mut delta) = (Image::default(), Delta::default());
        let id = TopicId::NONE;
        let topic = Fact::Topic { name: TopicName::parse("a").unwrap(), id };
        for fact in [topic, Fact::RemoveTopic { id }] {
            delta.note(&image, &fact);
            image.apply(&fact);
        }
        assert_eq!(delta, Delta::default());
        assert!(!delta.touches_topics());
    }
}
