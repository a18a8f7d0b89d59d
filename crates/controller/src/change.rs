//! How a partition's state becomes its next: the one place where leaders are chosen and epochs go up.
//!
//! Told: the present state, what is to be other (in-sync replicas, replicas, an election), and who may lead. Answers the next state, or
//! nothing when all is as it should be. In this order:
//!
//! ```text
//!   1  a reassignment ends when all that it adds are in sync and somebody is left when what it removes is gone
//!   2  who is in sync stands in the order of the replicas, and there is always somebody: the last to be in sync stays, dead or alive
//!   3  a leader      the preferred one, when that is asked for and it can      who can: in sync and active
//!                    the present one, if it can
//!                    the first replica that can
//!                    the first replica that is active (unclean only): from now on it alone is in sync
//!                    nobody
//!   4  leader epoch + 1 when the leader changes, a replica goes or a new reign is asked for; partition epoch + 1 when anything changes
//! ```
//! (Kafka's `PartitionChangeBuilder`, without eligible leader replicas.)

use metadata::{NO_LEADER, PartitionState, StateFact};
use model::BrokerId;

/// Which leader is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seek {
    /// The present one while it can, else another that is in sync.
    Clean,
    /// The first replica if it can, else as [`Seek::Clean`].
    Preferred,
    /// As [`Seek::Clean`], else any that is active.
    Unclean,
}

/// A change that is being made.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    before: &'a PartitionState,
    after: StateFact,
    seek: Seek,
    is_new_reign: bool,
}

impl<'a> Change<'a> {
    pub(crate) fn of(before: &'a PartitionState) -> Self {
        Self { before, after: before.to_fact(), seek: Seek::Clean, is_new_reign: false }
    }

    pub(crate) fn seek(mut self, seek: Seek) -> Self {
        self.seek = seek;
        self
    }

    pub(crate) fn with_isr(mut self, isr: Vec<BrokerId>) -> Self {
        self.after.isr = isr;
        self
    }

    pub(crate) fn without_in_sync(mut self, broker: BrokerId) -> Self {
        self.after.isr.retain(|id| *id != broker);
        self
    }

    /// Also if the leader stays: nothing that was said in the present reign counts any more.
    pub(crate) fn in_new_reign(mut self) -> Self {
        self.is_new_reign = true;
        self
    }

    /// Replicas in order of preference, those that are to go last.
    pub(crate) fn with_replicas(
        mut self,
        replicas: Vec<BrokerId>,
        adding: Vec<BrokerId>,
        removing: Vec<BrokerId>,
    ) -> Self {
        self.after.replicas = replicas;
        self.after.adding = adding;
        self.after.removing = removing;
        self
    }

    /// The next state, if it is another.
    pub(crate) fn decide(mut self, can_lead: impl Fn(BrokerId) -> bool) -> Option<StateFact> {
        self.end_reassignment();
        self.settle_isr();
        self.after.leader = self.elect(&can_lead);
        let Self { before, mut after, is_new_reign, .. } = self;
        let has_lost_replica = before.replicas.iter().any(|id| !after.replicas.contains(id));
        if after.leader != before.leader || has_lost_replica || is_new_reign {
            after.leader_epoch = before.leader_epoch.next();
        }
        if after == before.to_fact() {
            return None;
        }
        after.partition_epoch = before.partition_epoch.next();
        assert!(!after.isr.is_empty(), "somebody is always in sync");
        assert!(after.leader == NO_LEADER || after.isr.contains(&after.leader));
        Some(after)
    }

    fn end_reassignment(&mut self) {
        let StateFact { replicas, isr, adding, removing, .. } = &mut self.after;
        if adding.is_empty() && removing.is_empty() {
            return;
        }
        let stays = |id: &BrokerId| !removing.contains(id);
        let has_all = adding.iter().all(|id| isr.contains(id));
        if has_all && isr.iter().any(stays) {
            isr.retain(stays);
            replicas.retain(stays);
            adding.clear();
            removing.clear();
        }
    }

    fn settle_isr(&mut self) {
        let StateFact { replicas, isr, .. } = &mut self.after;
        let mut settled: Vec<BrokerId> =
            replicas.iter().filter(|id| isr.contains(id)).copied().collect();
        if settled.is_empty() {
            let last = self.before.isr.iter().filter(|id| replicas.contains(id));
            settled = last.copied().collect();
        }
        *isr = settled;
    }

    fn elect(&mut self, can_lead: &impl Fn(BrokerId) -> bool) -> BrokerId {
        let after = &mut self.after;
        let is_valid =
            |id: BrokerId| (after.isr.contains(&id) || model::mutant!("M20")) && can_lead(id);
        let preferred = after.replicas.first().copied().filter(|_| self.seek == Seek::Preferred);
        let candidates = preferred.into_iter().chain([after.leader]).chain(after.replicas.clone());
        if let Some(leader) = candidates.into_iter().find(|id| is_valid(*id)) {
            if model::mutant!("M20") && !after.isr.contains(&leader) {
                after.isr = vec![leader];
            }
            return leader;
        }
        if self.seek == Seek::Unclean
            && let Some(leader) = after.replicas.iter().copied().find(|id| can_lead(*id))
        {
            after.isr = vec![leader];
            return leader;
        }
        NO_LEADER
    }
}
