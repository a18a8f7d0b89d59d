//! What became of every offset that was consumed. The five add up to the offsets, always.

use serde::{Deserialize, Serialize};

/// Offsets by what became of them; each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Rows that entered a window, or went on to the sink where there is none.
    pub used: u64,
    /// Rows that a WHERE turned away.
    pub filtered: u64,
    /// Rows whose window had closed before they came.
    pub late: u64,
    /// Records that could not be decoded or computed, or had no row time.
    pub bad: u64,
    /// Offsets without a row: control records, aborted transactions, what compaction removed, null values.
    pub skipped: u64,
}

impl Counters {
    /// All of them: the offsets consumed.
    #[must_use]
    pub const fn total(&self) -> u64 {
        // Saturates: a damaged snapshot may say anything.
        self.used
            .saturating_add(self.filtered)
            .saturating_add(self.late)
            .saturating_add(self.bad)
            .saturating_add(self.skipped)
    }

    /// Adds what `other` counts.
    pub const fn add(&mut self, other: &Self) {
        self.used = self.used.saturating_add(other.used);
        self.filtered = self.filtered.saturating_add(other.filtered);
        self.late = self.late.saturating_add(other.late);
        self.bad = self.bad.saturating_add(other.bad);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}
