//! OffsetFetch has two shapes: one group at the top (up to version 7), a list of groups (from 8 on, KIP-709). The coordinator
//! knows the second.

use wire::messages::{
    OffsetFetchRequest, OffsetFetchResponse,
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    offset_fetch_response::{
        OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
    },
};

const GROUPS_SINCE: i16 = 8;
/// From this version on an error stands at the top; before, in every partition.
const TOP_ERROR_SINCE: i16 = 2;

/// The groups that `request` asks for.
pub(crate) fn groups_of(version: i16, request: OffsetFetchRequest) -> Vec<OffsetFetchRequestGroup> {
    if version >= GROUPS_SINCE {
        return request.groups;
    }
    let topics = request.topics.map(|topics| {
        let topic = |topic: wire::messages::offset_fetch_request::OffsetFetchRequestTopic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        };
        topics.into_iter().map(topic).collect()
    });
    let group =
        OffsetFetchRequestGroup::default().with_group_id(request.group_id).with_topics(topics);
    vec![group]
}

/// The answer in the shape of `version`.
pub(crate) fn answer_of(
    version: i16,
    groups: Vec<OffsetFetchResponseGroup>,
) -> OffsetFetchResponse {
    if version >= GROUPS_SINCE {
        return OffsetFetchResponse::default().with_groups(groups);
    }
    let Some(group) = groups.into_iter().next() else { return OffsetFetchResponse::default() };
    let code = group.error_code;
    let topics = group.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_committed_offset(partition.committed_offset)
                .with_committed_leader_epoch(partition.committed_leader_epoch)
                .with_metadata(partition.metadata)
                .with_error_code(partition.error_code)
        });
        OffsetFetchResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions.collect())
    });
    let answer = OffsetFetchResponse::default().with_topics(topics.collect());
    if version >= TOP_ERROR_SINCE { answer.with_error_code(code) } else { answer }
}
