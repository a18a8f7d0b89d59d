//! TxnOffsetCommit is OffsetCommit with a producer: its parts in the shape of the other, and back.

use model::{ProducerEpoch, ProducerId};
use wire::messages::{
    OffsetCommitRequest, OffsetCommitResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    txn_offset_commit_response::{TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic},
};

use crate::runtime::Producer;

/// Who commits, and what.
pub(crate) fn plain(request: TxnOffsetCommitRequest) -> (Producer, OffsetCommitRequest) {
    let producer = Producer {
        id: ProducerId(request.producer_id.0),
        epoch: ProducerEpoch(request.producer_epoch),
    };
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|asked| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(asked.partition_index)
                .with_committed_offset(asked.committed_offset)
                .with_committed_leader_epoch(asked.committed_leader_epoch)
                .with_committed_metadata(asked.committed_metadata)
        });
        OffsetCommitRequestTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions.collect())
    });
    let plain = OffsetCommitRequest::default()
        .with_group_id(request.group_id)
        .with_generation_id_or_member_epoch(request.generation_id)
        .with_member_id(request.member_id)
        .with_group_instance_id(request.group_instance_id)
        .with_topics(topics.collect());
    (producer, plain)
}

pub(crate) fn answer(answer: OffsetCommitResponse) -> TxnOffsetCommitResponse {
    let topics = answer.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(partition.error_code)
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}
