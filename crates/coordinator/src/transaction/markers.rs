//! The seam to whoever writes markers: into partitions led here, or by asking those who lead them.
//!
//! A coordinator hands out one order per attempt and transaction, after the commit or abort itself is committed; the writer tries every
//! partition once and reports each. What failed is ordered again after a while, until everything is written or the coordinator is no
//! more: a transaction that is prepared ends, whoever dies. A report that is dropped unsent says that nothing was written.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::{ErrorCode, LeaderEpoch, PartitionId, ProducerEpoch, ProducerId, TopicPartition};
use records::control::Marker;

use crate::runtime::Wake;

/// Writes markers. Implemented by the broker.
pub trait Markers: Send + Sync {
    /// Tries to write `order` into each of its partitions, and reports. Never waits: called on the coordinator's thread.
    fn write(&self, order: MarkerOrder, report: MarkerReport);
}

/// One transaction's markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkerOrder {
    /// The producer whose transaction ends.
    pub producer_id: ProducerId,
    /// The epoch of the marker: everything older is fenced by it.
    pub producer_epoch: ProducerEpoch,
    /// How it ends.
    pub marker: Marker,
    /// The leader epoch of the coordinator's partition: markers of a coordinator of before are refused.
    pub coordinator_epoch: i32,
    /// Where.
    pub partitions: Vec<TopicPartition>,
}

/// The duty to say what has become of an order.
pub struct MarkerReport {
    mailbox: Arc<Mailbox>,
    /// None once it is sent.
    duty: Option<(PartitionId, Attempt, Vec<TopicPartition>)>,
}

/// What has become of an attempt: a code per partition; [`ErrorCode::None`] is written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) attempt: Attempt,
    pub(crate) outcomes: Vec<(TopicPartition, ErrorCode)>,
}

/// An attempt to write the markers of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) transactional_id: Arc<str>,
    /// The reign that ordered it: another one counts its attempts anew.
    pub(crate) reign: LeaderEpoch,
    /// Counts attempts of the reign: reports of earlier ones are not listened to.
    pub(crate) number: u64,
}

impl MarkerReport {
    pub(crate) fn new(
        mailbox: &Arc<Mailbox>,
        shard: PartitionId,
        attempt: Attempt,
        partitions: Vec<TopicPartition>,
    ) -> Self {
        Self { mailbox: Arc::clone(mailbox), duty: Some((shard, attempt, partitions)) }
    }

    /// Reports each partition once. One that is left out is taken for not written.
    pub fn send(mut self, outcomes: Vec<(TopicPartition, ErrorCode)>) {
        if let Some((shard, attempt, partitions)) = self.duty.take() {
            let mut known: BTreeMap<TopicPartition, ErrorCode> = outcomes.into_iter().collect();
            let outcomes = partitions.into_iter().map(|place| {
                let code = known.remove(&place).unwrap_or(ErrorCode::CoordinatorNotAvailable);
                (place, code)
            });
            self.mailbox.put(shard, Written { attempt, outcomes: outcomes.collect() });
        }
    }
}

impl Drop for MarkerReport {
    fn drop(&mut self) {
        if let Some((shard, attempt, partitions)) = self.duty.take() {
            let failed = |place| (place, ErrorCode::CoordinatorNotAvailable);
            let outcomes = partitions.into_iter().map(failed).collect();
            self.mailbox.put(shard, Written { attempt, outcomes });
        }
    }
}

/// Reports on their way to the coordinator's thread. Bounded by the attempts that are out: one per transaction. Beside the thread's
/// queue, so that a report is never lost to a full one and nobody waits to deliver it.
#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<MailboxState>,
}

#[derive(Default)]
struct MailboxState {
    reports: Vec<(PartitionId, Written)>,
    wake: Option<Wake>,
}

impl Mailbox {
    pub(crate) fn wakes(&self, wake: Wake) {
        self.lock().wake = Some(wake);
    }

    pub(crate) fn take(&self) -> Vec<(PartitionId, Written)> {
        std::mem::take(&mut self.lock().reports)
    }

    fn put(&self, shard: PartitionId, written: Written) {
        let wake = {
            let mut state = self.lock();
            state.reports.push((shard, written));
            state.wake.clone()
        };
        if let Some(wake) = wake {
            wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, MailboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
