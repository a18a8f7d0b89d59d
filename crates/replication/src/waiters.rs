//! Who waits on a partition, as data: for which offset, of which kind.
//!
//! Told: a new watermark or last stable offset. Answers: who is to be woken; the caller wakes them once the partition's lock is free.
//! Who has gone away (its [`Waiter`] dropped) is swept out when the list has doubled since the last sweep, so that parking costs constant time
//! and a partition on which nothing happens keeps no crowd of the dead.

use std::sync::{Arc, Weak};

use model::{Isolation, Offset};

use crate::{Offsets, Waiter};

/// Those parked on one partition.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    parked: Vec<Parked>,
    /// Those who wait until nothing before an offset is left on any replica that is alive: few, and a partition's offsets do not tell.
    deletions: Vec<(Offset, Weak<Waiter>)>,
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
    pub(crate) fn is_passed(self, at: &Offsets) -> bool {
        match self {
            Self::ReadablePast(past, Isolation::ReadUncommitted) => at.high_watermark > past,
            Self::ReadablePast(past, Isolation::ReadCommitted) => at.last_stable > past,
            Self::ReplicatedUntil(until) => at.high_watermark >= until,
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
    pub(crate) fn passed(&mut self, at: &Offsets) -> Vec<Arc<Waiter>> {
        if self.parked.is_empty() {
            return Vec::new();
        }
        self.take(|edge| edge.is_passed(at))
    }

    /// Parks one who waits until nothing before `until` is left anywhere.
    pub(crate) fn park_deletion(&mut self, until: Offset, waiter: &Arc<Waiter>) {
        self.deletions.retain(|(_, waiter)| waiter.strong_count() > 0);
        self.deletions.push((until, Arc::downgrade(waiter)));
    }

    /// Whether anybody waits for that.
    pub(crate) fn await_deletion(&self) -> bool {
        !self.deletions.is_empty()
    }

    /// Takes out those for whom it is so.
    pub(crate) fn deleted_until(&mut self, low_watermark: Offset) -> Vec<Arc<Waiter>> {
        let taken = self.deletions.extract_if(.., |(until, _)| *until <= low_watermark);
        taken.filter_map(|(_, waiter)| waiter.upgrade()).collect()
    }

    /// Takes out everyone: the role is lost, or the partition gone.
    pub(crate) fn all(&mut self) -> Vec<Arc<Waiter>> {
        let mut all = self.take(|_| true);
        all.extend(self.deletions.drain(..).filter_map(|(_, waiter)| waiter.upgrade()));
        all
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

    fn at(high_watermark: i64, last_stable: i64) -> Offsets {
        Offsets {
            last_stable: Offset(last_stable),
            high_watermark: Offset(high_watermark),
            log_end: Offset(high_watermark),
            ..Offsets::default()
        }
    }

    #[test]
    fn who_has_gone_away_is_swept_out() {
        let mut waiters = Waiters::default();
        let stays = Waiter::new();
        waiters.park(Edge::ReplicatedUntil(Offset(9)), &stays);
        for _ in 0..1000 {
            waiters.park(Edge::ReplicatedUntil(Offset(9)), &Waiter::new());
        }
        assert!(waiters.count() <= Waiters::SWEEP_AT_LEAST);
        assert_eq!(waiters.passed(&at(9, 9)).len(), 1);
    }

    #[test]
    fn edges_are_sharp() {
        let past = |isolation| Edge::ReadablePast(Offset(5), isolation);
        assert!(!past(Isolation::ReadUncommitted).is_passed(&at(5, 5)));
        assert!(past(Isolation::ReadUncommitted).is_passed(&at(6, 5)));
        assert!(!past(Isolation::ReadCommitted).is_passed(&at(6, 5)));
        assert!(past(Isolation::ReadCommitted).is_passed(&at(6, 6)));
        assert!(!Edge::ReplicatedUntil(Offset(5)).is_passed(&at(4, 4)));
        assert!(Edge::ReplicatedUntil(Offset(5)).is_passed(&at(5, 4)));
        let (waiter, mut waiters) = (Waiter::new(), Waiters::default());
        waiters.park_deletion(Offset(5), &waiter);
        assert!(waiters.passed(&at(9, 9)).is_empty() && waiters.await_deletion());
        assert!(waiters.deleted_until(Offset(4)).is_empty());
        assert_eq!(waiters.deleted_until(Offset(5)).len(), 1);
        assert!(!waiters.await_deletion());
    }
}
