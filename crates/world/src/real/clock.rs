//! The operating system's clocks. The only place that asks them.

use std::time::{self, SystemTime, UNIX_EPOCH};

use model::TimestampMs;

use crate::{Clock, Instant};

/// Monotonic time since this clock was made; wall time as the system has it.
#[derive(Clone, Debug)]
pub struct SystemClock {
    began: time::Instant,
}

impl SystemClock {
    /// A clock that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { began: time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::default().plus(self.began.elapsed())
    }

    fn wall(&self) -> TimestampMs {
        // A machine set before 1970 is at its beginning.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        TimestampMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_go_back() {
        let clock = SystemClock::new();
        let earlier = clock.now();
        assert!(clock.now() >= earlier);
        assert!(clock.wall() > TimestampMs(1_600_000_000_000));
    }
}
