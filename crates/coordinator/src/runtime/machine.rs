//! All shards of one internal topic that this broker leads: a synchronous machine around the shards.
//!
//! Told elections, requests, commits and the time; answers land in an outbox that its driver empties. What it cannot do
//! at once, reading a partition, it hands out as a [`Load`] and is told back.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ErrorCode, LeaderEpoch, Offset, PartitionId};
use world::Instant;

use super::{Log, Now, Outcome, Shard, Ticket, batches, pending::PendingAnswers};
use crate::limits;

/// A partition to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) partition: PartitionId,
    pub(crate) epoch: LeaderEpoch,
}

pub(crate) struct Runtime<S: Shard> {
    log: Arc<dyn Log>,
    slots: BTreeMap<PartitionId, Slot<S>>,
    outbox: Vec<(Ticket, S::Answer)>,
}

enum Slot<S: Shard> {
    Loading {
        epoch: LeaderEpoch,
    },
    /// The load failed and is asked for again at `retry`.
    Failed {
        epoch: LeaderEpoch,
        retry: Instant,
    },
    Active(Box<Active<S>>),
}

struct Active<S: Shard> {
    epoch: LeaderEpoch,
    shard: S,
    pending: PendingAnswers<S::Answer>,
    /// The first offset past everything appended by this shard: no answer goes before it is committed, so that nobody
    /// is told of state that could still be lost.
    appended: Offset,
}

impl<S: Shard> Runtime<S> {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        Self { log, slots: BTreeMap::new(), outbox: Vec::new() }
    }

    /// This broker leads `partition`. Answers what is to be loaded first, if anything is.
    pub(crate) fn on_elected(
        &mut self,
        partition: PartitionId,
        epoch: LeaderEpoch,
    ) -> Option<Load> {
        if let Some(Slot::Active(active)) = self.slots.get_mut(&partition) {
            active.epoch = active.epoch.max(epoch);
            return None;
        }
        let loading = self.slots.insert(partition, Slot::Loading { epoch });
        match loading {
            Some(Slot::Loading { epoch: asked }) if asked == epoch => None,
            // Also when a load of an earlier reign is under way: its shard will be thrown away.
            _ => Some(Load { partition, epoch }),
        }
    }

    /// The shard that a [`Load`] made. Dropped if the partition was lost meanwhile.
    pub(crate) fn on_loaded(&mut self, load: Load, loaded: Result<S, ErrorCode>, now: Now) {
        let Some(Slot::Loading { epoch }) = self.slots.get(&load.partition) else { return };
        let epoch = *epoch;
        if epoch != load.epoch {
            return; // of an earlier reign: somebody else may have led and written in between
        }
        let Ok(shard) = loaded else {
            let retry = now.instant.plus(limits::LOAD_RETRY);
            self.slots.insert(load.partition, Slot::Failed { epoch, retry });
            return;
        };
        let mut active =
            Active { epoch, shard, pending: PendingAnswers::new(), appended: Offset::ZERO };
        let outcome = active.shard.on_loaded(now);
        active.perform(&*self.log, (load.partition, outcome, now), &mut self.outbox);
        self.slots.insert(load.partition, Slot::Active(Box::new(active)));
    }

    /// This broker no longer leads `partition`.
    pub(crate) fn on_resigned(&mut self, partition: PartitionId) {
        let Some(Slot::Active(active)) = self.slots.remove(&partition) else { return };
        let code = ErrorCode::NotCoordinator;
        let Active { shard, pending, .. } = *active;
        let held = pending.into_answers().map(|(ticket, held)| (ticket, S::fail(held, code)));
        self.outbox.extend(held);
        self.outbox.extend(shard.on_resigned(code));
    }

    pub(crate) fn on_request(
        &mut self,
        partition: PartitionId,
        (ticket, request): (Ticket, S::Request),
        now: Now,
    ) {
        let code = match self.slots.get_mut(&partition) {
            Some(Slot::Active(active)) => {
                let outcome = active.shard.on_request(ticket, request, now);
                active.perform(&*self.log, (partition, outcome, now), &mut self.outbox);
                return;
            }
            Some(Slot::Loading { .. } | Slot::Failed { .. }) => {
                ErrorCode::CoordinatorLoadInProgress
            }
            None => ErrorCode::NotCoordinator,
        };
        self.outbox.push((ticket, S::refuse(&request, code)));
    }

    /// Fires what is due and lets go what is committed; answers a load that is due for another try.
    pub(crate) fn on_time(&mut self, now: Now) -> Option<Load> {
        let mut retried = None;
        for (partition, slot) in &mut self.slots {
            match slot {
                Slot::Active(active) => {
                    active.on_time(&*self.log, (*partition, now), &mut self.outbox);
                }
                Slot::Failed { epoch, retry } if *retry <= now.instant && retried.is_none() => {
                    retried = Some(Load { partition: *partition, epoch: *epoch });
                    *slot = Slot::Loading { epoch: *epoch };
                }
                Slot::Failed { .. } | Slot::Loading { .. } => {}
            }
        }
        retried
    }

    /// When [`Runtime::on_time`] is to be called.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.slots.values().filter_map(Slot::next_deadline).min()
    }

    /// Partitions led, whether loaded or not.
    pub(crate) fn partitions(&self) -> Vec<PartitionId> {
        self.slots.keys().copied().collect()
    }

    /// The answers that may go.
    pub(crate) fn take_answers(&mut self) -> Vec<(Ticket, S::Answer)> {
        std::mem::take(&mut self.outbox)
    }

    #[cfg(test)]
    pub(crate) fn shard(&self, partition: PartitionId) -> Option<&S> {
        match self.slots.get(&partition)? {
            Slot::Active(active) => Some(&active.shard),
            Slot::Loading { .. } | Slot::Failed { .. } => None,
        }
    }
}

