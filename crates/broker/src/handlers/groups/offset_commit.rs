//! OffsetCommit, versions 2 to 9.

use wire::messages::{
    OffsetCommitRequest, OffsetCommitResponse,
    offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
};

use super::asker;
use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: OffsetCommitRequest) -> OffsetCommitResponse {
    let refused = refused(&asked);
    let answer = cx.shared.coordinator.commit_offsets(asker(&cx), asked).await;
    answer.unwrap_or(refused)
}

/// Every partition, unavailable: what is answered when the coordinator does not.
fn refused(asked: &OffsetCommitRequest) -> OffsetCommitResponse {
    let error = model::ErrorCode::CoordinatorNotAvailable.code();
    let topics = asked.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error)
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
