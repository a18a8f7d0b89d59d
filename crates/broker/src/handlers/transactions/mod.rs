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
use metadata::NO_LEADER;
use model::{ErrorCode, PartitionId, ProducerEpoch, ProducerId, TopicName, TopicPartition};

use crate::{
    broker::Shared,
    transactions::{Addition, Codes, all},
};

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

/// Asks the coordinator of the transaction, here or elsewhere: a code for each partition. Of one that does not answer,
/// COORDINATOR_NOT_AVAILABLE, which those who ask make into what their clients try again.
pub(crate) async fn ask_coordinator(shared: &Shared, asked: AddPartitions) -> Codes {
    let places = asked.partitions.clone();
    let coordinator = shared.transactions.partition_for(&asked.producing.transactional_id);
    let image = shared.publisher.current();
    let topic = image.topic(TopicName::TRANSACTION_STATE);
    let leader = topic
        .and_then(|topic| topic.partition(coordinator))
        .map(|state| state.leader)
        .filter(|leader| *leader != NO_LEADER);
    let answered = match leader {
        None => None,
        Some(leader) if leader == shared.options.node_id => shared.transactions.add(asked).await,
        Some(leader) => shared.outgoing.add(leader, Addition { coordinator, asked }).await,
    };
    answered.unwrap_or_else(|| all(&places, ErrorCode::CoordinatorNotAvailable))
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
