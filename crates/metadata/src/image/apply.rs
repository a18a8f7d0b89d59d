//! The only place where an image changes: one fact at a time.
//!
//! Told: a fact that is committed, or that its writer is about to commit. A fact about something that is not there changes
//! nothing: a topic's facts may stand in the log behind its removal when two requests were decided together.

use std::sync::Arc;

use model::{BrokerEpoch, BrokerId, PartitionId, TopicId, TopicName};

use super::{Broker, Image, PartitionState, Topic};
use crate::{Fact, StateFact};

impl Image {
    /// Makes `fact` so.
    pub fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::Cluster { id } => self.cluster_id = id.as_str().into(),
            Fact::Topic { name, id } => self.put_topic(name, *id),
            Fact::RemoveTopic { id } => self.remove_topic(*id),
            Fact::Partitions { topic, first, count, state } => {
                self.put_partitions(*topic, *first, *count, state);
            }
            Fact::TopicOption { topic, name, value } => {
                self.change_topic(*topic, |topic| {
                    let options = Arc::make_mut(&mut topic.options);
                    match value {
                        Some(value) => options.insert(name.clone(), value.clone()),
                        None => options.remove(name),
                    };
                });
            }
            Fact::BrokerOption { broker, name, value } => {
                let key = (*broker, name.clone());
                match value {
                    Some(value) => self.broker_options.insert(key, value.clone()),
                    None => self.broker_options.remove(&key),
                };
            }
            Fact::RegisterBroker { .. } => self.put_broker(fact),
            Fact::BrokerState { id, epoch, is_fenced, is_shutting_down } => {
                let Some(broker) = self.life_mut(*id, *epoch) else { return };
                broker.is_fenced = *is_fenced;
                broker.is_shutting_down = *is_shutting_down;
                if broker.is_active() {
                    self.begin_reigns(*id);
                } else {
                    self.end_reigns(*id);
                }
            }
            Fact::UnregisterBroker { id, epoch } => {
                if self.life_mut(*id, *epoch).is_some() {
                    self.brokers.remove(id);
                    self.end_reigns(*id);
                }
            }
            Fact::BrokerEpochs { next } => {
                self.broker_epoch_next = self.broker_epoch_next.max(*next);
            }
            Fact::ProducerIds { next } => {
                self.producer_ids_next = self.producer_ids_next.max(*next);
            }
            Fact::Table { name, definition } => {
                self.tables.insert(name.clone(), definition.as_str().into());
            }
            Fact::RemoveTable { name } => drop(self.tables.remove(name)),
            Fact::Job { id, definition } => {
                self.jobs.insert(id.clone(), definition.as_str().into());
            }
            Fact::RemoveJob { id } => drop(self.jobs.remove(id)),
        }
    }

    fn put_topic(&mut self, name: &TopicName, id: TopicId) {
        if let Some(old) = self.topics.get(name) {
            let old = old.id;
            self.remove_topic(old);
        }
        self.topics.insert(name.clone(), Arc::new(Topic::new(name.clone(), id)));
        self.names.insert(id, name.clone());
        if name.as_str().contains(['.', '_']) {
            self.collision_forms.insert(name.collision_form(), name.clone());
        }
    }

    fn remove_topic(&mut self, id: TopicId) {
        let Some(name) = self.names.remove(&id) else { return };
        if let Some(topic) = self.topics.remove(&name) {
            self.partition_count -= topic.partitions.len();
        }
        if self.collision_forms.get(&name.collision_form()) == Some(&name) {
            self.collision_forms.remove(&name.collision_form());
        }
    }

    fn put_partitions(
        &mut self,
        topic: TopicId,
        first: PartitionId,
        count: i32,
        state: &StateFact,
    ) {
        let state = Arc::new(PartitionState::from_fact(state));
        let mut added = 0;
        self.change_topic(topic, |topic| {
            let before = topic.partitions.len();
            for number in first.0..first.0.saturating_add(count) {
                topic.set_partition(usize::try_from(number).unwrap_or(usize::MAX), &state);
            }
            added = topic.partitions.len() - before;
        });
        self.partition_count += added;
    }

    fn put_broker(&mut self, fact: &Fact) {
        let Fact::RegisterBroker {
            id,
            incarnation,
            epoch,
            host,
            port,
            rack,
            lineage,
            is_fenced,
            is_shutting_down,
        } = fact
        else {
            unreachable!("only registrations put brokers")
        };
        let broker = Broker {
            id: *id,
            incarnation: *incarnation,
            epoch: *epoch,
            host: host.clone(),
            port: *port,
            rack: rack.clone(),
            lineage: *lineage,
            is_fenced: *is_fenced,
            is_shutting_down: *is_shutting_down,
        };
        let is_active = broker.is_active();
        self.brokers.insert(*id, Arc::new(broker));
        self.broker_epoch_next = self.broker_epoch_next.max(epoch.next());
        if is_active {
            self.renew_reigns(*id);
        } else {
            self.end_reigns(*id);
        }
    }

    /// The broker, if this is its present life.
    fn life_mut(&mut self, id: BrokerId, epoch: BrokerEpoch) -> Option<&mut Broker> {
        let broker = self.brokers.get_mut(&id).filter(|broker| broker.epoch == epoch)?;
        Some(Arc::make_mut(broker))
    }

    fn change_topic(&mut self, id: TopicId, change: impl FnOnce(&mut Topic)) {
        if let Some(name) = self.names.get(&id)
            && let Some(topic) = self.topics.get_mut(name)
        {
            change(Arc::make_mut(topic));
        }
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
