//! All shards of one internal topic that this broker leads: a synchronous machine around the shards.
//!
//! ```text
//!   elected ─▶ Loading ──loaded──▶ Settling ──committed──▶ Active ──resigned, or elected in a later epoch──▶ (gone)
//!                │  ▲                 the log's end as it was loaded must be committed: before that, what was read
//!          failed▼  │retry            could still be lost with this reign
//!               Failed
//! ```
//!
//! Told elections, requests, commits and the time; answers and effects land in an outbox that its driver empties. What it cannot do at
//! once, reading a partition, it hands out as a [`Reign`] to be loaded and is told back. Every append names its reign: in another one
//! nothing is appended, and what was loaded is worth nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ErrorCode, LeaderEpoch, Offset, PartitionId};
use world::Instant;

use super::{Log, Now, Reign, Shard, Ticket, active::Active};
use crate::limits;

pub(crate) struct Runtime<S: Shard> {
    log: Arc<dyn Log>,
    slots: BTreeMap<PartitionId, Slot<S>>,
    outbox: Outbox<S>,
}

/// What may go.
pub(crate) struct Outbox<S: Shard> {
    pub(super) answers: Vec<(Ticket, S::Answer)>,
    pub(super) effects: Vec<(Reign, S::Effect)>,
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
    /// Loaded up to `end`, which is not committed yet.
    Settling {
        epoch: LeaderEpoch,
        shard: Box<S>,
        end: Offset,
    },
    Active(Box<Active<S>>),
}

impl<S: Shard> Runtime<S> {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        Self { log, slots: BTreeMap::new(), outbox: Outbox::default() }
    }

    /// This broker leads `partition`. Answers what is to be loaded first, if anything is: in a later epoch all of it, for somebody else
    /// may have led and written in between.
    pub(crate) fn on_elected(
        &mut self,
        partition: PartitionId,
        epoch: LeaderEpoch,
    ) -> Option<Reign> {
        if self.slots.get(&partition).is_some_and(|slot| slot.epoch() >= epoch) {
            return None;
        }
        self.on_resigned(partition);
        self.slots.insert(partition, Slot::Loading { epoch });
        Some(Reign { partition, epoch })
    }

    /// The shard that a load made, and where the log ended. Dropped if the partition was lost meanwhile.
    pub(crate) fn on_loaded(
        &mut self,
        reign: Reign,
        loaded: Result<(S, Offset), ErrorCode>,
        now: Now,
    ) {
        let Some(Slot::Loading { epoch }) = self.slots.get(&reign.partition) else { return };
        if *epoch != reign.epoch {
            return; // of an earlier reign
        }
        let epoch = *epoch;
        let slot = match loaded {
            Ok((shard, end)) => Slot::Settling { epoch, shard: Box::new(shard), end },
            Err(_) => Slot::Failed { epoch, retry: now.instant.plus(limits::LOAD_RETRY) },
        };
        self.slots.insert(reign.partition, slot);
        self.settle(reign, now);
    }

    /// Lets a loaded shard be asked, if what it was loaded from is committed.
    fn settle(&mut self, reign: Reign, now: Now) {
        let committed = self.log.committed(reign);
        match self.slots.remove(&reign.partition) {
            Some(Slot::Settling { shard, end, .. }) if end <= committed => {
                let mut active = Active::new(reign, *shard, end);
                active.begin(&*self.log, now, &mut self.outbox);
                self.slots.insert(reign.partition, Slot::Active(Box::new(active)));
            }
            Some(slot) => {
                self.slots.insert(reign.partition, slot);
            }
            None => {}
        }
    }

    /// This broker no longer leads `partition`: whoever waits is told NOT_COORDINATOR, and what was to be done is not.
    pub(crate) fn on_resigned(&mut self, partition: PartitionId) {
        if let Some(Slot::Active(active)) = self.slots.remove(&partition) {
            self.outbox.answers.extend(active.resign(ErrorCode::NotCoordinator));
        }
    }

    pub(crate) fn on_request(
        &mut self,
        partition: PartitionId,
        (ticket, request): (Ticket, S::Request),
        now: Now,
    ) {
        let code = match self.slots.get_mut(&partition) {
            Some(Slot::Active(active)) => {
                active.on_request(&*self.log, (ticket, request), now, &mut self.outbox);
                return;
            }
            Some(Slot::Loading { .. } | Slot::Failed { .. } | Slot::Settling { .. }) => {
                ErrorCode::CoordinatorLoadInProgress
            }
            None => ErrorCode::NotCoordinator,
        };
        self.outbox.answers.push((ticket, S::refuse(&request, code)));
    }

    /// Fires what is due and lets go what is committed; answers a load that is due for another try.
    pub(crate) fn on_time(&mut self, now: Now) -> Option<Reign> {
        let mut retried = None;
        let mut settling = Vec::new();
        for (partition, slot) in &mut self.slots {
            match slot {
                Slot::Active(active) => active.on_time(&*self.log, now, &mut self.outbox),
                Slot::Failed { epoch, retry } if *retry <= now.instant && retried.is_none() => {
                    retried = Some(Reign { partition: *partition, epoch: *epoch });
                    *slot = Slot::Loading { epoch: *epoch };
                }
                Slot::Settling { epoch, .. } => {
                    settling.push(Reign { partition: *partition, epoch: *epoch });
                }
                Slot::Failed { .. } | Slot::Loading { .. } => {}
            }
        }
        for reign in settling {
            self.settle(reign, now);
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
        std::mem::take(&mut self.outbox.answers)
    }

    /// What is to be done, and by the coordinator of which reign.
    pub(crate) fn take_effects(&mut self) -> Vec<(Reign, S::Effect)> {
        std::mem::take(&mut self.outbox.effects)
    }

    #[cfg(test)]
    pub(crate) fn shard(&self, partition: PartitionId) -> Option<&S> {
        match self.slots.get(&partition)? {
            Slot::Active(active) => Some(active.shard()),
            Slot::Loading { .. } | Slot::Failed { .. } | Slot::Settling { .. } => None,
        }
    }
}

impl<S: Shard> Default for Outbox<S> {
    fn default() -> Self {
        Self { answers: Vec::new(), effects: Vec::new() }
    }
}

impl<S: Shard> Slot<S> {
    fn epoch(&self) -> LeaderEpoch {
        match self {
            Self::Loading { epoch } | Self::Failed { epoch, .. } | Self::Settling { epoch, .. } => {
                *epoch
            }
            Self::Active(active) => active.epoch(),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        match self {
            Self::Active(active) => active.next_deadline(),
            Self::Failed { retry, .. } => Some(*retry),
            Self::Loading { .. } | Self::Settling { .. } => None,
        }
    }
}
