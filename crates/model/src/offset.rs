//! A position in a partition's log: the number of a record, counted from zero since the log began.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a record in its partition. Negative values never name a record.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Offset(pub i64);

impl Offset {
    /// The first offset of every log.
    pub const ZERO: Self = Self(0);
    /// What Kafka answers where there is no offset.
    pub const NONE: Self = Self(-1);

    /// The offset `records` later. Saturates: a log that long does not exist.
    #[must_use]
    pub const fn plus(self, records: i64) -> Self {
        Self(self.0.saturating_add(records))
    }

    /// How many records lie in `earlier..self`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
