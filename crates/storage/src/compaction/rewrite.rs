//! One batch through the cleaner: what of it stays.
//!
//! Offsets never change: a batch keeps its base and its last offset, however few records are left. A batch that must be
//! remembered is kept even without records: the last of a producer (its sequence goes on from there), and the last of a
//! segment (the offsets of the log go on from there).

use bytes::BytesMut;
use model::{Offset, TimestampMs};
use records::{Batch, BatchBuilder, Record, RecordsError, TimestampType, stamp};

use super::key_map::KeyMap;

/// What decides over all batches of a round.
pub(crate) struct Rules<'a> {
    pub(crate) keys: &'a KeyMap,
    /// Records from here on are not in `keys`: they stay.
    pub(crate) dirty_to: Offset,
    pub(crate) now: TimestampMs,
    pub(crate) delete_retention_ms: i64,
}

/// What decides over one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// Its transaction was aborted; or it is a marker that nothing needs.
    pub(crate) may_go: bool,
    /// It stays, even if no record does.
    pub(crate) must_stay: bool,
}

/// What is left of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// All of it, as it is.
    Whole,
    /// These bytes instead.
    Rewritten(BytesMut),
    /// Nothing.
    Nothing,
}

/// What is left of `batch`.
///
/// # Errors
/// When its records cannot be read; the caller keeps it as it is.
pub(crate) fn rewrite(
    batch: &Batch<'_>,
    rules: &Rules<'_>,
    circumstances: Circumstances,
    scratch: &mut Vec<u8>,
) -> Result<Left, RecordsError> {
    let horizon_passed = batch.delete_horizon().is_some_and(|horizon| horizon <= rules.now);
    // A marker stays for readers that are in the middle of its transaction until its horizon has passed.
    let drops_all = circumstances.may_go && (!batch.is_control() || horizon_passed);
    let needs_horizon_for_marker = circumstances.may_go && batch.is_control();
    let mut kept: Vec<Record<'_>> = Vec::new();
    let mut has_tombstone = false;
    let mut count = 0;
    if !drops_all {
        for record in batch.records(scratch)? {
            let record = record?;
            count += 1;
            let stays = batch.is_control() || rules.keeps(&record, horizon_passed);
            if stays {
                has_tombstone |= record.value.is_none() && !batch.is_control();
                kept.push(record);
            }
        }
        check_order(batch, &kept)?;
    }
    if kept.is_empty() {
        return match circumstances.must_stay {
            true if batch.record_count() == 0 => Ok(Left::Whole),
            true => without_records(batch).map(Left::Rewritten),
            false => Ok(Left::Nothing),
        };
    }
    let needs_horizon =
        batch.delete_horizon().is_none() && (has_tombstone || needs_horizon_for_marker);
    if kept.len() == count && !needs_horizon {
        return Ok(Left::Whole);
    }
    let mut builder = BatchBuilder::like(batch)?;
    if needs_horizon {
        builder.delete_horizon(Some(rules.now.plus(rules.delete_retention_ms)));
    }
    for record in &kept {
        builder.append_record(record);
    }
    Ok(Left::Rewritten(builder.finish()))
}

impl Rules<'_> {
    fn keeps(&self, record: &Record<'_>, horizon_passed: bool) -> bool {
        if record.offset >= self.dirty_to {
            return true;
        }
        // A record without a key can never be replaced; it has no place in a compacted log.
        let Some(key) = record.key else { return false };
        let is_newest = self.keys.find(key).is_none_or(|newest| record.offset >= newest);
        is_newest && (record.value.is_some() || !horizon_passed)
    }
}

/// A foreign batch may have offsets that do not grow, or leave its range; it is not taken apart.
fn check_order(batch: &Batch<'_>, records: &[Record<'_>]) -> Result<(), RecordsError> {
    let offsets = records.iter().map(|record| record.offset);
    let grows = offsets.clone().is_sorted_by(|earlier, later| earlier < later);
    let mut range = offsets;
    let fits = range.all(|offset| offset >= batch.base_offset() && offset <= batch.last_offset());
    if grows && fits { Ok(()) } else { Err(RecordsError::Record("offsets of a batch do not grow")) }
}

fn without_records(batch: &Batch<'_>) -> Result<BytesMut, RecordsError> {
    let mut empty = BatchBuilder::like(batch)?.finish();
    if batch.timestamp_type() == TimestampType::CreateTime {
        stamp::max_timestamp(&mut empty, batch.max_timestamp());
    }
    Ok(empty)
}
