//! Offsets to positions.
//!
//! ```text
//! relative offset u32 │ position u32      8 bytes; the last offset of a batch, less the segment's base, and where it begins
//! ```

use model::Offset;

use super::entries::Entries;
use crate::{StorageError, home::Home, segment::name::Kind};

/// The offset index of a segment: both columns only grow.
#[derive(Debug)]
pub(crate) struct OffsetIndex {
    base: Offset,
    pub(crate) entries: Entries<8>,
}

/// One entry: the last offset of a batch, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: Offset,
    pub(crate) position: u32,
}

/// Bytes of an entry.
pub(crate) const OFFSET_ENTRY_BYTES: u32 = 8;

impl OffsetIndex {
    /// That of the segment at `base`, whose file has `size_bytes`.
    pub(crate) fn new(base: Offset, size_bytes: u64) -> Self {
        Self { base, entries: Entries::new(Kind::Index, base, size_bytes) }
    }

    /// Notes where a batch begins.
    pub(crate) fn push(&mut self, place: Place) {
        self.entries.push(encode(self.base, place));
    }

    /// The last batch noted that ends at or before `offset`.
    pub(crate) fn floor(&self, home: &Home, offset: Offset) -> Result<Option<Place>, StorageError> {
        let count =
            self.entries.partition_point(home, |entry| self.decode(entry).offset <= offset)?;
        self.before(home, count)
    }

    /// The last batch noted that begins at or before `position`.
    pub(crate) fn floor_position(
        &self,
        home: &Home,
        position: u32,
    ) -> Result<Option<Place>, StorageError> {
        let count =
            self.entries.partition_point(home, |entry| self.decode(entry).position <= position)?;
        self.before(home, count)
    }

    pub(crate) fn last(&self, home: &Home) -> Result<Option<Place>, StorageError> {
        Ok(self.entries.last(home)?.map(|entry| self.decode(&entry)))
    }

    /// Drops what is noted of batches at or after `position`.
    pub(crate) fn truncate(&mut self, home: &Home, position: u32) -> Result<(), StorageError> {
        let kept =
            self.entries.partition_point(home, |entry| self.decode(entry).position < position)?;
        self.entries.truncate(home, kept)
    }

    /// Whether both columns grow, as far as is on disk.
    pub(crate) fn is_sorted(&self, home: &Home) -> Result<bool, StorageError> {
        self.entries.is_sorted(home, |earlier, later| {
            let (earlier, later) = (self.decode(earlier), self.decode(later));
            earlier.offset < later.offset && earlier.position < later.position
        })
    }

    fn before(&self, home: &Home, count: u32) -> Result<Option<Place>, StorageError> {
        match count {
            0 => Ok(None),
            count => Ok(self.entries.get(home, count - 1)?.map(|entry| self.decode(&entry))),
        }
    }

    fn decode(&self, entry: &[u8; 8]) -> Place {
        let [a, b, c, d, e, f, g, h] = *entry;
        Place {
            offset: self.base.plus(i64::from(u32::from_be_bytes([a, b, c, d]))),
            position: u32::from_be_bytes([e, f, g, h]),
        }
    }
}

/// An entry of the segment at `base`.
pub(crate) fn encode(base: Offset, place: Place) -> [u8; 8] {
    let relative = u32::try_from(place.offset.since(base)).expect("a segment rolls before that");
    let [a, b, c, d] = relative.to_be_bytes();
    let [e, f, g, h] = place.position.to_be_bytes();
    [a, b, c, d, e, f, g, h]
}
