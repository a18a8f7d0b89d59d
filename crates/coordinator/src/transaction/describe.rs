//! DescribeTransactions and ListTransactions.

use std::{collections::BTreeMap, sync::Arc};

use model::{ErrorCode, TimestampMs};
use wire::messages::{
    ProducerId, TopicName, TransactionalId,
    describe_transactions_response::{TopicData, TransactionState as Described},
    list_transactions_response::TransactionState as Listed,
    text,
};

use super::{asked::ListFilter, transaction::Transaction};

pub(crate) fn describe(id: &str, known: Option<&Transaction>) -> Described {
    let Some(transaction) = known else { return refuse(id, ErrorCode::TransactionalIdNotFound) };
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for place in &transaction.partitions {
        topics.entry(place.topic.as_str()).or_default().push(place.partition.0);
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        TopicData::default().with_topic(TopicName(text(name))).with_partitions(partitions)
    });
    Described::default()
        .with_transactional_id(TransactionalId(text(id)))
        .with_transaction_state(text(transaction.state.name()))
        .with_transaction_timeout_ms(transaction.timeout_ms)
        .with_transaction_start_time_ms(transaction.started.0)
        .with_producer_id(ProducerId(transaction.producer_id.0))
        .with_producer_epoch(transaction.producer_epoch.0)
        .with_topics(topics.collect())
}

pub(crate) fn refuse(id: &str, code: ErrorCode) -> Described {
    Described::default()
        .with_transactional_id(TransactionalId(text(id)))
        .with_error_code(code.code())
}

pub(crate) fn list<'a>(
    all: impl Iterator<Item = (&'a Arc<str>, &'a Transaction)>,
    filter: &ListFilter,
    now: TimestampMs,
) -> Vec<Listed> {
    let is_shown = |transaction: &Transaction| {
        let ListFilter { states, producer_ids, duration_ms } = filter;
        (states.is_empty() || states.contains(&transaction.state))
            && (producer_ids.is_empty() || producer_ids.contains(&transaction.producer_id))
            && duration_ms.is_none_or(|least| now.since(transaction.started) > least)
    };
    let shown = all.filter(|(_, transaction)| is_shown(transaction));
    let listed = shown.map(|(id, transaction)| {
        Listed::default()
            .with_transactional_id(TransactionalId(text(id)))
            .with_producer_id(ProducerId(transaction.producer_id.0))
            .with_transaction_state(text(transaction.state.name()))
    });
    listed.collect()
}
