//! May this batch of an idempotent producer be appended? Pure.

use model::{Offset, ProducerEpoch};

use super::{Entry, Seen};

/// Whether a batch without a sequence (the group coordinator's) is of the newest epoch known.
pub(crate) fn check_epoch(known: Option<&Entry>, epoch: ProducerEpoch) -> Verdict {
    match known {
        Some(known) if epoch < known.epoch => Verdict::StaleEpoch { current: known.epoch },
        _ => Verdict::Next,
    }
}

/// What of a batch matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequenced {
    pub(crate) epoch: ProducerEpoch,
    pub(crate) first: i32,
    pub(crate) last: i32,
    pub(crate) is_transactional: bool,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is next.
    Next,
    /// It lies in the log already.
    Duplicate(Seen),
    /// Not next; what the last one was (-1: none of this epoch).
    OutOfOrder { last: i32 },
    /// A newer producer has taken its place.
    StaleEpoch { current: ProducerEpoch },
    /// Not transactional in the middle of a transaction.
    InTransaction { since: Offset },
}

/// The verdict on `batch`, given what is known of its producer.
pub(crate) fn check(known: Option<&Entry>, batch: &Sequenced) -> Verdict {
    // Of an unknown producer any start is taken: its earlier batches may have been deleted (KIP-360).
    let Some(known) = known.filter(|_| !model::mutant!("M05")) else { return Verdict::Next };
    if batch.epoch == known.epoch
        && let Some(seen) = known
            .batches()
            .iter()
            .find(|seen| seen.first_sequence() == batch.first && seen.last_sequence == batch.last)
    {
        return Verdict::Duplicate(*seen);
    }
    if batch.epoch < known.epoch {
        return Verdict::StaleEpoch { current: known.epoch };
    }
    let last = if batch.epoch == known.epoch {
        known.last().map_or(-1, |seen| seen.last_sequence)
    } else {
        -1
    };
    // What only a marker made known of a producer without an epoch says nothing.
    let may_start_anywhere = known.epoch == ProducerEpoch::NONE;
    if !may_start_anywhere && !is_next(last, batch.first) {
        return Verdict::OutOfOrder { last };
    }
    match known.transaction_start {
        Some(since) if !batch.is_transactional => Verdict::InTransaction { since },
        _ => Verdict::Next,
    }
}

/// The verdict on a marker: a smaller epoch than known, of the producer or of the coordinator, is a dead one's.
pub(crate) fn check_marker(
    known: Option<&Entry>,
    epoch: ProducerEpoch,
    coordinator_epoch: i32,
) -> Result<(), MarkerRefused> {
    let Some(known) = known else { return Ok(()) };
    if epoch < known.epoch {
        return Err(MarkerRefused::StaleEpoch { current: known.epoch });
    }
    if coordinator_epoch < known.coordinator_epoch {
        return Err(MarkerRefused::CoordinatorFenced { current: known.coordinator_epoch });
    }
    Ok(())
}

/// Why a marker is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkerRefused {
    StaleEpoch { current: ProducerEpoch },
    CoordinatorFenced { current: i32 },
}

fn is_next(last: i32, first: i32) -> bool {
    last.checked_add(1).unwrap_or(0) == first
}

#[cfg(test)]
mod tests {
    use model::TimestampMs;

    use super::*;

    /// Batches as (first sequence, last sequence), each at ten times its first sequence.
    fn known(epoch: i16, batches: &[(i32, i32)]) -> Entry {
        let mut entry = Entry::new(ProducerEpoch(epoch), TimestampMs(0));
        for (first, last) in batches {
            let delta = last.wrapping_sub(*first) & i32::MAX;
            let last_offset = Offset(i64::from(*first) * 10 + i64::from(delta));
            let timestamp = TimestampMs(i64::from(*first));
            entry.add(
                ProducerEpoch(epoch),
                Seen { last_sequence: *last, last_offset, delta, timestamp },
            );
        }
        entry
    }

    fn verdict(known: Option<&Entry>, epoch: i16, first: i32, last: i32) -> Verdict {
        let epoch = ProducerEpoch(epoch);
        check(known, &Sequenced { epoch, first, last, is_transactional: false })
    }

    #[test]
    fn kafkas_table_of_sequences_holds() {
        const MAX: i32 = i32::MAX;
        let six = known(3, &[(0, 1), (2, 2), (3, 5), (6, 6), (7, 9), (10, 10)]);
        let wrapping = known(3, &[(MAX - 1, MAX)]);
        let across = known(3, &[(MAX - 1, 2)]);
        let only_marker = known(3, &[]);
        let duplicate = |entry: &Entry, at: usize| Verdict::Duplicate(entry.batches()[at]);
        let out = |last| Verdict::OutOfOrder { last };
        let stale = Verdict::StaleEpoch { current: ProducerEpoch(3) };
        #[rustfmt::skip]
        let table = [
            // known               epoch first last  verdict
            (None,                 3,    77,   80,   Verdict::Next),
            (Some(&six),           3,    11,   11,   Verdict::Next),
            (Some(&six),           3,    12,   12,   out(10)),
            (Some(&six),           3,    10,   10,   duplicate(&six, 4)),
            (Some(&six),           3,    2,    2,    duplicate(&six, 0)),
            (Some(&six),           3,    0,    1,    out(10)), // the sixth last is forgotten
            (Some(&six),           3,    7,    8,    out(10)), // a part of a batch is no duplicate
            (Some(&six),           2,    11,   11,   stale),
            (Some(&six),           2,    10,   10,   stale),
            (Some(&six),           4,    0,    0,    Verdict::Next),
            (Some(&six),           4,    11,   11,   out(-1)),
            (Some(&wrapping),      3,    0,    3,    Verdict::Next),
            (Some(&wrapping),      3,    MAX-1, MAX, duplicate(&wrapping, 0)),
            (Some(&wrapping),      3,    1,    1,    out(MAX)),
            (Some(&across),        3,    3,    3,    Verdict::Next),
            (Some(&across),        3,    MAX-1, 2,   duplicate(&across, 0)),
            (Some(&only_marker),   3,    0,    0,    Verdict::Next),
            (Some(&only_marker),   3,    5,    5,    out(-1)),
        ];
        for (known, epoch, first, last, expected) in table {
            assert_eq!(verdict(known, epoch, first, last), expected, "{epoch} {first}..={last}");
        }
    }

    #[test]
    fn a_transaction_is_not_interrupted_by_a_plain_batch() {
        let mut entry = known(0, &[(0, 0)]);
        entry.transaction_start = Some(Offset(4));
        assert_eq!(verdict(Some(&entry), 0, 1, 1), Verdict::InTransaction { since: Offset(4) });
    }

    #[test]
    fn markers_of_the_dead_are_refused() {
        let mut entry = known(3, &[]);
        entry.coordinator_epoch = 7;
        let verdict =
            |epoch, coordinator| check_marker(Some(&entry), ProducerEpoch(epoch), coordinator);
        assert_eq!(verdict(3, 7), Ok(()));
        assert_eq!(verdict(4, 8), Ok(()));
        assert_eq!(verdict(2, 8), Err(MarkerRefused::StaleEpoch { current: ProducerEpoch(3) }));
        assert_eq!(verdict(3, 6), Err(MarkerRefused::CoordinatorFenced { current: 7 }));
        assert_eq!(check_marker(None, ProducerEpoch(0), 0), Ok(()));
    }
}
