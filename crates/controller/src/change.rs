//! How a partition's state becomes its next: the one place where leaders are chosen and epochs go up.
//!
//! Told: the present state, what is to be other (in-sync replicas, replicas, an election), who has lost records, and who may lead. Answers the
//! next state, or nothing when all is as it should be. In this order:
//!
//! ```text
//!   1  a reassignment ends when all that it adds are in sync and somebody is left when what it removes is gone
//!   2  who is in sync stands in the order of the replicas, and there is always somebody: the last to be in sync stays, dead or alive;
//!      if it has lost records, one that is eligible takes its place; if there is none, whoever led last: it has the most
//!   3  a leader      the preferred one, when that is asked for and it can      who can: in sync and active
//!                    the present one, if it can
//!                    the first replica that can
//!                    the first that is eligible and active: from now on it alone is in sync
//!                    the first replica that is active (unclean only): likewise
//!                    nobody
//!   4  who is eligible (KIP-966): nobody while there is a leader and min.insync.replicas are in sync, for then records are committed
//!      without them; else whoever was in sync or eligible, is not in sync now, and has lost nothing
//!   5  leader epoch + 1 when the leader changes, a replica goes or a new reign is asked for; partition epoch + 1 when anything changes
//! ```
//! (Kafka's `PartitionChangeBuilder`. There the last to be in sync becomes eligible; here it is still called in sync, as in Kafka before 4.0.)

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
    /// `min.insync.replicas` of the topic.
    min_isr: usize,
    seek: Seek,
    is_new_reign: bool,
    /// Has lost records: it is not eligible any more.
    lossy: Option<BrokerId>,
}

impl<'a> Change<'a> {
    /// A change of `before`, of a topic with this `min.insync.replicas`.
    pub(crate) fn of(before: &'a PartitionState, min_isr: usize) -> Self {
        let (after, seek) = (before.to_fact(), Seek::Clean);
        Self { before, after, min_isr, seek, is_new_reign: false, lossy: None }
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

    /// `broker` may have lost records that it had: it is neither in sync nor eligible.
    pub(crate) fn without(mut self, broker: BrokerId) -> Self {
        self.lossy = Some(broker);
        self.without_in_sync(broker)
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
        let elected = self.elect(&can_lead);
        self.settle_eligible(&elected);
        self.after.leader = elected.leader;
        let Self { before, mut after, is_new_reign, .. } = self;
        after.last_leader =
            if after.leader == NO_LEADER { before.last_to_lead() } else { NO_LEADER };
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
        let before = self.before;
        let of_replicas = |members: &[BrokerId]| -> Vec<BrokerId> {
            self.after.replicas.iter().filter(|id| members.contains(id)).copied().collect()
        };
        let whole = |mut members: Vec<BrokerId>| {
            members.retain(|id| Some(*id) != self.lossy);
            members
        };
        let one_eligible = || whole(of_replicas(&before.elr)).into_iter().take(1).collect();
        let settled = of_replicas(&self.after.isr);
        let settled = or_else(settled, || whole(of_replicas(&before.isr)));
        let settled = or_else(settled, one_eligible);
        let settled = or_else(settled, || of_replicas(&[before.last_to_lead()]));
        self.after.isr = or_else(settled, || of_replicas(&before.isr));
    }

    /// Who was in sync or eligible and is not in sync now.
    fn whole_outsiders(&self) -> impl Iterator<Item = BrokerId> {
        let Self { before, after, lossy, .. } = self;
        let is_whole = |id: &BrokerId| before.isr.contains(id) || before.elr.contains(id);
        let is_outside = |id: &BrokerId| !after.isr.contains(id) && Some(*id) != *lossy;
        after.replicas.iter().copied().filter(move |id| is_whole(id) && is_outside(id))
    }

    fn settle_eligible(&mut self, elected: &Elected) {
        let required = self.min_isr.min(self.after.replicas.len());
        let nothing_is_committed = elected.leader == NO_LEADER || self.after.isr.len() < required;
        self.after.elr = match nothing_is_committed && !elected.is_unclean {
            true => self.whole_outsiders().collect(),
            false => Vec::new(),
        };
    }

    fn elect(&mut self, can_lead: &impl Fn(BrokerId) -> bool) -> Elected {
        let eligible = self.whole_outsiders().find(|id| can_lead(*id));
        let after = &mut self.after;
        let is_valid =
            |id: BrokerId| (after.isr.contains(&id) || model::mutant!("M20")) && can_lead(id);
        let preferred = after.replicas.first().copied().filter(|_| self.seek == Seek::Preferred);
        let candidates = preferred.into_iter().chain([after.leader]).chain(after.replicas.clone());
        if let Some(leader) = candidates.into_iter().find(|id| is_valid(*id)) {
            if model::mutant!("M20") && !after.isr.contains(&leader) {
                after.isr = vec![leader];
            }
            return Elected { leader, is_unclean: false };
        }
        if let Some(leader) = eligible {
            after.isr = vec![leader];
            return Elected { leader, is_unclean: false };
        }
        if self.seek == Seek::Unclean
            && let Some(leader) = after.replicas.iter().copied().find(|id| can_lead(*id))
        {
            after.isr = vec![leader];
            return Elected { leader, is_unclean: true };
        }
        Elected { leader: NO_LEADER, is_unclean: false }
    }
}

/// What an election came to.
struct Elected {
    leader: BrokerId,
    /// It may lack what was committed: whoever has more is not of its history.
    is_unclean: bool,
}

fn or_else(members: Vec<BrokerId>, others: impl FnOnce() -> Vec<BrokerId>) -> Vec<BrokerId> {
    if members.is_empty() { others() } else { members }
}
