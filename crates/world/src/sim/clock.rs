//! A clock that stands still until it is moved.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use model::TimestampMs;

use crate::{Clock, Instant};

/// A settable clock; clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct SimClock(Arc<Hands>);

#[derive(Debug, Default)]
struct Hands {
    nanoseconds: AtomicU64,
    wall_ms: AtomicI64,
}

impl SimClock {
    /// A clock at its beginning, with this wall time.
    #[must_use]
    pub fn new(wall: TimestampMs) -> Self {
        let clock = Self::default();
        clock.set_wall(wall);
        clock
    }

    /// Lets `time` pass, on both hands.
    pub fn advance(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let before = self.0.nanoseconds.fetch_add(nanoseconds, Ordering::SeqCst);
        // Whole milliseconds of the sum, so that many small steps are one large one.
        let passed = before.saturating_add(nanoseconds) / 1_000_000 - before / 1_000_000;
        self.0.wall_ms.fetch_add(i64::try_from(passed).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets the wall time alone, as an operator may, also back.
    pub fn set_wall(&self, wall: TimestampMs) {
        self.0.wall_ms.store(wall.0, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        Instant(self.0.nanoseconds.load(Ordering::SeqCst))
    }

    fn wall(&self) -> TimestampMs {
        TimestampMs(self.0.wall_ms.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_hands_move_together_and_wall_time_alone_can_be_set() {
        let clock = SimClock::new(TimestampMs(1_000));
        for _ in 0..4 {
            clock.clone().advance(Duration::from_micros(500));
        }
        assert_eq!(clock.now(), Instant(2_000_000));
        assert_eq!(clock.wall(), TimestampMs(1_002));
        clock.set_wall(TimestampMs(5));
        assert_eq!((clock.now(), clock.wall()), (Instant(2_000_000), TimestampMs(5)));
    }
}
