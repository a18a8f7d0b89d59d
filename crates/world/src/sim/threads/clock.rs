//! A process's clock: the simulation's time, seen with that machine's own error.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use model::TimestampMs;

use crate::{Clock, Instant};

/// Clones are the same clock.
#[derive(Clone, Debug)]
pub struct ProcessClock {
    /// The simulation's nanoseconds.
    pub(super) elapsed: Arc<AtomicU64>,
    /// What wall time was when the simulation began.
    pub(super) began: TimestampMs,
    /// By how much this machine's wall time is wrong.
    pub(super) error_ms: Arc<AtomicI64>,
}

impl ProcessClock {
    /// Sets the wall time's error, as a bad time server may, also back.
    pub fn set_error_ms(&self, error_ms: i64) {
        self.error_ms.store(error_ms, Ordering::Relaxed);
    }
}

impl Clock for ProcessClock {
    fn now(&self) -> Instant {
        Instant(self.elapsed.load(Ordering::Relaxed))
    }

    fn wall(&self) -> TimestampMs {
        let passed_ms = i64::try_from(self.now().0 / 1_000_000).unwrap_or(i64::MAX);
        TimestampMs(self.began.0 + passed_ms + self.error_ms.load(Ordering::Relaxed))
    }
}
