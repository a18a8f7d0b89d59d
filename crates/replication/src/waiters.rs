//! Who waits on a partition, as data: for which offset, of which kind.
//!
//! Told: a new watermark or last stable offset. Answers: who is to be woken; the caller wakes them once the partition's lock is free.
//! Who has gone away (its [`Waiter`] dropped) is swept out when the list has doubled since the last sweep, so that parking costs constant time
//! and a partition on which nothing happens keeps no crowd of the dead.

use std::sync::{Arc, Weak};

use model::{Isolation, Offset};

use crate::Waiter;

/// Those parked on one partition.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    parked: Vec<Parked>,
    /// The list's length at which the dead are swept out.
    sweep_at: usize,
}

#[derive(Debug)]
struct Parked {
    edge: Edge,
    waiter: Weak<Waiter>,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// That the end of what `isolation` may read passes the offset.
    ReadablePast(Offset, Isolation),
    /// That everything before the offset is replicated.
    ReplicatedUntil(Offset),
}

impl Edge {
    pub(crate) fn is_passed(self, high_watermark: Offset, last_stable: Offset) -> bool {
        match self {
            Self::ReadablePast(past, Isolation::ReadUncommitted) => high_watermark > past,
            Self::ReadablePast(past, Isolation::ReadCommitted) => last_stable > past,
            Self::ReplicatedUntil(until) => high_watermark >= until,
        }
    }
}

impl Waiters {
    const SWEEP_AT_LEAST: usize = 8;

    pub(crate) fn park(&mut self, edge: Edge, waiter: &Arc<Waiter>) {
        if self.parked.len() >= self.sweep_at.max(Self::SWEEP_AT_LEAST) {
            self.parked.retain(|parked| parked.waiter.strong_count() > 0);
            self.parked.shrink_to(2 * self.parked.len());
            self.sweep_at = 2 * self.parked.len();
        }
        self.parked.push(Parked { edge, waiter: Arc::downgrade(waiter) });
    }

    /// Takes out those whose edge is passed.
    pub(crate) fn passed(
        &mut self,
        high_watermark: Offset,
        last_stable: Offset,
    ) -> Vec<Arc<Waiter>> {
        if self.parked.is_empty() {
            return Vec::new();
        }
        self.take(|edge| edge.is_passed(high_watermark, last_stable))
    }

    /// Takes out everyone: the role is lost, or the partition gone.
    pub(crate) fn all(&mut self) -> Vec<Arc<Waiter>> {
        self.take(|_| true)
    }

    fn take(&mut self, is_taken: impl Fn(Edge) -> bool) -> Vec<Arc<Waiter>> {
        let mut taken = Vec::new();
        self.parked.retain(|parked| {
            if !is_taken(parked.edge) {
                return true;
            }
            taken.extend(parked.waiter.upgrade());
            false
        });
        taken
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.parked.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_gone_away_is_swept_out() {
        let mut waiters = Waiters::default();
        let stays = Waiter::new();
        waiters.park(Edge::ReplicatedUntil(Offset(9)), &stays);
        for _ in 0..1000 {
            waiters.park(Edge::ReplicatedUntil(Offset(9)), &Waiter::new());
        }
        assert!(waiters.count() <= Waiters::SWEEP_AT_LEAST);
        assert_eq!(waiters.passed(Offset(9), Offset(9)).len(), 1);
    }

    #[test]
    fn edges_are_sharp() {
        let past = |isolation| Edge::ReadablePast(Offset(5), isolation);
        assert!(!past(Isolation::ReadUncommitted).is_passed(Offset(5), Offset(5)));
        assert!(past(Isolation::ReadUncommitted).is_passed(Offset(6), Offset(5)));
        assert!(!past(Isolation::ReadCommitted).is_passed(Offset(6), Offset(5)));
        assert!(past(Isolation::ReadCommitted).is_passed(Offset(6), Offset(6)));
        assert!(!Edge::ReplicatedUntil(Offset(5)).is_passed(Offset(4), Offset(4)));
        assert!(Edge::ReplicatedUntil(Offset(5)).is_passed(Offset(5), Offset(4)));
    }
}
