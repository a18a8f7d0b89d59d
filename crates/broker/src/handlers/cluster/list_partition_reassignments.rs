//! ListPartitionReassignments, version 0 (KIP-455): which partitions get other replicas now, by the image of this broker.

use metadata::{PartitionState, Topic};
use model::PartitionId;
use wire::messages::{
    self, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
    list_partition_reassignments_response::{
        OngoingPartitionReassignment, OngoingTopicReassignment,
    },
    text,
};

use crate::{dispatch::Context, handlers::topics::metadata::node_ids};

pub(crate) fn handle(
    cx: Context,
    asked: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let topics = match &asked.topics {
        None => cx.image.topics().filter_map(|topic| ongoing(topic, |_| true)).collect(),
        Some(topics) => topics
            .iter()
            .filter_map(|named| {
                let topic = cx.image.topic(named.name.as_str())?;
                ongoing(topic, |number| named.partition_indexes.contains(&number.0))
            })
            .collect(),
    };
    ListPartitionReassignmentsResponse::default().with_topics(topics)
}

/// Those of a topic's partitions that are asked for and under way; none: no topic.
fn ongoing(
    topic: &Topic,
    is_asked: impl Fn(PartitionId) -> bool,
) -> Option<OngoingTopicReassignment> {
    let partitions = topic.numbered().filter(|(_, state)| state.is_reassigned());
    let partitions: Vec<_> = partitions
        .filter(|(number, _)| is_asked(*number))
        .map(|(number, state)| partition(number, state))
        .collect();
    (!partitions.is_empty()).then(|| {
        OngoingTopicReassignment::default()
            .with_name(messages::TopicName(text(topic.name.as_str())))
            .with_partitions(partitions)
    })
}

fn partition(number: PartitionId, state: &PartitionState) -> OngoingPartitionReassignment {
    OngoingPartitionReassignment::default()
        .with_partition_index(number.0)
        .with_replicas(node_ids(&state.replicas))
        .with_adding_replicas(node_ids(&state.adding))
        .with_removing_replicas(node_ids(&state.removing))
}
