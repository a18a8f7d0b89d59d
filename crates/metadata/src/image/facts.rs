//! An image written down again: the facts that make it. This is what a snapshot holds.

use std::sync::Arc;

use model::PartitionId;

use super::{Image, PartitionState, Topic};
use crate::Fact;

impl Image {
    /// The facts that make an equal image, in an order in which they can be applied.
    ///
    /// Brokers come first: a registration begins or ends reigns, and must not touch the partitions as they are recorded.
    pub fn facts(&self) -> impl Iterator<Item = Fact> {
        let cluster = (!self.cluster_id.is_empty())
            .then(|| Fact::Cluster { id: self.cluster_id.as_ref().to_owned() });
        let brokers = self.brokers.values().map(|broker| Fact::RegisterBroker {
            id: broker.id,
            incarnation: broker.incarnation,
            epoch: broker.epoch,
            host: broker.host.clone(),
            port: broker.port,
            rack: broker.rack.clone(),
            lineage: broker.lineage,
            is_fenced: broker.is_fenced,
            is_shutting_down: broker.is_shutting_down,
        });
        let broker_options = self.broker_options.iter().map(|((broker, name), value)| {
            Fact::BrokerOption { broker: *broker, name: name.clone(), value: Some(value.clone()) }
        });
        let tables = self.tables.iter().map(|(name, definition)| Fact::Table {
            name: name.clone(),
            definition: definition.as_ref().to_owned(),
        });
        let jobs = self.jobs.iter().map(|(id, definition)| Fact::Job {
            id: id.clone(),
            definition: definition.as_ref().to_owned(),
        });
        cluster
            .into_iter()
            .chain(brokers)
            .chain(broker_options)
            .chain(std::iter::once(Fact::BrokerEpochs { next: self.broker_epoch_next }))
            .chain(std::iter::once(Fact::ProducerIds { next: self.producer_ids_next }))
            .chain(self.topics.values().flat_map(|topic| topic_facts(topic)))
            .chain(tables)
            .chain(jobs)
    }
}

fn topic_facts(topic: &Topic) -> Vec<Fact> {
    let mut facts = vec![Fact::Topic { name: topic.name.clone(), id: topic.id }];
    let mut run: Option<(PartitionId, i32, &Arc<PartitionState>)> = None;
    let run_fact = |(first, count, state): (PartitionId, i32, &Arc<PartitionState>)| {
        Fact::Partitions { topic: topic.id, first, count, state: state.to_fact() }
    };
    for (number, state) in (0..).map(PartitionId).zip(&topic.partitions) {
        match &mut run {
            Some((_, count, same)) if *same == state => *count += 1,
            _ => facts.extend(run.replace((number, 1, state)).map(run_fact)),
        }
    }
    facts.extend(run.map(run_fact));
    facts.extend(topic.options.iter().map(|(name, value)| Fact::TopicOption {
        topic: topic.id,
        name: name.clone(),
        value: Some(value.clone()),
    }));
    facts
}
