//! What of a log is worth cleaning. Pure.

use model::{Offset, TimestampMs};

use crate::LogOptions;

/// What of a segment decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentFacts {
    pub(crate) base: Offset,
    /// The base of the next segment, or the end of the log.
    pub(crate) next: Offset,
    pub(crate) size: u32,
    pub(crate) newest: TimestampMs,
    /// The largest timestamp of the first batch.
    pub(crate) oldest: TimestampMs,
}

/// The offsets whose keys decide what goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dirty {
    pub(crate) from: Offset,
    pub(crate) to: Offset,
}

/// The dirty part of a log that was cleaned up to `cleaned`, if there is enough of it. The last of `segments` is active.
pub(crate) fn dirty(
    segments: &[SegmentFacts],
    cleaned: Offset,
    last_stable: Offset,
    options: &LogOptions,
    now: TimestampMs,
) -> Option<Dirty> {
    let (active, sealed) = segments.split_last()?;
    let from = cleaned.max(segments.first()?.base);
    let too_young = sealed.iter().find(|segment| {
        options.min_compaction_lag_ms > 0
            && segment.next > from
            && now.since(segment.newest) < options.min_compaction_lag_ms
    });
    let to = last_stable.min(active.base).min(too_young.map_or(active.base, |young| young.base));
    if from >= to {
        return None;
    }
    let bytes = |wanted: &dyn Fn(&SegmentFacts) -> bool| -> u64 {
        sealed.iter().filter(|one| wanted(one)).map(|one| u64::from(one.size)).sum()
    };
    let clean_bytes = bytes(&|one| one.next <= from);
    let dirty_bytes = bytes(&|one| one.next > from && one.base < to);
    if dirty_bytes == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let ratio = dirty_bytes as f64 / (clean_bytes + dirty_bytes) as f64;
    let is_overdue = sealed.iter().any(|one| {
        one.next > from && one.base < to && now.since(one.oldest) > options.max_compaction_lag_ms
    });
    (ratio >= options.min_cleanable_dirty_ratio || is_overdue).then_some(Dirty { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_reasons_to_clean_hold() {
        let segment = |number: i64| SegmentFacts {
            base: Offset(number * 10),
            next: Offset(number * 10 + 10),
            size: 100,
            newest: TimestampMs(100 * number + 50),
            oldest: TimestampMs(100 * number),
        };
        let four: Vec<_> = (0..4).map(segment).collect();
        let plain = LogOptions { compact: true, ..LogOptions::default() };
        let lag = LogOptions { min_compaction_lag_ms: 200, ..plain.clone() };
        let overdue = LogOptions { max_compaction_lag_ms: 200, ..plain.clone() };
        let range = |from, to| Some(Dirty { from: Offset(from), to: Offset(to) });
        #[rustfmt::skip]
        let table = [
            ("never cleaned", 0, 99, &plain, range(0, 30)),
            ("half is clean", 10, 99, &plain, range(10, 30)),
            ("most is clean", 20, 99, &plain, None),
            ("all is clean", 30, 99, &plain, None),
            ("up to the last stable offset", 0, 15, &plain, range(0, 15)),
            ("young ones stay", 0, 99, &lag, range(0, 20)),
            ("all too young", 20, 99, &lag, None),
            ("overdue", 20, 99, &overdue, range(20, 30)),
            ("not overdue", 30, 99, &overdue, None),
        ];
        for (name, cleaned, stable, options, expected) in table {
            let found = dirty(&four, Offset(cleaned), Offset(stable), options, TimestampMs(410));
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(dirty(&four[..1], Offset(0), Offset(9), &plain, TimestampMs(0)), None);
    }
}
