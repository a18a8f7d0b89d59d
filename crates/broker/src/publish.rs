//! Applies changes of the image to what runs on this node: partitions open, close and change their settings; groups and transactions come and
//! go with the leadership of their partitions.
//!
//! Runs on the controller's thread. What is asked of the controller is answered only when this is done, so that who has made a topic can
//! produce to it at once.

use std::sync::Arc;

use coordinator::{Coordinator, TransactionCoordinator};
use metadata::{Delta, Image, PartitionState, Publisher};
use model::{BrokerId, LeaderEpoch, PartitionId, TopicName};
use replication::ReplicaSet;

/// Has `replicas` and the coordinators follow the image. To be called before the controller publishes its first.
pub fn subscribe(
    publisher: &Publisher,
    replicas: Arc<ReplicaSet>,
    (coordinator, transactions): (Coordinator, Option<TransactionCoordinator>),
    node: BrokerId,
) {
    publisher.subscribe(Box::new(move |old, new, delta| {
        replicas.apply(new, delta);
        if delta.touches_topics() {
            let images = (&**old, &**new);
            let elect = |partition, epoch| coordinator.elect(partition, epoch);
            let resign = |partition| coordinator.resign(partition);
            follow(TopicName::CONSUMER_OFFSETS, node, images, elect, resign);
            if let Some(transactions) = &transactions {
                let elect = |partition, epoch| transactions.elect(partition, epoch);
                let resign = |partition| transactions.resign(partition);
                follow(TopicName::TRANSACTION_STATE, node, images, elect, resign);
            }
            forget_topics(&coordinator, delta);
        }
    }));
}

/// Tells a coordinator which partitions of its topic this node leads now, and leads no longer.
fn follow(
    topic: &str,
    node: BrokerId,
    (old, new): (&Image, &Image),
    elect: impl Fn(PartitionId, LeaderEpoch),
    resign: impl Fn(PartitionId),
) {
    let (before, after) = (led(old, topic, node), led(new, topic, node));
    for (partition, epoch) in &after {
        if !before.contains(&(*partition, *epoch)) {
            elect(*partition, *epoch);
        }
    }
    for (partition, _) in before {
        if !after.iter().any(|(other, _)| *other == partition) {
            resign(partition);
        }
    }
}

fn led(image: &Image, topic: &str, node: BrokerId) -> Vec<(PartitionId, LeaderEpoch)> {
    let Some(topic) = image.topic(topic) else { return Vec::new() };
    let is_led = |(_, state): &(PartitionId, &PartitionState)| state.leader == node;
    topic.numbered().filter(is_led).map(|(number, state)| (number, state.leader_epoch)).collect()
}

/// Offsets in topics that are gone are gone too.
fn forget_topics(coordinator: &Coordinator, delta: &Delta) {
    let names: Vec<String> =
        delta.removed.iter().map(|(name, _)| name.as_str().to_owned()).collect();
    if !names.is_empty() {
        coordinator.on_topics_deleted(names);
    }
}
