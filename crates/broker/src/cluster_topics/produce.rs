//! Appending to what another broker leads: the batch as it is, acks=all.

use bytes::Bytes;
use model::{ErrorCode, Offset, TopicPartition};
use wire::{
    Api,
    messages::{
        ProduceRequest, ProduceResponse, TopicName,
        produce_request::{PartitionProduceData, TopicProduceData},
        text,
    },
};

use super::{
    ClusterTopics,
    brokers::{ask, check},
    route::Led,
};

/// The last version before transactions changed (KIP-890) and topics went by id.
const PRODUCE: (Api, i16) = (Api::Produce, 11);
/// How long the leader waits for its followers before it says that it has not heard of them.
const REPLICATION_MS_MAX: i32 = 5_000;
const ACKS_ALL: i16 = -1;

impl ClusterTopics {
    /// Has the leader append `batch`; answers the offset of its first record, once it is replicated. A leader that has the batch already
    /// knows it by its producer's sequence, and answers as if it were new.
    pub(super) fn produce(
        &self,
        led: Led,
        partition: &TopicPartition,
        batch: Bytes,
    ) -> Result<Offset, ErrorCode> {
        let part = PartitionProduceData::default()
            .with_index(partition.partition.0)
            .with_records(Some(batch));
        let topic = TopicProduceData::default()
            .with_name(TopicName(text(partition.topic.as_str())))
            .with_partition_data(vec![part]);
        let request = ProduceRequest::default()
            .with_acks(ACKS_ALL)
            .with_timeout_ms(REPLICATION_MS_MAX)
            .with_topic_data(vec![topic]);
        let answer: ProduceResponse = ask(self.brokers.as_ref(), led.leader, PRODUCE, &request)?;
        let part = answer.responses.first().and_then(|topic| topic.partition_responses.first());
        let part = part.ok_or(ErrorCode::UnknownServerError)?;
        check(part.error_code)?;
        if part.base_offset < 0 {
            return Err(ErrorCode::UnknownServerError);
        }
        Ok(Offset(part.base_offset))
    }
}
