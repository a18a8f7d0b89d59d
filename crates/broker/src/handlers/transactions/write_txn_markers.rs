//! WriteTxnMarkers, version 1: the ends of transactions, by the word of their coordinator or of an operator
//! (`kafka-transactions abort`).

use std::collections::BTreeMap;

use coordinator::MarkerOrder;
use model::{ErrorCode, ProducerEpoch, ProducerId, TopicPartition};
use records::control::Marker;
use wire::messages::{
    WriteTxnMarkersRequest, WriteTxnMarkersResponse,
    write_txn_markers_request::WritableTxnMarker,
    write_txn_markers_response::{
        WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
    },
};

use super::place;
use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: WriteTxnMarkersRequest) -> WriteTxnMarkersResponse {
    let mut results = Vec::with_capacity(asked.markers.len());
    for marker in asked.markers {
        results.push(write(&cx, marker).await);
    }
    WriteTxnMarkersResponse::default().with_markers(results)
}

fn places(asked: &WritableTxnMarker) -> Vec<TopicPartition> {
    let named = asked.topics.iter().flat_map(|topic| {
        topic.partition_indexes.iter().filter_map(|index| place(topic.name.as_str(), *index))
    });
    named.collect()
}

async fn write(cx: &Context, asked: WritableTxnMarker) -> WritableTxnMarkerResult {
    let order = MarkerOrder {
        producer_id: ProducerId(asked.producer_id.0),
        producer_epoch: ProducerEpoch(asked.producer_epoch),
        marker: if asked.transaction_result { Marker::Commit } else { Marker::Abort },
        coordinator_epoch: asked.coordinator_epoch,
        partitions: places(&asked),
    };
    let written = cx.shared.markers.write_here(&order, order.partitions.clone()).await;
    let codes: BTreeMap<_, _> = written.into_iter().collect();
    let topics = asked.topics.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|index| {
            let code = place(topic.name.as_str(), *index).and_then(|place| codes.get(&place));
            let code = code.copied().unwrap_or(ErrorCode::UnknownTopicOrPartition);
            WritableTxnMarkerPartitionResult::default()
                .with_partition_index(*index)
                .with_error_code(code.code())
        });
        let partitions = partitions.collect();
        WritableTxnMarkerTopicResult::default().with_name(topic.name).with_partitions(partitions)
    });
    WritableTxnMarkerResult::default()
        .with_producer_id(asked.producer_id)
        .with_topics(topics.collect())
}
