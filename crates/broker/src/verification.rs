//! The question of a partition's leader to a transaction's coordinator: is this partition in it, or else put it there (KIP-890).
//!
//! The guards are taken before the question. Should the marker of the producer's last transaction have taken one away meanwhile, it is
//! taken anew and the question asked again: what was answered may have been said of that transaction. Once there is no time to ask
//! again the old guard stays, which the append refuses: an answer never goes with a guard that is younger than its question.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use coordinator::AddPartitions;
use model::{ErrorCode, ProducerEpoch, ProducerId, TopicPartition, VerificationGuard};
use replication::Partition;
use world::exec;

use crate::{broker::Shared, handlers::transactions::ask_coordinator};

/// `add.partitions.to.txn.retry.backoff.ms`.
const BACKOFF: Duration = Duration::from_millis(20);
/// `add.partitions.to.txn.retry.backoff.max.ms`.
const RETRY_MAX: Duration = Duration::from_millis(100);

/// A partition where a transaction is about to begin.
pub(crate) struct Guarded {
    partition: Arc<Partition>,
    producer: (ProducerId, ProducerEpoch),
    first_sequence: i32,
    guard: Option<VerificationGuard>,
}

impl Guarded {
    /// None where nothing need be asked: the transaction has begun there, or it is not led here, which the append will say.
    pub(crate) fn begin(
        partition: Arc<Partition>,
        producer: (ProducerId, ProducerEpoch),
        first_sequence: i32,
    ) -> Option<Self> {
        let mut begun = Self { partition, producer, first_sequence, guard: None };
        begun.renew().then_some(begun)
    }

    pub(crate) fn name(&self) -> &TopicPartition {
        self.partition.name()
    }

    /// What the append shows; none if the transaction has begun meanwhile.
    pub(crate) const fn guard(&self) -> Option<VerificationGuard> {
        self.guard
    }

    /// Whether it is another guard than before.
    fn renew(&mut self) -> bool {
        let (id, epoch) = self.producer;
        let guard = self.partition.begin_verification(id, epoch, self.first_sequence);
        let guard = guard.ok().flatten();
        std::mem::replace(&mut self.guard, guard) != guard && guard.is_some()
    }
}

/// A code for each partition of `question`, which are those of `guarded`. While the last transaction of the producer is still being
/// ended, an addition is tried again for a short time: its client does not know that it is one, and would take longer.
pub(crate) async fn ask(
    shared: &Shared,
    question: AddPartitions,
    guarded: &mut [Guarded],
) -> BTreeMap<TopicPartition, ErrorCode> {
    let deadline = shared.clock.now().plus(RETRY_MAX);
    loop {
        let codes = ask_coordinator(shared, question.clone()).await;
        if shared.clock.now() >= deadline {
            return codes.into_iter().collect();
        }
        let is_busy = !question.is_verify_only
            && codes.iter().any(|(_, code)| *code == ErrorCode::ConcurrentTransactions);
        let is_renewed =
            guarded.iter_mut().filter_map(|place| place.renew().then_some(())).count() > 0;
        if !(is_busy || is_renewed) {
            return codes.into_iter().collect();
        }
        if is_busy {
            exec::delay(BACKOFF).await;
        }
    }
}
