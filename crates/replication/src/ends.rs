//! Where a partition stands, readable without its lock.
//!
//! ```text
//!    log_start ≤ last_stable ≤ high_watermark ≤ log_end
//! ```
//! Each of the four only grows within a reign. The writer (under the partition's lock) stores the largest first, a reader loads the smallest
//! first: what it sees may be of two moments, but keeps the order.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};

use model::{LeaderEpoch, Offset};

/// Where a partition stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// The first offset that is kept.
    pub log_start: Offset,
    /// Where a reader of committed records stops.
    pub last_stable: Offset,
    /// Where a reader of uncommitted records stops: every in-sync replica has what lies before it.
    pub high_watermark: Offset,
    /// Where the next record goes.
    pub log_end: Offset,
    /// The leader's reign.
    pub leader_epoch: LeaderEpoch,
}

impl Offsets {
    /// Panics if the order is broken: a reader would see records that can still go.
    pub(crate) fn assert_order(&self) {
        assert!(self.log_start <= self.last_stable, "log start within stable records: {self:?}");
        assert!(self.last_stable <= self.high_watermark, "stable means replicated: {self:?}");
        assert!(self.high_watermark <= self.log_end, "replicated means here too: {self:?}");
    }
}

/// The offsets, shared.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    is_known: AtomicBool,
    log_start: AtomicI64,
    last_stable: AtomicI64,
    high_watermark: AtomicI64,
    log_end: AtomicI64,
    leader_epoch: AtomicI32,
}

impl Ends {
    /// Where the partition stands; none before its log is open.
    pub(crate) fn load(&self) -> Option<Offsets> {
        if !self.is_known.load(Ordering::Acquire) {
            return None;
        }
        let log_start = Offset(self.log_start.load(Ordering::Acquire));
        let last_stable = Offset(self.last_stable.load(Ordering::Acquire));
        let high_watermark = Offset(self.high_watermark.load(Ordering::Acquire));
        let log_end = Offset(self.log_end.load(Ordering::Acquire));
        let leader_epoch = LeaderEpoch(self.leader_epoch.load(Ordering::Acquire));
        Some(Offsets { log_start, last_stable, high_watermark, log_end, leader_epoch })
    }

    /// Under the partition's lock only.
    pub(crate) fn store(&self, offsets: &Offsets) {
        offsets.assert_order();
        self.leader_epoch.store(offsets.leader_epoch.0, Ordering::Release);
        self.log_end.store(offsets.log_end.0, Ordering::Release);
        self.high_watermark.store(offsets.high_watermark.0, Ordering::Release);
        self.last_stable.store(offsets.last_stable.0, Ordering::Release);
        self.log_start.store(offsets.log_start.0, Ordering::Release);
        self.is_known.store(true, Ordering::Release);
    }
}
