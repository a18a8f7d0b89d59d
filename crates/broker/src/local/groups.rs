//! A job's group, in the words of the group coordinator.

use model::{ErrorCode, Offset, TopicPartition};
use wire::messages::{
    GroupId, OffsetCommitRequest, OffsetFetchRequest, OffsetFetchResponse, TopicName,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_fetch_request::OffsetFetchRequestTopic,
    text,
};

/// Notes how far `group` has read, as nobody's member.
pub(crate) fn commit_request(
    group: &str,
    positions: &[(TopicPartition, Offset)],
) -> OffsetCommitRequest {
    let topics = positions.iter().map(|(partition, offset)| {
        let position = OffsetCommitRequestPartition::default()
            .with_partition_index(partition.partition.0)
            .with_committed_offset(offset.0)
            .with_committed_metadata(Some(text("")));
        OffsetCommitRequestTopic::default()
            .with_name(TopicName(text(partition.topic.as_str())))
            .with_partitions(vec![position])
    });
    OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(topics.collect())
}

/// Asks how far `group` has read `partition`.
pub(crate) fn fetch_request(group: &str, partition: &TopicPartition) -> OffsetFetchRequest {
    let topic = OffsetFetchRequestTopic::default()
        .with_name(TopicName(text(partition.topic.as_str())))
        .with_partition_indexes(vec![partition.partition.0]);
    OffsetFetchRequest::default().with_group_id(GroupId(text(group))).with_topics(Some(vec![topic]))
}

/// What the answer to [`fetch_request`] says; none when nothing was committed.
///
/// # Errors
/// The coordinator's refusal.
pub(crate) fn committed_in(answer: &OffsetFetchResponse) -> Result<Option<Offset>, ErrorCode> {
    let gone = ErrorCode::CoordinatorNotAvailable;
    let refused = |error: i16| match error {
        0 => Ok(()),
        error => Err(ErrorCode::from_code(error).unwrap_or(gone)),
    };
    refused(answer.error_code)?;
    let position = answer.topics.first().and_then(|topic| topic.partitions.first());
    let position = position.ok_or(gone)?;
    refused(position.error_code)?;
    Ok((position.committed_offset >= 0).then_some(Offset(position.committed_offset)))
}
