//! OffsetForLeaderEpoch, versions 2 to 4: where an epoch ended, so that a client finds out whether its log was cut.

use model::{ErrorCode, LeaderEpoch, Offset};
use wire::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    offset_for_leader_epoch_request::OffsetForLeaderPartition,
    offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
};

use crate::{dispatch::Context, resolve};

pub(crate) fn handle(
    cx: Context,
    asked: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = asked.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let answer = EpochEndOffset::default().with_partition(partition.partition);
            match look_up(&cx, topic.topic.as_str(), partition) {
                Ok((epoch, end)) => answer.with_leader_epoch(epoch.0).with_end_offset(end.0),
                Err(error) => answer
                    .with_error_code(error.code())
                    .with_leader_epoch(LeaderEpoch::NONE.0)
                    .with_end_offset(Offset::NONE.0),
            }
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic.clone())
            .with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

fn look_up(
    cx: &Context,
    name: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<(LeaderEpoch, Offset), ErrorCode> {
    let current =
        (asked.current_leader_epoch >= 0).then_some(LeaderEpoch(asked.current_leader_epoch));
    let partition = resolve::by_name(&cx.shared, &cx.image, name, asked.partition)?;
    let end = partition
        .offsets_for_epoch(LeaderEpoch(asked.leader_epoch), current)
        .map_err(|error| error.code())?;
    Ok(end.unwrap_or((LeaderEpoch::NONE, Offset::NONE)))
}