impl<S: Shard> Slot<S> {
    fn next_deadline(&self) -> Option<Instant> {
        match self {
            Self::Active(active) => {
                let deadlines = [active.shard.next_deadline(), active.pending.next_deadline()];
                deadlines.into_iter().flatten().min()
            }
            Self::Failed { retry, .. } => Some(*retry),
            Self::Loading { .. } => None,
        }
    }
}

type Decided<S> = (PartitionId, Outcome<<S as Shard>::Record, <S as Shard>::Answer>, Now);

impl<S: Shard> Active<S> {
    fn on_time(
        &mut self,
        log: &dyn Log,
        (partition, now): (PartitionId, Now),
        outbox: &mut Vec<(Ticket, S::Answer)>,
    ) {
        while self.shard.next_deadline().is_some_and(|deadline| deadline <= now.instant) {
            let outcome = self.shard.on_timer(now);
            self.perform(log, (partition, outcome, now), outbox);
        }
        self.release(log.committed(partition), outbox);
        while let Some((ticket, late)) = self.pending.pop_late(now.instant) {
            outbox.push((ticket, S::fail(late, ErrorCode::RequestTimedOut)));
        }
    }

    /// Appends, applies, holds the answers; refused records become errors and are told to the shard.
    fn perform(
        &mut self,
        log: &dyn Log,
        (partition, outcome, now): Decided<S>,
        outbox: &mut Vec<(Ticket, S::Answer)>,
    ) {
        let Outcome { records, mut answers, is_atomic } = outcome;
        if let Err((refused, code)) = self.append(log, partition, (records, is_atomic, now)) {
            let fail = |(ticket, answer)| (ticket, S::fail(answer, code));
            answers = answers.into_iter().map(fail).collect();
            let told = self.shard.on_append_failed(refused, code, now);
            assert!(told.records.is_empty(), "a refused append asks for no other");
            answers.extend(told.answers);
        }
        let deadline = now.instant.plus(limits::COMMIT_TIMEOUT);
        for answer in answers {
            self.pending.push(self.appended, deadline, answer);
        }
        self.release(log.committed(partition), outbox);
    }

    /// Answers the records that were refused, and why.
    fn append(
        &mut self,
        log: &dyn Log,
        partition: PartitionId,
        (mut records, is_atomic, now): (Vec<S::Record>, bool, Now),
    ) -> Result<(), (Vec<S::Record>, ErrorCode)> {
        let batches = match batches::encode::<S>(&records, is_atomic, now.wall) {
            Ok(batches) => batches,
            Err(code) => return Err((records, code)),
        };
        for encoded in batches {
            match log.append(partition, encoded.batch) {
                Ok(last) => self.appended = self.appended.max(last.plus(1)),
                Err(code) => return Err((records, code)),
            }
            for record in records.drain(..encoded.record_count) {
                self.shard.apply(&record);
            }
        }
        Ok(())
    }

    fn release(&mut self, committed: Offset, outbox: &mut Vec<(Ticket, S::Answer)>) {
        while let Some(answer) = self.pending.pop_committed(committed) {
            outbox.push(answer);
        }
    }
}
