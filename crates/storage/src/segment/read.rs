//! Finding batches in a segment: by the index to somewhere before, then by headers.

use model::{Offset, TimestampMs};
use records::{Batch, RecordsError};

use super::{
    Segment,
    head::Head,
    name::Kind,
    scan::{Found, HEADERS_BYTES, Scan},
};
use crate::{StorageError, home::Home};

/// Over so many bytes a walk costs no more than the index.
const NEAR_BYTES: u32 = 32 << 10;

/// A batch in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) position: u32,
    pub(crate) head: Head,
}

/// Where a read from a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadEnd {
    pub(crate) position: u32,
    /// The batch there; none at the end of the segment.
    pub(crate) after: Option<Head>,
}

impl Segment {
    /// The first batch that ends at or after `offset`.
    pub(crate) fn locate(
        &self,
        home: &Home,
        offset: Offset,
    ) -> Result<Option<Located>, StorageError> {
        let from = self.index.floor(home, offset)?.map_or(0, |place| place.position);
        self.first_from(home, from, |head| head.last >= offset)
    }

    /// The end of the last whole batch that ends within `limit`, at or after `from`, where a batch begins.
    pub(crate) fn end_within(
        &self,
        home: &Home,
        from: u32,
        limit: u32,
    ) -> Result<ReadEnd, StorageError> {
        if limit >= self.size {
            return Ok(ReadEnd { position: self.size, after: None });
        }
        let near = if limit.saturating_sub(from) <= NEAR_BYTES {
            from
        } else {
            self.index.floor_position(home, limit)?.map_or(0, |place| place.position)
        };
        let mut position = near.max(from);
        let found = self.first_from(home, position, |head| {
            position += head.size;
            position > limit
        })?;
        Ok(match found {
            Some(located) => ReadEnd { position: located.position, after: Some(located.head) },
            None => ReadEnd { position: self.size, after: None },
        })
    }

    /// The first batch with a record at or after both `offset` and `time`.
    pub(crate) fn first_at_time(
        &self,
        home: &Home,
        offset: Offset,
        time: TimestampMs,
    ) -> Result<Option<Located>, StorageError> {
        let passed = self.times.below(home, time)?.map_or(offset, |entry| entry.offset.max(offset));
        let from = self.index.floor(home, passed)?.map_or(0, |place| place.position);
        self.first_from(home, from, |head| head.last >= offset && head.max_timestamp >= time)
    }

    /// The largest timestamp of the first batch.
    pub(crate) fn first_timestamp(
        &mut self,
        home: &Home,
    ) -> Result<Option<TimestampMs>, StorageError> {
        if self.first_timestamp.is_none() && self.size > 0 {
            let first = self.first_from(home, 0, |_| true)?;
            self.first_timestamp = first.map(|located| located.head.max_timestamp);
        }
        Ok(self.first_timestamp)
    }

    /// The bytes of a batch.
    pub(crate) fn batch(&self, home: &Home, located: &Located) -> Result<Vec<u8>, StorageError> {
        let mut bytes = vec![0; located.head.size as usize];
        self.file(home)?
            .read_exact_at(&mut bytes, u64::from(located.position))
            .map_err(|error| self.failed(home, "read", error))?;
        Ok(bytes)
    }

    /// The first record of a batch that `wanted` takes, by offset and time.
    pub(crate) fn record_in(
        &self,
        home: &Home,
        located: &Located,
        wanted: impl Fn(Offset, TimestampMs) -> bool,
    ) -> Result<Option<(Offset, TimestampMs)>, StorageError> {
        let bytes = self.batch(home, located)?;
        let unreadable = |error: RecordsError| {
            StorageError::corrupt(&home.path(self.base, Kind::Log), error.to_string())
        };
        let mut scratch = Vec::new();
        let batch = Batch::parse(&bytes).map_err(unreadable)?;
        for record in batch.records(&mut scratch).map_err(unreadable)? {
            let record = record.map_err(unreadable)?;
            if wanted(record.offset, record.timestamp) {
                return Ok(Some((record.offset, record.timestamp)));
            }
        }
        Ok(None)
    }

    /// The first batch from `position` that `wanted` takes.
    pub(crate) fn first_from(
        &self,
        home: &Home,
        position: u32,
        mut wanted: impl FnMut(&Head) -> bool,
    ) -> Result<Option<Located>, StorageError> {
        if position >= self.size {
            return Ok(None);
        }
        let file = self.file(home)?;
        let mut scan = Scan::new(&*file, u64::from(position), u64::from(self.size), HEADERS_BYTES);
        loop {
            match scan.next().map_err(|error| self.failed(home, "read", error))? {
                Found::Batch(position, head) if wanted(&head) => {
                    let position = u32::try_from(position).expect("it lies below the size");
                    return Ok(Some(Located { position, head }));
                }
                Found::Batch(..) => {}
                Found::End => return Ok(None),
                Found::Torn => {
                    let path = home.path(self.base, Kind::Log);
                    return Err(StorageError::corrupt(&path, "no batch where one must begin"));
                }
            }
        }
    }
}
