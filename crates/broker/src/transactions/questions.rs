//! What brokers ask each other about transactions, as it goes over the wire: markers (WriteTxnMarkers 1), and partitions that a transaction
//! has or is to have (AddPartitionsToTxn 5).

use std::collections::BTreeMap;

use bytes::Bytes;
use coordinator::{AddPartitions, MarkerOrder};
use metadata::Image;
use model::{BrokerId, ErrorCode, PartitionId, TopicName, TopicPartition};
use records::control::Marker;
use wire::{
    Api, decode_response,
    messages::{
        self as m, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, TransactionalId,
        WriteTxnMarkersRequest, WriteTxnMarkersResponse,
        add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction},
        add_partitions_to_txn_response::AddPartitionsToTxnResult,
        text,
        write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic},
        write_txn_markers_response::WritableTxnMarkerResult,
    },
};

use super::{Codes, lane::Question};

/// A question to the coordinator of a transaction, which leads this partition of `__transaction_state`.
pub(crate) struct Addition {
    pub(crate) coordinator: PartitionId,
    pub(crate) asked: AddPartitions,
}

impl Question for MarkerOrder {
    const API: Api = Api::WriteTxnMarkers;
    const VERSION: i16 = 1;
    const UNANSWERED: ErrorCode = ErrorCode::NotLeaderOrFollower;
    type Request = WriteTxnMarkersRequest;

    fn places(&self) -> &[TopicPartition] {
        &self.partitions
    }

    fn is_for(&self, broker: BrokerId, image: &Image) -> bool {
        let leads = |place: &TopicPartition| {
            let state = image.topic_named(&place.topic)?.partition(place.partition)?;
            Some(state.leader == broker)
        };
        self.partitions.iter().any(|place| leads(place) == Some(true))
    }

    fn is_like(&self, other: &Self) -> bool {
        self.producer_id == other.producer_id
    }

    fn request(batch: &[&Self]) -> WriteTxnMarkersRequest {
        let marker = |order: &&Self| {
            WritableTxnMarker::default()
                .with_producer_id(m::ProducerId(order.producer_id.0))
                .with_producer_epoch(order.producer_epoch.0)
                .with_transaction_result(order.marker == Marker::Commit)
                .with_coordinator_epoch(order.coordinator_epoch)
                .with_topics(by_topic(&order.partitions, |name, indexes| {
                    WritableTxnMarkerTopic::default()
                        .with_name(name)
                        .with_partition_indexes(indexes)
                }))
        };
        WriteTxnMarkersRequest::default().with_markers(batch.iter().map(marker).collect())
    }

    fn understand(batch: &[&Self], frame: Bytes) -> Option<Vec<Codes>> {
        let (_, answer): (i32, WriteTxnMarkersResponse) =
            decode_response(Self::API, Self::VERSION, frame).ok()?;
        let codes = |order: &&Self| {
            let is_mine =
                |result: &&WritableTxnMarkerResult| result.producer_id.0 == order.producer_id.0;
            let mine = answer.markers.iter().find(is_mine);
            let found = mine.into_iter().flat_map(|result| &result.topics).flat_map(|topic| {
                let parts = topic.partitions.iter();
                parts.map(|part| (topic.name.as_str(), part.partition_index, part.error_code))
            });
            codes_of(*order, found)
        };
        Some(batch.iter().map(codes).collect())
    }
}

impl Question for Addition {
    const API: Api = Api::AddPartitionsToTxn;
    const VERSION: i16 = 5;
    const UNANSWERED: ErrorCode = ErrorCode::CoordinatorNotAvailable;
    type Request = AddPartitionsToTxnRequest;

    fn places(&self) -> &[TopicPartition] {
        &self.asked.partitions
    }

    fn is_for(&self, broker: BrokerId, image: &Image) -> bool {
        let topic = image.topic(TopicName::TRANSACTION_STATE);
        let state = topic.and_then(|topic| topic.partition(self.coordinator));
        state.is_some_and(|state| state.leader == broker)
    }

    fn is_like(&self, other: &Self) -> bool {
        self.asked.producing.transactional_id == other.asked.producing.transactional_id
    }

    fn request(batch: &[&Self]) -> AddPartitionsToTxnRequest {
        let transaction = |question: &&Self| {
            let AddPartitions { producing, partitions, is_verify_only, .. } = &question.asked;
            AddPartitionsToTxnTransaction::default()
                .with_transactional_id(TransactionalId(text(&producing.transactional_id)))
                .with_producer_id(m::ProducerId(producing.producer_id.0))
                .with_producer_epoch(producing.producer_epoch.0)
                .with_verify_only(*is_verify_only)
                .with_topics(by_topic(partitions, |name, indexes| {
                    AddPartitionsToTxnTopic::default().with_name(name).with_partitions(indexes)
                }))
        };
        AddPartitionsToTxnRequest::default()
            .with_transactions(batch.iter().map(transaction).collect())
    }

    fn understand(batch: &[&Self], frame: Bytes) -> Option<Vec<Codes>> {
        let (_, answer): (i32, AddPartitionsToTxnResponse) =
            decode_response(Self::API, Self::VERSION, frame).ok()?;
        if answer.error_code != ErrorCode::None.code() {
            return None;
        }
        let codes = |question: &&Self| {
            let id = &*question.asked.producing.transactional_id;
            let is_mine =
                |result: &&AddPartitionsToTxnResult| result.transactional_id.as_str() == id;
            let mine = answer.results_by_transaction.iter().find(is_mine);
            let topics = mine.into_iter().flat_map(|result| &result.topic_results);
            let found = topics.flat_map(|topic| {
                let parts = topic.results_by_partition.iter();
                parts.map(|part| {
                    (topic.name.as_str(), part.partition_index, part.partition_error_code)
                })
            });
            codes_of(*question, found)
        };
        Some(batch.iter().map(codes).collect())
    }
}

/// One entry per topic, with the numbers of its partitions.
fn by_topic<T>(places: &[TopicPartition], entry: impl Fn(m::TopicName, Vec<i32>) -> T) -> Vec<T> {
    let mut topics = BTreeMap::<&str, Vec<i32>>::new();
    for place in places {
        topics.entry(place.topic.as_str()).or_default().push(place.partition.0);
    }
    topics.into_iter().map(|(name, indexes)| entry(m::TopicName(text(name)), indexes)).collect()
}

/// A code for each partition of `question`; one that is not in the answer is unanswered.
fn codes_of<'a, Q: Question>(
    question: &Q,
    found: impl Iterator<Item = (&'a str, i32, i16)>,
) -> Codes {
    let known: BTreeMap<(&str, i32), i16> =
        found.map(|(topic, index, code)| ((topic, index), code)).collect();
    let code = |place: &TopicPartition| {
        let Some(code) = known.get(&(place.topic.as_str(), place.partition.0)) else {
            return Q::UNANSWERED;
        };
        ErrorCode::from_code(*code).unwrap_or(ErrorCode::UnknownServerError)
    };
    question.places().iter().map(|place| (place.clone(), code(place))).collect()
}
