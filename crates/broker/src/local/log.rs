//! The offsets topic, as the coordinator's thread sees it.

use std::sync::Arc;

use bytes::BytesMut;
use model::{ErrorCode, Isolation, Offset, PartitionId, TopicName, TopicPartition};
use records::{Batches, Record};
use replication::{Acks, FetchRequest, Partition, ReplicaSet};
use storage::Origin;

use crate::resolve;

/// `__consumer_offsets` over this node's replicas.
pub struct LocalLog {
    replicas: Arc<ReplicaSet>,
    topic: TopicName,
}

/// What one read takes while a partition is loaded.
const LOAD_BYTES: usize = 1 << 20;

impl LocalLog {
    /// Over `replicas`.
    ///
    /// # Panics
    /// Never: the topic's name is legal.
    #[must_use]
    pub fn new(replicas: Arc<ReplicaSet>) -> Self {
        let topic =
            TopicName::parse(TopicName::CONSUMER_OFFSETS).expect("Kafka's own name is legal");
        Self { replicas, topic }
    }

    fn find(&self, partition: PartitionId) -> Result<Arc<Partition>, ErrorCode> {
        let named = TopicPartition::new(self.topic.clone(), partition);
        self.replicas.find(&named).ok_or(ErrorCode::NotLeaderOrFollower)
    }
}

impl coordinator::Log for LocalLog {
    fn append(&self, partition: PartitionId, batch: BytesMut) -> Result<Offset, ErrorCode> {
        let partition = self.find(partition)?;
        let placed = partition.append(batch, Acks::All, Origin::Coordinator);
        placed.map(|placed| placed.appended.last).map_err(|error| error.code())
    }

    fn load(
        &self,
        partition: PartitionId,
        visit: &mut dyn FnMut(Record<'_>),
    ) -> Result<(), ErrorCode> {
        let partition = self.find(partition)?;
        let mut from = resolve::offsets(&partition)?.log_start;
        let mut scratch = Vec::new();
        loop {
            let request = FetchRequest {
                from,
                bytes_max: LOAD_BYTES,
                at_least_one: true,
                isolation: Isolation::ReadUncommitted,
                current_leader_epoch: None,
                last_fetched_epoch: None,
            };
            let chunk = partition.read(request).map_err(|error| error.code())?.chunk;
            let next = chunk.next;
            if chunk.is_empty() {
                return Ok(());
            }
            let bytes = chunk.into_bytes().map_err(|_| ErrorCode::KafkaStorageError)?;
            for batch in Batches::new(&bytes) {
                let batch = batch.map_err(|_| ErrorCode::CorruptMessage)?;
                if batch.is_control() {
                    continue;
                }
                let records = batch.records(&mut scratch).map_err(|_| ErrorCode::CorruptMessage)?;
                for record in records {
                    visit(record.map_err(|_| ErrorCode::CorruptMessage)?);
                }
            }
            from = next;
        }
    }

    fn committed(&self, partition: PartitionId) -> Offset {
        let offsets = self.find(partition).and_then(|found| resolve::offsets(&found));
        offsets.map_or(Offset::NONE, |offsets| offsets.high_watermark)
    }
}
