//! Which segments go, and why. The decision is pure; [`Log::enforce_retention`] carries it out.

use model::{Offset, TimestampMs};

use crate::{Log, LogOptions, StorageError};

/// What of a segment decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentFacts {
    /// The base of the next segment, or the end of the log.
    pub(crate) next: Offset,
    pub(crate) size: u32,
    /// Of its records, or if they have none, when it was made.
    pub(crate) newest: TimestampMs,
    pub(crate) is_active: bool,
}

/// What of the log decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogFacts {
    pub(crate) start: Offset,
    pub(crate) high_watermark: Offset,
}

/// How many segments at the front may go: the first that may not keeps all after it.
pub(crate) fn deletable(
    segments: &[SegmentFacts],
    log: &LogFacts,
    options: &LogOptions,
    now: TimestampMs,
) -> usize {
    let mut bytes: u64 = segments.iter().map(|segment| u64::from(segment.size)).sum();
    let mut count = 0;
    for segment in segments {
        let is_empty_active = segment.is_active && segment.size == 0;
        if segment.next > log.high_watermark || is_empty_active {
            break;
        }
        let is_old = options.delete
            && options.retention_ms >= 0
            && now.since(segment.newest) > options.retention_ms;
        let is_too_much = options.delete
            && u64::try_from(options.retention_bytes)
                .is_ok_and(|kept| bytes - u64::from(segment.size) >= kept && bytes > kept);
        let is_below_start = !segment.is_active && segment.next <= log.start;
        if !(is_old || is_too_much || is_below_start) {
            break;
        }
        bytes -= u64::from(segment.size);
        count += 1;
    }
    count
}

impl Log {
    /// Deletes the segments that `retention.ms`, `retention.bytes` and the start of the log let go, none above
    /// `high_watermark`; says how many.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn enforce_retention(
        &mut self,
        now: TimestampMs,
        high_watermark: Offset,
    ) -> Result<usize, StorageError> {
        self.home.shared.check()?;
        self.note_now(now);
        self.producers.expire(now, self.options.producer_id_expiration_ms);
        let active = self.segments.len() - 1;
        let mut facts = Vec::with_capacity(self.segments.len());
        for (number, segment) in self.segments.iter().enumerate() {
            let newest = if segment.size == 0 { None } else { segment.newest(&self.home)? };
            facts.push(SegmentFacts {
                next: self.segment_end(number),
                size: segment.size,
                newest: newest.map_or(segment.created, |newest| newest.timestamp),
                is_active: number == active,
            });
        }
        let log = LogFacts { start: self.start, high_watermark };
        let count = deletable(&facts, &log, &self.options, now);
        if count == 0 {
            return Ok(0);
        }
        if count > active {
            self.roll(self.end, now)?;
            // An empty segment is what the end of the log is known by after a restart.
            self.active().file(&self.home)?;
        }
        self.delete_front(count)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(sizes_and_times: &[(u32, i64)]) -> Vec<SegmentFacts> {
        let last = sizes_and_times.len() - 1;
        let facts = |(number, (size, newest)): (usize, &(u32, i64))| SegmentFacts {
            next: Offset(10 * (i64::try_from(number).unwrap() + 1)),
            size: *size,
            newest: TimestampMs(*newest),
            is_active: number == last,
        };
        sizes_and_times.iter().enumerate().map(facts).collect()
    }

    #[test]
    fn kafkas_reasons_to_delete_hold() {
        let log = LogFacts { start: Offset(0), high_watermark: Offset(40) };
        let none = LogOptions { retention_ms: -1, retention_bytes: -1, ..LogOptions::default() };
        let by_time = LogOptions { retention_ms: 100, ..none.clone() };
        let by_size = |kept| LogOptions { retention_bytes: kept, ..none.clone() };
        let compact = LogOptions { delete: false, compact: true, ..by_time.clone() };
        let four = segments(&[(100, 850), (100, 899), (100, 900), (100, 5000)]);
        let old = segments(&[(100, 1), (100, 1), (100, 1), (100, 1)]);
        let empty = segments(&[(100, 1), (0, 1)]);
        #[rustfmt::skip]
        let table = [
            ("nothing asked", &four, log, &none, 0),
            ("time", &four, log, &by_time, 2),
            ("all of it", &old, log, &by_time, 4),
            ("an empty active one stays", &empty, log, &by_time, 1),
            ("not above the high watermark", &old, LogFacts { high_watermark: Offset(29), ..log }, &by_time, 2),
            ("compact alone keeps", &old, log, &compact, 0),
            ("size", &four, log, &by_size(200), 2),
            ("size, not a byte too few", &four, log, &by_size(250), 1),
            ("size zero", &four, log, &by_size(0), 4),
            ("start", &four, LogFacts { start: Offset(25), ..log }, &none, 2),
            ("start, also compact", &four, LogFacts { start: Offset(20), ..log }, &compact, 2),
            ("start, not the active one", &four, LogFacts { start: Offset(40), ..log }, &none, 3),
        ];
        for (name, segments, log, options, expected) in table {
            assert_eq!(deletable(segments, &log, options, TimestampMs(1000)), expected, "{name}");
        }
    }
}
