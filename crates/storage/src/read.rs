//! Reading: from memory what is recent, else a slice of one segment's file.

use model::{Offset, ProducerId, TimestampMs};

use crate::{
    Chunk, FileSlice, Log, Piece, ReadError, StorageError,
    cursors::Cursor,
    index::{TimeEntry, transaction},
    segment::{
        Segment,
        read::{Located, ReadEnd},
    },
};

/// An aborted transaction: a reader of committed records drops what `producer_id` wrote in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose it was.
    pub producer_id: ProducerId,
    /// The offset of its first record.
    pub first_offset: Offset,
    /// The offset of its marker.
    pub last_offset: Offset,
}

impl Log {
    /// Whole batches from the one that holds `from` on, all below `upper`, of at most `bytes_max` bytes; if `at_least_one`,
    /// the first may be larger.
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`] when `from` is not in `start..=end`.
    pub fn read(
        &self,
        from: Offset,
        upper: Offset,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Chunk, ReadError> {
        let (start, end) = (self.start, self.end);
        if from < start || from > end {
            return Err(ReadError::OutOfRange { offset: from, start, end });
        }
        let upper = upper.min(end);
        if from >= upper {
            return Ok(Chunk::empty(from));
        }
        if let Some(chunk) = self.tail.read(from..upper, bytes_max, at_least_one) {
            return Ok(chunk);
        }
        self.trail.on_file_read();
        let bounds = Bounds { from, upper, bytes_max, at_least_one };
        if let Some((number, first)) = self.resume(from)? {
            return Ok(self.slice(number, &first, &bounds)?);
        }
        for number in self.segment_of(from)..self.segments.len() {
            let segment = &self.segments[number];
            if segment.base >= upper {
                break;
            }
            // A segment may end before the next begins: what lay between has been compacted away.
            if let Some(first) = segment.locate(&self.home, from)? {
                return Ok(self.slice(number, &first, &bounds)?);
            }
        }
        Ok(Chunk { next: upper, ..Chunk::empty(from) })
    }

    /// The batch at which a read has ended that this one goes on from.
    fn resume(&self, from: Offset) -> Result<Option<(usize, Located)>, StorageError> {
        let Some(cursor) = self.cursors.find(from) else { return Ok(None) };
        let number = self.segment_of(from);
        let segment = &self.segments[number];
        if segment.base != cursor.base {
            return Ok(None);
        }
        let first = segment.first_from(&self.home, cursor.position, |_| true)?;
        Ok(first.filter(|first| first.head.base == from).map(|first| (number, first)))
    }

    /// The batches of segment `number` from `first` on.
    fn slice(
        &self,
        number: usize,
        first: &Located,
        bounds: &Bounds,
    ) -> Result<Chunk, StorageError> {
        let segment = &self.segments[number];
        let from = first.position;
        let segment_end = self.segment_end(number);
        if first.head.last >= bounds.upper {
            return Ok(Chunk::empty(bounds.from));
        }
        let mut limit = u64::from(from) + bounds.bytes_max as u64;
        if bounds.at_least_one {
            limit = limit.max(u64::from(from) + u64::from(first.head.size));
        }
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let mut end = segment.end_within(&self.home, from, limit)?;
        if bounds.upper < segment_end {
            let located = segment.locate(&self.home, bounds.upper)?;
            if let Some(located) = located
                && located.position < end.position
            {
                end = ReadEnd { position: located.position, after: Some(located.head) };
            }
        }
        let next = end.after.map_or(segment_end, |head| head.base).min(bounds.upper);
        let length = (end.position - from) as usize;
        if length == 0 {
            return Ok(Chunk::empty(bounds.from));
        }
        if end.position < segment.size {
            let (base, position) = (segment.base, end.position);
            self.cursors.leave(Cursor { offset: next, base, position });
        }
        let file = segment.file(&self.home)?;
        let piece = Piece::File(FileSlice { file, position: u64::from(from), length });
        Ok(Chunk { base: first.head.base, next, size_bytes: length, pieces: vec![piece] })
    }

    /// The first record at or after the start of the log whose timestamp is at least `target`, with that timestamp.
    ///
    /// # Errors
    /// When the disk fails, or a batch cannot be read.
    pub fn offset_for_time(
        &self,
        target: TimestampMs,
    ) -> Result<Option<(Offset, TimestampMs)>, StorageError> {
        for (number, segment) in self.segments.iter().enumerate() {
            if self.segment_end(number) <= self.start {
                continue;
            }
            let is_reached =
                segment.newest(&self.home)?.is_some_and(|newest| newest.timestamp >= target);
            if !is_reached {
                continue;
            }
            let mut from = self.start.max(segment.base);
            while let Some(located) = segment.first_at_time(&self.home, from, target)? {
                let found = segment.record_in(&self.home, &located, |offset, timestamp| {
                    offset >= from && timestamp >= target
                })?;
                if found.is_some() {
                    return Ok(found);
                }
                // Its header promised more than its records keep, or the record lies below the start.
                from = located.head.next();
            }
        }
        Ok(None)
    }

    /// The largest timestamp of the log, and the first offset that has it.
    ///
    /// # Errors
    /// When the disk fails, or a batch cannot be read.
    pub fn max_timestamp(&self) -> Result<Option<(Offset, TimestampMs)>, StorageError> {
        let mut newest: Option<(&Segment, TimeEntry)> = None;
        for segment in &self.segments {
            if let Some(entry) = segment.newest(&self.home)?
                && newest.is_none_or(|(_, newest)| entry.timestamp > newest.timestamp)
            {
                newest = Some((segment, entry));
            }
        }
        let Some((segment, entry)) = newest else { return Ok(None) };
        let Some(located) = segment.locate(&self.home, entry.offset)? else { return Ok(None) };
        segment.record_in(&self.home, &located, |_, timestamp| timestamp >= entry.timestamp)
    }

    /// The aborted transactions that a reader of `from..upper` must know of.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn aborted(
        &self,
        from: Offset,
        upper: Offset,
    ) -> Result<Vec<AbortedTransaction>, StorageError> {
        let mut found = Vec::new();
        for segment in &self.segments[self.segment_of(from)..] {
            if segment.aborted_count == 0 || model::mutant!("M21") {
                continue;
            }
            for entry in transaction::read(&self.home, segment.base)? {
                if entry.last >= from && entry.first < upper {
                    found.push(AbortedTransaction {
                        producer_id: entry.producer,
                        first_offset: entry.first,
                        last_offset: entry.last,
                    });
                }
                if entry.last_stable >= upper {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}

struct Bounds {
    from: Offset,
    upper: Offset,
    bytes_max: usize,
    at_least_one: bool,
}
