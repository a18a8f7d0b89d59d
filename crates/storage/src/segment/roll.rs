//! When a new segment begins. Pure.

use model::{Offset, TimestampMs};

use crate::{
    LogOptions,
    index::{OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES},
};

/// What of the active segment decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActiveFacts {
    pub(crate) base: Offset,
    pub(crate) size: u32,
    pub(crate) first_timestamp: Option<TimestampMs>,
    pub(crate) created: TimestampMs,
    pub(crate) index_entries: u32,
    pub(crate) time_entries: u32,
}

/// What of the batch to come decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextBatch {
    pub(crate) size: u32,
    pub(crate) last: Offset,
    pub(crate) max_timestamp: TimestampMs,
}

/// Whether `next` begins a new segment.
pub(crate) fn must_roll(
    active: &ActiveFacts,
    next: &NextBatch,
    options: &LogOptions,
    now: TimestampMs,
) -> bool {
    if active.size == 0 {
        // An empty one may have to go all the same, when the offset is too far from its base.
        return is_too_far(active.base, next.last);
    }
    // Time is that of the records, where they have any; else of the clock.
    let waited = match active.first_timestamp {
        Some(first) if first >= TimestampMs(0) => next.max_timestamp.since(first),
        _ => now.since(active.created),
    };
    u64::from(active.size) + u64::from(next.size) > u64::from(options.segment_bytes)
        || waited > options.segment_ms
        || active.index_entries >= options.index_bytes_max / OFFSET_ENTRY_BYTES
        || active.time_entries >= options.index_bytes_max / TIME_ENTRY_BYTES
        || is_too_far(active.base, next.last)
}

/// Indexes hold offsets relative to the base in 31 bits.
fn is_too_far(base: Offset, last: Offset) -> bool {
    i32::try_from(last.since(base)).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_reasons_to_roll_hold() {
        let options = LogOptions {
            segment_bytes: 1000,
            segment_ms: 100,
            index_bytes_max: 24,
            ..LogOptions::default()
        };
        let active = ActiveFacts {
            base: Offset(10),
            size: 900,
            first_timestamp: Some(TimestampMs(500)),
            created: TimestampMs(0),
            index_entries: 0,
            time_entries: 0,
        };
        let next = NextBatch { size: 100, last: Offset(20), max_timestamp: TimestampMs(600) };
        let far = Offset(10 + (1 << 31));
        #[rustfmt::skip]
        let table = [
            ("fits", active, next, false),
            ("size", active, NextBatch { size: 101, ..next }, true),
            ("time of records", active, NextBatch { max_timestamp: TimestampMs(601), ..next }, true),
            ("clock", ActiveFacts { first_timestamp: Some(TimestampMs(-1)), ..active }, next, true),
            ("young", ActiveFacts { first_timestamp: None, created: TimestampMs(900), ..active }, next, false),
            ("index", ActiveFacts { index_entries: 3, ..active }, next, true),
            ("time index", ActiveFacts { time_entries: 2, ..active }, next, true),
            ("offset", active, NextBatch { last: far, ..next }, true),
            ("empty", ActiveFacts { size: 0, ..active }, NextBatch { size: 5000, ..next }, false),
            ("empty, offset", ActiveFacts { size: 0, ..active }, NextBatch { last: far, ..next }, true),
        ];
        for (name, active, next, expected) in table {
            assert_eq!(must_roll(&active, &next, &options, TimestampMs(1000)), expected, "{name}");
        }
    }
}
