//! DescribeQuorum, versions 0 to 2: 1 tells when replicas were last heard, 2 their directory ids and the nodes' listeners.
//!
//! Differs from Kafka: replicas have no directory id (zero), and listeners are told of brokers only.

use model::ErrorCode;
use wire::messages::{
    self, DescribeQuorumRequest, DescribeQuorumResponse,
    describe_quorum_response::{PartitionData, ReplicaState, TopicData},
    text,
};

use crate::dispatch::Context;

const TOPIC: &str = "__cluster_metadata";

pub(crate) async fn handle(cx: Context, asked: DescribeQuorumRequest) -> DescribeQuorumResponse {
    let Some(status) = cx.shared.controller.quorum().await else {
        return DescribeQuorumResponse::default()
            .with_error_code(ErrorCode::BrokerNotAvailable.code())
            .with_error_message(Some(text("The metadata quorum does not answer.")));
    };
    let now = cx.shared.clock.wall();
    let replica = |replica: &controller::ReplicaStatus| {
        let seen = if replica.silent_ms < 0 { -1 } else { now.0 - replica.silent_ms };
        ReplicaState::default()
            .with_replica_id(messages::BrokerId(replica.id.0))
            .with_log_end_offset(replica.log_end.0)
            .with_last_fetch_timestamp(seen)
            .with_last_caught_up_timestamp(seen)
    };
    let partition = |topic: &str, index: i32| {
        let partition = PartitionData::default().with_partition_index(index);
        if topic != TOPIC || index != 0 {
            return partition.with_error_code(ErrorCode::UnknownTopicOrPartition.code());
        }
        partition
            .with_leader_id(messages::BrokerId(status.leader.map_or(-1, |leader| leader.0)))
            .with_leader_epoch(status.leader_epoch)
            .with_high_watermark(status.high_watermark.0)
            .with_current_voters(status.voters.iter().map(replica).collect())
            .with_observers(status.observers.iter().map(replica).collect())
    };
    let topics = asked.topics.iter().map(|topic| {
        let indexes = topic.partitions.iter().map(|asked| asked.partition_index);
        TopicData::default()
            .with_topic_name(topic.topic_name.clone())
            .with_partitions(indexes.map(|index| partition(&topic.topic_name, index)).collect())
    });
    DescribeQuorumResponse::default().with_topics(topics.collect())
}
