//! The records of one batch, one after another.

use model::{Offset, TimestampMs};

use crate::{
    Batch, Record, RecordsError, TimestampType,
    record::{Headers, RawRecord},
};

/// Walks the records of a batch. Ends after the first error; bytes that are left over after the last record are one.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    left: u32,
    base_offset: Offset,
    base_timestamp: TimestampMs,
    /// The one timestamp of all records, where the broker set it.
    append_time: Option<TimestampMs>,
}

impl<'a> Records<'a> {
    /// The records in `body`, which is what `batch` holds, inflated.
    pub(crate) fn new(batch: &Batch<'_>, body: &'a [u8]) -> Self {
        let append_time = match batch.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(batch.max_timestamp()),
        };
        Self {
            rest: body,
            left: u32::try_from(batch.record_count()).unwrap_or(0),
            base_offset: batch.base_offset(),
            base_timestamp: batch.base_timestamp(),
            append_time,
        }
    }

    /// How many are still to come, as the header claims.
    #[must_use]
    pub fn len_left(&self) -> usize {
        usize::try_from(self.left).unwrap_or(usize::MAX)
    }

    #[inline]
    pub(crate) fn next_raw(&mut self) -> Option<Result<RawRecord<'a>, RecordsError>> {
        let Some(left) = self.left.checked_sub(1) else {
            if self.rest.is_empty() {
                return None;
            }
            self.rest = &[];
            return Some(Err(RecordsError::Record("bytes are left after the last record")));
        };
        self.left = left;
        let raw = RawRecord::read(&mut self.rest);
        if raw.is_err() {
            self.stop();
        }
        Some(raw)
    }

    #[inline]
    pub(crate) fn timestamp(&self, raw: &RawRecord<'_>) -> TimestampMs {
        // Wraps as Java's long does: a hostile delta must not panic.
        let created = TimestampMs(self.base_timestamp.0.wrapping_add(raw.timestamp_delta));
        self.append_time.unwrap_or(created)
    }

    const fn stop(&mut self) {
        self.left = 0;
        self.rest = &[];
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordsError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let raw = match self.next_raw()? {
            Ok(raw) => raw,
            Err(error) => return Some(Err(error)),
        };
        if !raw.headers.is_empty()
            && let Err(error) = Headers::check(&raw.headers)
        {
            self.stop();
            return Some(Err(error));
        }
        Some(Ok(Record {
            offset: self.base_offset.plus(i64::from(raw.offset_delta)),
            timestamp: self.timestamp(&raw),
            key: raw.key,
            value: raw.value,
            headers: raw.headers,
        }))
    }
}

impl std::iter::FusedIterator for Records<'_> {}
