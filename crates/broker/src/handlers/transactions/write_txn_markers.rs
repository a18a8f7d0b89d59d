//! WriteTxnMarkers, version 1: the ends of transactions, by the word of their coordinator or of an operator
//! (`kafka-transactions abort`).

use std::collections::BTreeMap;

use coordinator::MarkerOrder;
use model::{ErrorCode, ProducerEpoch, ProducerId};
use records::control::Marker;
use wire::messages::{
    WriteTxnMarkersRequest, WriteTxnMarkersResponse,
    write_txn_markers_request::WritableTxnMarker,
    write_txn_markers_response::{
        WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
    },
};

use super::place;
use crate::{
    dispatch::Context,
    transactions::{Codes, Writing},
};

pub(crate) async fn handle(cx: Context, asked: WriteTxnMarkersRequest) -> WriteTxnMarkersResponse {
    // All are appended before the first is waited for: a coordinator asks for many at a time.
    let begin = |asked: WritableTxnMarker| {
        let writing = cx.shared.markers.begin(&order(&asked));
        (asked, writing)
    };
    let begun: Vec<_> = asked.markers.into_iter().map(begin).collect();
    let mut late = Writing::late();
    let mut results = Vec::with_capacity(begun.len());
    for (asked, writing) in begun {
        results.push(answer(asked, writing.finish(&mut late).await));
    }
    WriteTxnMarkersResponse::default().with_markers(results)
}

fn order(asked: &WritableTxnMarker) -> MarkerOrder {
    let named = asked.topics.iter().flat_map(|topic| {
        topic.partition_indexes.iter().filter_map(|index| place(topic.name.as_str(), *index))
    });
    MarkerOrder {
        producer_id: ProducerId(asked.producer_id.0),
        producer_epoch: ProducerEpoch(asked.producer_epoch),
        marker: if asked.transaction_result { Marker::Commit } else { Marker::Abort },
        coordinator_epoch: asked.coordinator_epoch,
        partitions: named.collect(),
    }
}

fn answer(asked: WritableTxnMarker, written: Codes) -> WritableTxnMarkerResult {
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
