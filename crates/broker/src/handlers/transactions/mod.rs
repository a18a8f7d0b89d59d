//! Transactions: the coordinator decides, these pass on.

pub(crate) mod add_offsets_to_txn;
pub(crate) mod add_partitions_to_txn;
pub(crate) mod describe_producers;
pub(crate) mod describe_transactions;
pub(crate) mod end_txn;
pub(crate) mod list_transactions;
pub(crate) mod txn_offset_commit;
pub(crate) mod write_txn_markers;

use coordinator::{AddPartitions, Producing};
use model::{ErrorCode, PartitionId, ProducerEpoch, ProducerId, TopicName, TopicPartition};

use crate::broker::Shared;

/// Who produces, as a request has it.
pub(crate) fn producing(
    transactional_id: &str,
    producer_id: i64,
    producer_epoch: i16,
) -> Producing {
    Producing {
        transactional_id: transactional_id.into(),
        producer_id: ProducerId(producer_id),
        producer_epoch: ProducerEpoch(producer_epoch),
    }
}

/// Asks the coordinator of the transaction: a code for each partition. Coordinators on other brokers come with the cluster: until
/// then the one here answers NOT_COORDINATOR for them.
pub(crate) async fn ask_coordinator(
    shared: &Shared,
    asked: AddPartitions,
) -> Vec<(TopicPartition, ErrorCode)> {
    let places = asked.partitions.clone();
    let unavailable =
        || places.into_iter().map(|place| (place, ErrorCode::CoordinatorNotAvailable));
    let answered = shared.transactions.add(asked).await;
    answered.unwrap_or_else(|| unavailable().collect())
}

/// The partition of `__consumer_offsets` where `group` lives: what AddOffsetsToTxn adds.
pub(crate) fn offsets_partition(shared: &Shared, group: &str) -> TopicPartition {
    let topic = TopicName::parse(TopicName::CONSUMER_OFFSETS).expect("Kafka's own name is legal");
    TopicPartition::new(topic, shared.coordinator.partition_for(group))
}

/// Clients before `since` do not know PRODUCER_FENCED.
pub(crate) fn known_to(version: i16, since: i16, code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::ProducerFenced if version < since => ErrorCode::InvalidProducerEpoch,
        code => code,
    }
}

/// A partition by the names of a request; none if there is no such name.
fn place(topic: &str, partition: i32) -> Option<TopicPartition> {
    Some(TopicPartition::new(TopicName::parse(topic).ok()?, PartitionId(partition)))
}
