//! How the partitions of a node stand: counted when somebody asks, for metrics.

use model::BrokerId;

use crate::{Partition, ReplicaSet};

/// Partitions of this node, and how many of them are otherwise than they should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Replicas here.
    pub partitions: usize,
    /// Led from here.
    pub led: usize,
    /// Whose log here cannot be used: it could not be opened, or is damaged.
    pub offline: usize,
    /// Led from here, with fewer in sync than there are replicas; those that a reassignment adds are not missed before it has ended.
    pub under_replicated: usize,
    /// Led from here, with fewer in sync than `min.insync.replicas`.
    pub under_min_isr: usize,
    /// Led from here, with just `min.insync.replicas` in sync.
    pub at_min_isr: usize,
    /// Led from here, with a reassignment under way.
    pub reassigned: usize,
}

/// One partition, as its node sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) leader: BrokerId,
    pub(crate) is_offline: bool,
    pub(crate) replicas: usize,
    /// How many of them a reassignment adds.
    pub(crate) adding: usize,
    pub(crate) in_sync: usize,
    pub(crate) min_insync_replicas: usize,
    pub(crate) is_reassigned: bool,
}

impl ReplicaSet {
    /// How the partitions here stand.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        let is_offline = self.is_offline();
        for partition in self.all() {
            let facts = Partition::facts(&partition);
            standing
                .count(&Facts { is_offline: is_offline || facts.is_offline, ..facts }, self.node());
        }
        standing
    }
}

impl Standing {
    fn count(&mut self, facts: &Facts, me: BrokerId) {
        self.partitions += 1;
        self.offline += usize::from(facts.is_offline);
        if facts.leader != me {
            return;
        }
        let required = facts.min_insync_replicas.min(facts.replicas);
        self.led += 1;
        self.under_replicated += usize::from(facts.in_sync + facts.adding < facts.replicas);
        self.under_min_isr += usize::from(facts.in_sync < required);
        self.at_min_isr += usize::from(facts.in_sync == required);
        self.reassigned += usize::from(facts.is_reassigned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_leads_counts_who_is_in_sync() {
        let facts = |leader, in_sync, min_insync_replicas| Facts {
            leader: BrokerId(leader),
            is_offline: false,
            replicas: 3,
            adding: 0,
            in_sync,
            min_insync_replicas,
            is_reassigned: false,
        };
        let mut standing = Standing::default();
        for facts in
            [facts(1, 3, 2), facts(1, 2, 2), facts(1, 1, 2), facts(1, 3, 9), facts(2, 1, 2)]
        {
            standing.count(&facts, BrokerId(1));
        }
        let expected = Standing {
            partitions: 5,
            led: 4,
            under_replicated: 2,
            under_min_isr: 1,
            at_min_isr: 2,
            ..Standing::default()
        };
        assert_eq!(standing, expected);
    }

    /// As Kafka counts (`OngoingReassignmentState`).
    #[test]
    fn whom_a_reassignment_adds_is_not_missed() {
        let under_replicated = |replicas, adding, in_sync| {
            let mut standing = Standing::default();
            let (leader, is_offline, is_reassigned) = (BrokerId(1), false, true);
            let min_insync_replicas = 1;
            let facts = Facts {
                leader,
                is_offline,
                replicas,
                adding,
                in_sync,
                min_insync_replicas,
                is_reassigned,
            };
            standing.count(&facts, BrokerId(1));
            (standing.under_replicated, standing.reassigned)
        };
        assert_eq!(under_replicated(3, 2, 1), (0, 1));
        assert_eq!(under_replicated(4, 2, 1), (1, 1));
    }
}
