//! Fencing a job's older reigns off what another broker leads: an abort marker of the new epoch, by WriteTxnMarkers.
//!
//! The job has no transaction to abort. What counts is that the leader takes the marker's epoch for the producer's newest, and answers
//! once the marker is replicated. One more of them, after an answer that was lost, does no harm.

use flow::topics::Producer;
use model::{ErrorCode, TopicPartition};
use wire::{
    Api,
    messages::{
        ProducerId, TopicName, WriteTxnMarkersRequest, WriteTxnMarkersResponse, text,
        write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic},
    },
};

use super::{
    ClusterTopics,
    brokers::{ask, check},
    route::Led,
};

const WRITE_TXN_MARKERS: (Api, i16) = (Api::WriteTxnMarkers, 1);
/// As this node writes it in place: no transaction coordinator stands behind it.
const COORDINATOR_EPOCH: i32 = 0;

impl ClusterTopics {
    /// Has the leader write a marker of `producer`'s epoch, replicated.
    pub(super) fn write_marker(
        &self,
        led: Led,
        partition: &TopicPartition,
        producer: Producer,
    ) -> Result<(), ErrorCode> {
        let topic = WritableTxnMarkerTopic::default()
            .with_name(TopicName(text(partition.topic.as_str())))
            .with_partition_indexes(vec![partition.partition.0]);
        let marker = WritableTxnMarker::default()
            .with_producer_id(ProducerId(producer.id.0))
            .with_producer_epoch(producer.epoch.0)
            .with_transaction_result(false)
            .with_topics(vec![topic])
            .with_coordinator_epoch(COORDINATOR_EPOCH);
        let request = WriteTxnMarkersRequest::default().with_markers(vec![marker]);
        let answer: WriteTxnMarkersResponse =
            ask(self.brokers.as_ref(), led.leader, WRITE_TXN_MARKERS, &request)?;
        let topic = answer.markers.first().and_then(|marker| marker.topics.first());
        let part = topic.and_then(|topic| topic.partitions.first());
        check(part.ok_or(ErrorCode::UnknownServerError)?.error_code)
    }
}
