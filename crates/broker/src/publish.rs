//! Applies changes of the image to what runs on this node: partitions open, close and change their settings; groups come and go
//! with the leadership of their partitions.
//!
//! Runs on the controller's thread. What is asked of the controller is answered only when this is done, so that who has made a topic can
//! produce to it at once.

use std::sync::Arc;

use coordinator::Coordinator;
use metadata::{Delta, Image, PartitionState, Publisher};
use model::{BrokerId, LeaderEpoch, PartitionId, TopicName};
use replication::ReplicaSet;

/// Has `replicas` and `coordinator` follow the image. To be called before the controller publishes its first.
pub fn subscribe(
    publisher: &Publisher,
    replicas: Arc<ReplicaSet>,
    coordinator: Coordinator,
    node: BrokerId,
) {
    publisher.subscribe(Box::new(move |old, new, delta| {
        replicas.apply(new, delta);
        if delta.touches_topics() {
            follow_groups(&coordinator, node, old, new);
            forget_topics(&coordinator, delta);
        }
    }));
}

/// Tells the coordinator which partitions of the offsets topic this node leads now, and leads no longer.
fn follow_groups(coordinator: &Coordinator, node: BrokerId, old: &Image, new: &Image) {
    let (before, after) = (led(old, node), led(new, node));
    for (partition, epoch) in &after {
        if !before.contains(&(*partition, *epoch)) {
            coordinator.elect(*partition, *epoch);
        }
    }
    for (partition, _) in before {
        if !after.iter().any(|(other, _)| *other == partition) {
            coordinator.resign(partition);
        }
    }
}

fn led(image: &Image, node: BrokerId) -> Vec<(PartitionId, LeaderEpoch)> {
    let Some(topic) = image.topic(TopicName::CONSUMER_OFFSETS) else { return Vec::new() };
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
