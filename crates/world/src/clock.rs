//! Time, asked for and never taken: a monotonic instant for deadlines, wall time for records.

use std::time::Duration;

use model::TimestampMs;

/// A moment on a clock that never goes back, in nanoseconds since that clock began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// The moment `later` after this one.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(later.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this moment is; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// Now, for deadlines.
    fn now(&self) -> Instant;
    /// Now, for timestamps.
    fn wall(&self) -> TimestampMs;
}
