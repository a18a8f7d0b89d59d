//! Times to offsets.
//!
//! ```text
//! timestamp i64 │ relative offset u32     12 bytes; the largest timestamp so far, and the last offset of the batch that has it
//! ```

use model::{Offset, TimestampMs};

use super::entries::Entries;
use crate::{StorageError, home::Home, segment::name::Kind};

/// The time index of a segment: both columns only grow.
#[derive(Debug)]
pub(crate) struct TimeIndex {
    base: Offset,
    pub(crate) entries: Entries<12>,
    /// The newest timestamp in it, once it has been looked at: no older one goes in.
    newest: Option<TimestampMs>,
}

/// One entry: a timestamp, and the last offset of the first batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeEntry {
    pub(crate) timestamp: TimestampMs,
    pub(crate) offset: Offset,
}

/// Bytes of an entry.
pub(crate) const TIME_ENTRY_BYTES: u32 = 12;

impl TimeIndex {
    /// That of the segment at `base`, whose file has `size_bytes`.
    pub(crate) fn new(base: Offset, size_bytes: u64) -> Self {
        let newest = (size_bytes < 12).then_some(TimestampMs::NONE);
        Self { base, entries: Entries::new(Kind::TimeIndex, base, size_bytes), newest }
    }

    /// Makes sure that the next [`push`](Self::push) need not touch the disk.
    pub(crate) fn prepare(&mut self, home: &Home, count: usize) -> Result<(), StorageError> {
        if self.newest.is_none() {
            let last = self.last(home)?;
            self.newest = Some(last.map_or(TimestampMs::NONE, |last| last.timestamp));
        }
        self.entries.make_room(home, count)
    }

    /// Notes that `entry.timestamp` is the largest so far, if it is larger than what was noted before.
    pub(crate) fn push(&mut self, entry: TimeEntry) {
        let newest = self.newest.expect("the caller prepares first");
        if entry.timestamp > newest {
            self.entries.push(encode(self.base, entry));
            self.newest = Some(entry.timestamp);
        }
    }

    pub(crate) fn last(&self, home: &Home) -> Result<Option<TimeEntry>, StorageError> {
        Ok(self.entries.last(home)?.map(|entry| self.decode(&entry)))
    }

    /// The last entry with a timestamp below `target`: no batch up to its offset reaches `target`.
    pub(crate) fn below(
        &self,
        home: &Home,
        target: TimestampMs,
    ) -> Result<Option<TimeEntry>, StorageError> {
        let count =
            self.entries.partition_point(home, |entry| self.decode(entry).timestamp < target)?;
        match count {
            0 => Ok(None),
            count => Ok(self.entries.get(home, count - 1)?.map(|entry| self.decode(&entry))),
        }
    }

    /// Drops what is noted of offsets at or after `offset`.
    pub(crate) fn truncate(&mut self, home: &Home, offset: Offset) -> Result<(), StorageError> {
        let kept =
            self.entries.partition_point(home, |entry| self.decode(entry).offset < offset)?;
        self.entries.truncate(home, kept)?;
        self.newest = None;
        Ok(())
    }

    /// Whether timestamps grow and offsets do not shrink, as far as is on disk.
    pub(crate) fn is_sorted(&self, home: &Home) -> Result<bool, StorageError> {
        self.entries.is_sorted(home, |earlier, later| {
            let (earlier, later) = (self.decode(earlier), self.decode(later));
            earlier.timestamp < later.timestamp && earlier.offset <= later.offset
        })
    }

    fn decode(&self, entry: &[u8; 12]) -> TimeEntry {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *entry;
        TimeEntry {
            timestamp: TimestampMs(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
            offset: self.base.plus(i64::from(u32::from_be_bytes([i, j, k, l]))),
        }
    }
}

/// An entry of the segment at `base`.
pub(crate) fn encode(base: Offset, entry: TimeEntry) -> [u8; 12] {
    let relative = u32::try_from(entry.offset.since(base)).expect("a segment rolls before that");
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&entry.timestamp.0.to_be_bytes());
    bytes[8..].copy_from_slice(&relative.to_be_bytes());
    bytes
}
