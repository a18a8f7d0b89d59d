//! Who follows a partition by a [`DirtySet`], and which of its changes each of them is to hear of.
//!
//! Sets are held weakly: dropping one is leaving. Those that were dropped are swept out when something moves, and when the list has doubled.

use std::sync::{Arc, Weak};

use model::{Isolation, Offset};

use crate::{
    DirtySet, Offsets, Waiter,
    dirty_set::{Slot, Urgency},
};

/// As what somebody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// A follower: it reads to the log's end, and is told the high watermark and the log's start by the way.
    Replica,
    /// A consumer.
    Consumer(Isolation),
}

/// Those who follow one partition.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    list: Vec<Subscription>,
    /// The list's length at which the dead are swept out.
    sweep_at: usize,
}

#[derive(Debug)]
struct Subscription {
    set: Weak<DirtySet>,
    slot: Slot,
    interest: Interest,
}

impl Interest {
    /// Where this reader stops.
    #[must_use]
    pub fn readable_end(self, at: &Offsets) -> Offset {
        match self {
            Self::Replica => at.log_end,
            Self::Consumer(Isolation::ReadUncommitted) => at.high_watermark,
            Self::Consumer(Isolation::ReadCommitted) => at.last_stable,
        }
    }

    /// What the step from `before` to `after` is to this reader.
    pub(crate) fn in_step(self, before: &Offsets, after: &Offsets) -> Option<Urgency> {
        if before.leader_epoch != after.leader_epoch {
            return Some(Urgency::Urgent);
        }
        if self.readable_end(before) != self.readable_end(after) {
            return Some(Urgency::Urgent);
        }
        let is_told =
            after.high_watermark != before.high_watermark || after.log_start != before.log_start;
        is_told.then_some(Urgency::CanWait)
    }
}

impl Subscriptions {
    const SWEEP_AT_LEAST: usize = 8;

    /// A set has one slot per partition; a second subscription takes the place of the first.
    pub(crate) fn add(&mut self, set: &Arc<DirtySet>, slot: Slot, interest: Interest) {
        self.remove(set);
        if self.list.len() >= self.sweep_at.max(Self::SWEEP_AT_LEAST) {
            self.list.retain(|each| each.set.strong_count() > 0);
            self.list.shrink_to(2 * self.list.len());
            self.sweep_at = 2 * self.list.len();
        }
        self.list.push(Subscription { set: Arc::downgrade(set), slot, interest });
    }

    pub(crate) fn remove(&mut self, set: &Arc<DirtySet>) {
        self.list.retain(|each| !std::ptr::eq(each.set.as_ptr(), Arc::as_ptr(set)));
    }

    /// The partition has moved; answers who is to be woken.
    pub(crate) fn moved(&mut self, before: &Offsets, after: &Offsets) -> Vec<Arc<Waiter>> {
        if before == after {
            return Vec::new();
        }
        self.mark(|interest| interest.in_step(before, after))
    }

    /// Something else has changed than offsets: everyone is to look again.
    pub(crate) fn all(&mut self, urgency: Urgency) -> Vec<Arc<Waiter>> {
        self.mark(|_| Some(urgency))
    }

    fn mark(&mut self, urgency: impl Fn(Interest) -> Option<Urgency>) -> Vec<Arc<Waiter>> {
        let mut woken = Vec::new();
        self.list.retain(|each| {
            let Some(set) = each.set.upgrade() else { return false };
            if let Some(urgency) = urgency(each.interest) {
                woken.extend(set.mark(each.slot, urgency));
            }
            true
        });
        woken
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }
}

#[cfg(test)]
mod tests {
    use model::LeaderEpoch;

    use super::*;

    fn at(last_stable: i64, high_watermark: i64, log_end: i64) -> Offsets {
        Offsets {
            last_stable: Offset(last_stable),
            high_watermark: Offset(high_watermark),
            log_end: Offset(log_end),
            ..Offsets::default()
        }
    }

    #[test]
    fn each_reader_is_woken_by_what_it_may_read() {
        let (uncommitted, committed) = (
            Interest::Consumer(Isolation::ReadUncommitted),
            Interest::Consumer(Isolation::ReadCommitted),
        );
        let step = |from, to| {
            [Interest::Replica, uncommitted, committed].map(|each| each.in_step(&from, &to))
        };
        let (urgent, can_wait) = (Some(Urgency::Urgent), Some(Urgency::CanWait));
        assert_eq!(step(at(1, 2, 3), at(1, 2, 3)), [None; 3]);
        assert_eq!(step(at(1, 2, 3), at(1, 2, 4)), [urgent, None, None]);
        assert_eq!(step(at(1, 2, 3), at(1, 3, 3)), [can_wait, urgent, can_wait]);
        assert_eq!(step(at(1, 2, 3), at(2, 2, 3)), [None, None, urgent]);
        let trimmed = Offsets { log_start: Offset(1), ..at(1, 2, 3) };
        assert_eq!(step(at(1, 2, 3), trimmed), [can_wait; 3]);
        let next_reign = Offsets { leader_epoch: LeaderEpoch(1), ..at(1, 2, 3) };
        assert_eq!(step(at(1, 2, 3), next_reign), [urgent; 3]);
    }

    #[test]
    fn who_has_gone_away_is_swept_out() {
        let mut subscriptions = Subscriptions::default();
        let stays = DirtySet::new();
        subscriptions.add(&stays, Slot(0), Interest::Replica);
        for _ in 0..1000 {
            subscriptions.add(&DirtySet::new(), Slot(0), Interest::Replica);
        }
        assert!(subscriptions.count() <= Subscriptions::SWEEP_AT_LEAST);
        subscriptions.add(&stays, Slot(7), Interest::Replica);
        let _ = subscriptions.moved(&at(0, 0, 0), &at(0, 0, 1));
        assert_eq!((subscriptions.count(), stays.take()), (1, vec![Slot(7)]));
        subscriptions.remove(&stays);
        assert_eq!(subscriptions.count(), 0);
    }
}
