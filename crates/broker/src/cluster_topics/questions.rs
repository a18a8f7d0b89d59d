//! What a leader is asked about its log: offsets, and where epochs end.

use model::{ErrorCode, Isolation, LeaderEpoch, Offset, TopicPartition};
use wire::{
    Api,
    messages::{
        BrokerId, ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
        OffsetForLeaderEpochResponse, TopicName,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
        text,
    },
};

use super::{
    ClusterTopics,
    brokers::{ask, check},
    fetch::isolation_level,
    route::Led,
};

const LIST_OFFSETS: (Api, i16) = (Api::ListOffsets, 8);
const OFFSET_FOR_LEADER_EPOCH: (Api, i16) = (Api::OffsetForLeaderEpoch, 4);
/// The end of what may be read.
pub(super) const LATEST: i64 = -1;
/// The first offset that is kept.
pub(super) const EARLIEST: i64 = -2;

impl ClusterTopics {
    /// The offset that `spec` (a time, or one of the constants) asks for; none where there is none.
    pub(super) fn list_offset(
        &self,
        led: Led,
        partition: &TopicPartition,
        spec: i64,
        isolation: Isolation,
    ) -> Result<Option<Offset>, ErrorCode> {
        let row = ListOffsetsPartition::default()
            .with_partition_index(partition.partition.0)
            .with_current_leader_epoch(led.epoch.0)
            .with_timestamp(spec);
        let topic = ListOffsetsTopic::default()
            .with_name(TopicName(text(partition.topic.as_str())))
            .with_partitions(vec![row]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_isolation_level(isolation_level(isolation))
            .with_topics(vec![topic]);
        let answer: ListOffsetsResponse =
            ask(self.brokers.as_ref(), led.leader, LIST_OFFSETS, &request)?;
        let row = answer.topics.first().and_then(|topic| topic.partitions.first());
        let row = row.ok_or(ErrorCode::UnknownServerError)?;
        check(row.error_code)?;
        Ok((row.offset >= 0).then_some(Offset(row.offset)))
    }

    /// Where `epoch`, or the newest one before it that the leader knows, ends; none when it knows none.
    pub(super) fn epoch_end(
        &self,
        led: Led,
        partition: &TopicPartition,
        epoch: LeaderEpoch,
    ) -> Result<Option<Offset>, ErrorCode> {
        let row = OffsetForLeaderPartition::default()
            .with_partition(partition.partition.0)
            .with_current_leader_epoch(led.epoch.0)
            .with_leader_epoch(epoch.0);
        let topic = OffsetForLeaderTopic::default()
            .with_topic(TopicName(text(partition.topic.as_str())))
            .with_partitions(vec![row]);
        let request = OffsetForLeaderEpochRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![topic]);
        let answer: OffsetForLeaderEpochResponse =
            ask(self.brokers.as_ref(), led.leader, OFFSET_FOR_LEADER_EPOCH, &request)?;
        let row = answer.topics.first().and_then(|topic| topic.partitions.first());
        let row = row.ok_or(ErrorCode::UnknownServerError)?;
        check(row.error_code)?;
        Ok((row.end_offset >= 0).then_some(Offset(row.end_offset)))
    }
}
