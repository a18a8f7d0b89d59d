//! AddPartitionsToTxn, versions 0 to 5: a transaction is about to write to these partitions.
//!
//! Up to 3 a client asks for one transaction, 2 knows PRODUCER_FENCED; 4 and 5 are between brokers: several transactions, and the
//! question whether a partition is in one already (KIP-890). 5 is an implicit addition by a producer of transaction version 2.
//!
//! A partition that does not exist is an error of its own, and nothing of its transaction is added.

use std::collections::BTreeMap;

use coordinator::{AddPartitions, ClientVersion, Producing};
use metadata::Image;
use model::{ErrorCode, Pending, TopicPartition};
use wire::messages::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction},
    add_partitions_to_txn_response::{
        AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
    },
};

use super::{known_to, place, producing};
use crate::{dispatch::Context, transactions::Codes};

/// From this version on brokers ask, for several transactions.
const BATCHED_SINCE: i16 = 4;
const FENCED_SINCE: i16 = 2;

pub(crate) async fn handle(
    cx: Context,
    asked: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    if cx.version < BATCHED_SINCE {
        let who = producing(
            &asked.v3_and_below_transactional_id,
            asked.v3_and_below_producer_id.0,
            asked.v3_and_below_producer_epoch,
        );
        let added = ask(&cx, who, &asked.v3_and_below_topics, false);
        let results = settle(&cx, &asked.v3_and_below_topics, added).await;
        return AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results);
    }
    // All are asked before the first is waited for: their records are replicated together.
    let begin = |transaction: AddPartitionsToTxnTransaction| {
        let who = producing(
            &transaction.transactional_id,
            transaction.producer_id.0,
            transaction.producer_epoch,
        );
        let added = ask(&cx, who, &transaction.topics, transaction.verify_only);
        (transaction, added)
    };
    let begun: Vec<_> = asked.transactions.into_iter().map(begin).collect();
    let mut results = Vec::with_capacity(begun.len());
    for (transaction, added) in begun {
        let topics = settle(&cx, &transaction.topics, added).await;
        let result = AddPartitionsToTxnResult::default()
            .with_transactional_id(transaction.transactional_id)
            .with_topic_results(topics);
        results.push(result);
    }
    AddPartitionsToTxnResponse::default().with_results_by_transaction(results)
}

/// Asks the coordinator here: if it is another broker's transaction, it says so. None if a partition does not exist.
fn ask(
    cx: &Context,
    producing: Producing,
    topics: &[AddPartitionsToTxnTopic],
    is_verify_only: bool,
) -> Option<Pending<Codes>> {
    let partitions = find_all(&cx.image, topics)?;
    let client_version =
        if cx.version > BATCHED_SINCE { ClientVersion::TWO } else { ClientVersion(0) };
    let asked = AddPartitions { producing, partitions, client_version, is_verify_only };
    Some(cx.shared.transactions.add(asked))
}

async fn settle(
    cx: &Context,
    topics: &[AddPartitionsToTxnTopic],
    added: Option<Pending<Codes>>,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let Some(added) = added else {
        return answer(topics, |topic, index| match find(&cx.image, topic, index) {
            Some(_) => ErrorCode::OperationNotAttempted,
            None => ErrorCode::UnknownTopicOrPartition,
        });
    };
    let codes: Option<BTreeMap<_, _>> = added.await.map(|codes| codes.into_iter().collect());
    answer(topics, |topic, index| {
        let Some(codes) = &codes else { return ErrorCode::CoordinatorNotAvailable };
        let code = place(topic, index).and_then(|place| codes.get(&place).copied());
        match code.unwrap_or(ErrorCode::UnknownServerError) {
            // As Kafka says it to brokers of 3.x, which ask in version 4.
            ErrorCode::TransactionAbortable if cx.version <= BATCHED_SINCE => {
                ErrorCode::InvalidTxnState
            }
            code => known_to(cx.version, FENCED_SINCE, code),
        }
    })
}

/// All of them, or none if one does not exist.
fn find_all(image: &Image, topics: &[AddPartitionsToTxnTopic]) -> Option<Vec<TopicPartition>> {
    let named = topics.iter().flat_map(|topic| {
        let name = topic.name.as_str();
        topic.partitions.iter().map(move |index| (name, *index))
    });
    named.map(|(topic, index)| find(image, topic, index)).collect()
}

fn find(image: &Image, topic: &str, index: i32) -> Option<TopicPartition> {
    let place = place(topic, index)?;
    image.topic_named(&place.topic)?.partition(place.partition)?;
    Some(place)
}

fn answer(
    topics: &[AddPartitionsToTxnTopic],
    code: impl Fn(&str, i32) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let topics = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|index| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(code(topic.name.as_str(), *index).code())
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    topics.collect()
}
