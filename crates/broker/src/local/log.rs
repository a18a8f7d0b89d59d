//! An internal topic, as its coordinator's thread sees it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Waker},
};

use bytes::BytesMut;
use coordinator::{Loaded, Reign, Wake};
use model::{ErrorCode, Offset, PartitionId, TopicName, TopicPartition, Verification};
use records::{Batch, Batches, control};
use replication::{Acks, Partition, ReplicaSet, Terms, Waiter};
use storage::Origin;

use crate::resolve;

/// `__consumer_offsets` or `__transaction_state` over this node's replicas.
pub struct LocalLog {
    replicas: Arc<ReplicaSet>,
    topic: TopicName,
    waits: Mutex<Waits>,
}

/// Who waits for the high watermark on the coordinator's behalf. Partitions hold them weakly, so they are held here until they are woken.
#[derive(Default)]
struct Waits {
    waker: Option<Waker>,
    waiters: Vec<Arc<Waiter>>,
}

/// What one read takes while a partition is loaded.
const LOAD_BYTES: usize = 1 << 20;

impl LocalLog {
    /// Groups and their offsets.
    #[must_use]
    pub fn new(replicas: Arc<ReplicaSet>) -> Self {
        Self::of(replicas, TopicName::CONSUMER_OFFSETS)
    }

    /// Transactions.
    #[must_use]
    pub fn transactions(replicas: Arc<ReplicaSet>) -> Self {
        Self::of(replicas, TopicName::TRANSACTION_STATE)
    }

    fn of(replicas: Arc<ReplicaSet>, topic: &str) -> Self {
        let topic = TopicName::parse(topic).expect("Kafka's own name is legal");
        Self { replicas, topic, waits: Mutex::default() }
    }

    fn find(&self, partition: PartitionId) -> Result<Arc<Partition>, ErrorCode> {
        let named = TopicPartition::new(self.topic.clone(), partition);
        self.replicas.find(&named).ok_or(ErrorCode::NotLeaderOrFollower)
    }

    /// Wakes the coordinator once everything before `until` is replicated.
    fn wait(&self, partition: &Partition, until: Offset) {
        let waiter = Waiter::new();
        {
            let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(waker) = &waits.waker else { return };
            if waiter.poll_woken(&mut Context::from_waker(waker)).is_ready() {
                return;
            }
            waits.waiters.retain(|waiter| !waiter.is_woken());
            waits.waiters.push(Arc::clone(&waiter));
        }
        partition.park_produce(&waiter, until);
    }
}

impl coordinator::Log for LocalLog {
    fn append(
        &self,
        reign: Reign,
        batch: BytesMut,
        verification: Verification,
    ) -> Result<Offset, ErrorCode> {
        let partition = self.find(reign.partition)?;
        let terms = Terms { origin: Origin::Coordinator, reign: Some(reign.epoch), verification };
        let placed =
            partition.append(batch, Acks::All, terms).map_err(|error| in_reign(error.code()))?;
        if !placed.is_replicated() {
            self.wait(&partition, placed.appended.last.plus(1));
        }
        Ok(placed.appended.last)
    }

    fn load(&self, reign: Reign, visit: &mut dyn FnMut(Loaded<'_>)) -> Result<Offset, ErrorCode> {
        let partition = self.find(reign.partition)?;
        let mut from = resolve::offsets(&partition)?.log_start;
        loop {
            let read = partition.read_to_end(from, LOAD_BYTES, reign.epoch);
            let chunk = read.map_err(|error| in_reign(error.code()))?;
            let next = chunk.next;
            if chunk.is_empty() {
                self.wait(&partition, from);
                return Ok(from);
            }
            let bytes = chunk.into_bytes().map_err(|_| ErrorCode::KafkaStorageError)?;
            for batch in Batches::new(&bytes) {
                visit_batch(&batch.map_err(|_| ErrorCode::CorruptMessage)?, visit)?;
            }
            from = next;
        }
    }

    fn committed(&self, reign: Reign) -> Offset {
        let offsets = self.find(reign.partition).and_then(|found| resolve::offsets(&found));
        let of_reign = offsets.ok().filter(|offsets| offsets.leader_epoch == reign.epoch);
        of_reign.map_or(Offset::NONE, |offsets| offsets.high_watermark)
    }

    fn is_alone(&self, reign: Reign) -> bool {
        self.find(reign.partition).is_ok_and(|partition| partition.leads_alone(reign.epoch))
    }

    fn wakes(&self, wake: Wake) {
        let waker = Waker::from(Arc::new(Woken(wake)));
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).waker = Some(waker);
    }
}

/// Control records that are no markers (a job's fence, say) say nothing to a coordinator.
fn visit_batch(batch: &Batch<'_>, visit: &mut dyn FnMut(Loaded<'_>)) -> Result<(), ErrorCode> {
    let mut scratch = Vec::new();
    let producer = batch.producer_id();
    let records = batch.records(&mut scratch).map_err(|_| ErrorCode::CorruptMessage)?;
    for record in records {
        let record = record.map_err(|_| ErrorCode::CorruptMessage)?;
        if !batch.is_control() {
            visit(Loaded::Record(record, batch.is_transactional().then_some(producer)));
        } else if let Some((marker, _)) = control::parse(&record) {
            visit(Loaded::Marker(producer, marker));
        }
    }
    Ok(())
}

/// Another reign than the coordinator's is somebody else's.
fn in_reign(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::FencedLeaderEpoch | ErrorCode::UnknownLeaderEpoch => {
            ErrorCode::NotLeaderOrFollower
        }
        code => code,
    }
}

/// The coordinator's thread, as futures are woken.
struct Woken(Wake);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}
