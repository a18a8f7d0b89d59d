//! From a topic's name or id, as a request has it, to the partition that is here.

use std::sync::Arc;

use metadata::{Image, Topic};
use model::{ErrorCode, Isolation, PartitionId, TopicId, TopicName, TopicPartition};
use replication::{OffsetSpec, Offsets, Partition};
use wire::LeaderHint;

use crate::broker::Shared;

/// A topic as a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    Name(&'a str),
    Id(TopicId),
}

/// The topic that is meant.
///
/// # Errors
/// `UNKNOWN_TOPIC_OR_PARTITION` or `UNKNOWN_TOPIC_ID`.
pub(crate) fn topic<'a>(image: &'a Image, named: Named<'_>) -> Result<&'a Arc<Topic>, ErrorCode> {
    match named {
        Named::Name(name) => image.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition),
        Named::Id(id) => image.topic_by_id(id).ok_or(ErrorCode::UnknownTopicId),
    }
}

/// The partition of `topic`, if it is here.
///
/// # Errors
/// `UNKNOWN_TOPIC_OR_PARTITION` when there is none, `NOT_LEADER_OR_FOLLOWER` when it is elsewhere, `KAFKA_STORAGE_ERROR` when
/// it should be here and its log could not be opened.
pub(crate) fn partition(
    shared: &Shared,
    topic: &Topic,
    index: i32,
) -> Result<Arc<Partition>, ErrorCode> {
    let number = PartitionId(index);
    let state = topic.partition(number).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let found = shared.replicas.find(&TopicPartition::new(topic.name.clone(), number));
    found.filter(|partition| partition.topic_id() == topic.id).ok_or(
        if state.replicas.contains(&shared.options.node_id) {
            ErrorCode::KafkaStorageError
        } else {
            ErrorCode::NotLeaderOrFollower
        },
    )
}

/// Where `partition` stands.
///
/// # Errors
/// What keeps its log from being opened.
pub(crate) fn offsets(partition: &Partition) -> Result<Offsets, ErrorCode> {
    let offsets = partition.offsets();
    if offsets == Offsets::default() {
        // Empty and new, or not readable: the question tells which.
        let listed = partition.list_offsets(OffsetSpec::Earliest, Isolation::ReadUncommitted, None);
        listed.map_err(|error| error.code())?;
    }
    Ok(offsets)
}

/// As [`topic`] and [`partition`] in one, by name.
///
/// # Errors
/// As those.
pub(crate) fn by_name(
    shared: &Shared,
    image: &Image,
    name: &str,
    index: i32,
) -> Result<Arc<Partition>, ErrorCode> {
    partition(shared, topic(image, Named::Name(name))?, index)
}

/// Who leads a partition by the image, for the answers that can say so (KIP-951).
pub(crate) fn leader_hint(image: &Image, name: &TopicName, index: i32) -> Option<LeaderHint> {
    let state = image.topic_named(name)?.partition(PartitionId(index))?;
    Some(LeaderHint { id: state.leader.0, epoch: state.leader_epoch })
}

/// Where the brokers of `hints` listen: (node, host, port).
pub(crate) fn endpoints(
    image: &Image,
    hints: impl Iterator<Item = LeaderHint>,
) -> Vec<(i32, String, i32)> {
    let mut ids: Vec<i32> = hints.map(|hint| hint.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let brokers = ids.into_iter().filter_map(|id| image.broker(model::BrokerId(id)));
    brokers.map(|broker| (broker.id.0, broker.host.clone(), i32::from(broker.port))).collect()
}
