//! What replication counts: read by whoever shows metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counted since the node started.
#[derive(Debug, Default)]
pub struct ReplicationFigures {
    copied_bytes: AtomicU64,
    truncations: AtomicU64,
    truncations_below_watermark: AtomicU64,
    damages: AtomicU64,
    failed_followers: AtomicU64,
    isr_shrinks: AtomicU64,
    isr_expands: AtomicU64,
    damaged_logs: AtomicU64,
    logs_begun_anew: AtomicU64,
}

impl ReplicationFigures {
    /// Bytes appended by followers here.
    #[must_use]
    pub fn copied_bytes(&self) -> u64 {
        self.copied_bytes.load(Ordering::Relaxed)
    }

    /// How often a follower here has cut its log to its leader's.
    #[must_use]
    pub fn truncations(&self) -> u64 {
        self.truncations.load(Ordering::Relaxed)
    }

    /// How often it went below the high watermark: records that were called replicated are lost, unless their leader has them again.
    #[must_use]
    pub fn truncations_below_watermark(&self) -> u64 {
        self.truncations_below_watermark.load(Ordering::Relaxed)
    }

    /// How often a leader's answer was damaged.
    #[must_use]
    pub fn damages(&self) -> u64 {
        self.damages.load(Ordering::Relaxed)
    }

    /// How many followers have given up.
    #[must_use]
    pub fn failed_followers(&self) -> u64 {
        self.failed_followers.load(Ordering::Relaxed)
    }

    /// How often somebody left the ISR of a partition led here.
    #[must_use]
    pub fn isr_shrinks(&self) -> u64 {
        self.isr_shrinks.load(Ordering::Relaxed)
    }

    /// How often somebody joined the ISR of a partition led here.
    #[must_use]
    pub fn isr_expands(&self) -> u64 {
        self.isr_expands.load(Ordering::Relaxed)
    }

    pub(crate) fn observe_isr(&self, before: usize, after: usize) {
        self.isr_shrinks.fetch_add(u64::from(after < before), Ordering::Relaxed);
        self.isr_expands.fetch_add(u64::from(after > before), Ordering::Relaxed);
    }

    /// How often a log here was found damaged.
    #[must_use]
    pub fn damaged_logs(&self) -> u64 {
        self.damaged_logs.load(Ordering::Relaxed)
    }

    /// How many of them were put aside, to be replicated anew.
    #[must_use]
    pub fn logs_begun_anew(&self) -> u64 {
        self.logs_begun_anew.load(Ordering::Relaxed)
    }

    pub(crate) fn observe_own_damage(&self) {
        self.damaged_logs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn observe_begun_anew(&self) {
        self.logs_begun_anew.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn observe_copied(&self, bytes: usize) {
        self.copied_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn observe_truncation(&self, is_below_watermark: bool) {
        self.truncations.fetch_add(1, Ordering::Relaxed);
        self.truncations_below_watermark
            .fetch_add(u64::from(is_below_watermark), Ordering::Relaxed);
    }

    pub(crate) fn observe_damage(&self, has_failed: bool) {
        self.damages.fetch_add(1, Ordering::Relaxed);
        self.failed_followers.fetch_add(u64::from(has_failed), Ordering::Relaxed);
    }
}
