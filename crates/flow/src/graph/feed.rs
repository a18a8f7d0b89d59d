//! Batches become records, and records chunks. Every offset of the feed is counted once; no byte can stop it.
//!
//! Uncompressed batches are borrowed where they lie, so a chunk may span many of them; a compressed one is inflated into a buffer that the
//! next one takes over, so its chunks end with it.

use bytes::Bytes;
use model::{LeaderEpoch, Offset, ProducerId};
use records::{Batch, Batches, Codec, Record, TimestampType};

use super::{
    Graph,
    results::DeadRow,
    walk::{Entry, Place, Walk},
};
use crate::decode::RawRow;

/// Records that are decoded together, at most.
const CHUNK_ROWS: usize = 2_048;
/// Batches that are looked at together, at most.
const RUN_BATCHES: usize = 1_024;
/// The capacity that the buffer for inflated batches keeps from one feed to the next.
const SCRATCH_KEPT_BYTES: usize = 4 << 20;

/// One feed's constants.
#[derive(Clone, Copy)]
pub(super) struct Feeding<'f> {
    pub(super) input: usize,
    /// What the records of uncompressed batches lie in.
    pub(super) source: &'f [u8],
    leader_epoch: LeaderEpoch,
}

impl Graph {
    /// Processes the records of `input` from `from` up to `until`, exclusive, out of whole batches as they lie; what lies before or behind
    /// is ignored. `aborted` are the transactions aborted in that range, as [`crate::topics::ReadBatches`] has them; `leader_epoch` is for
    /// batches that do not say theirs. Afterwards the input's position is `until`, and every offset from `from` on has been counted:
    /// where there is no record (control batches, aborted transactions, gaps, null values), as skipped.
    ///
    /// Offsets that were fed before are not processed again.
    #[expect(clippy::too_many_arguments, reason = "a range of a log, and what is known of it")]
    pub fn feed(
        &mut self,
        input: usize,
        batches: &[u8],
        from: Offset,
        until: Offset,
        aborted: &[(ProducerId, Offset)],
        leader_epoch: LeaderEpoch,
    ) {
        let Some(state) = self.inputs.get_mut(input) else {
            debug_assert!(false, "input {input} is none of the graph's");
            return;
        };
        let from = state.position.map_or(from, |position| position.max(from));
        state.position = Some(until.max(from));
        let mut walk = Walk::new(from, until, aborted);
        let consumed = walk_length(from, until);
        let counted_before = self.input_counters(input).total();
        self.walk_batches(&mut walk, Feeding { input, source: batches, leader_epoch });
        if let Some(state) = self.inputs.get_mut(input) {
            state.counters.skipped += walk.skipped;
            state.counters.bad += walk.bad;
        }
        debug_assert_eq!(
            self.input_counters(input).total() - counted_before,
            consumed,
            "every offset is counted once"
        );
    }

    fn walk_batches(&mut self, walk: &mut Walk, feeding: Feeding<'_>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut batches = Batches::new(feeding.source);
        let mut run = Vec::new();
        let mut broken = None;
        for batch in &mut batches {
            match batch {
                Ok(batch) if batch.codec() == Ok(Codec::None) => run.push(batch),
                Ok(batch) => {
                    self.feed_run(walk, feeding, &run);
                    run.clear();
                    self.feed_compressed(walk, feeding, (&batch, &mut scratch));
                }
                Err(error) => {
                    broken = Some(error.to_string());
                    break;
                }
            }
            if run.len() == RUN_BATCHES {
                self.feed_run(walk, feeding, &run);
                run.clear();
            }
            if walk.is_done() {
                break;
            }
        }
        self.feed_run(walk, feeding, &run);
        if broken.is_none() && !batches.rest().is_empty() && !walk.is_done() {
            broken = Some("the last batch is cut short".to_owned());
        }
        if let Some(reason) = broken
            && let Some(offset) = walk.fail_rest()
        {
            self.bury_batch(feeding.input, offset, &reason);
        }
        walk.skip_rest();
        if scratch.capacity() <= SCRATCH_KEPT_BYTES {
            self.scratch = scratch;
        }
    }

    /// Feeds consecutive uncompressed batches.
    fn feed_run(&mut self, walk: &mut Walk, feeding: Feeding<'_>, run: &[Batch<'_>]) {
        if run.is_empty() {
            return;
        }
        // Nothing is inflated, hence nothing is put there; but each batch's records may borrow one.
        let mut unused: Vec<Vec<u8>> = vec![Vec::new(); run.len()];
        let mut rows = Vec::with_capacity(CHUNK_ROWS.min(256));
        for (batch, unused) in run.iter().zip(&mut unused) {
            self.feed_batch(walk, feeding, (batch, unused), &mut rows);
            if walk.is_done() {
                break;
            }
        }
        self.process(feeding, &rows);
    }

    fn feed_compressed(
        &mut self,
        walk: &mut Walk,
        feeding: Feeding<'_>,
        (batch, scratch): (&Batch<'_>, &mut Vec<u8>),
    ) {
        let mut rows = Vec::new();
        self.feed_batch(walk, feeding, (batch, scratch), &mut rows);
        self.process(feeding, &rows);
    }

    /// Feeds one batch. Rows that have not filled a chunk are left in `rows`.
    fn feed_batch<'s>(
        &mut self,
        walk: &mut Walk,
        feeding: Feeding<'_>,
        (batch, scratch): (&Batch<'s>, &'s mut Vec<u8>),
        rows: &mut Vec<RawRow<'s>>,
    ) {
        let entry = walk.enter(batch);
        if entry == Entry::Pass {
            return;
        }
        if entry == Entry::Control {
            let marker = batch.records(scratch).ok().and_then(|mut records| records.next());
            if let Some(Ok(record)) = marker {
                walk.on_marker(batch, &record);
            }
            walk.leave(batch);
            return;
        }
        let failed = if batch.is_crc_right() {
            match batch.records(scratch) {
                Ok(records) => self.feed_records(walk, feeding, (batch, records), rows),
                Err(error) => Some(error.to_string()),
            }
        } else {
            Some("the batch's CRC is wrong".to_owned())
        };
        if let Some(reason) = failed
            && let Some(offset) = walk.fail_batch(batch)
        {
            self.process(feeding, rows);
            rows.clear();
            self.bury_batch(feeding.input, offset, &reason);
        }
        walk.leave(batch);
    }

    /// Answers what is wrong with the batch, if its records cannot all be read.
    fn feed_records<'s>(
        &mut self,
        walk: &mut Walk,
        feeding: Feeding<'_>,
        (batch, records): (&Batch<'s>, records::Records<'s>),
        rows: &mut Vec<RawRow<'s>>,
    ) -> Option<String> {
        let leader_epoch = match batch.leader_epoch() {
            LeaderEpoch(..0) => feeding.leader_epoch,
            epoch => epoch,
        };
        let is_append_time = batch.timestamp_type() == TimestampType::LogAppendTime;
        for record in records {
            let record: Record<'s> = match record {
                Ok(record) => record,
                Err(error) => return Some(error.to_string()),
            };
            match walk.place(batch, record.offset) {
                Place::Before => continue,
                Place::Behind => return None,
                Place::Wrong => return Some("offsets of a batch do not grow".to_owned()),
                Place::Row => walk.hand_on(),
            }
            let Some(value) = record.value else {
                self.count_skipped(feeding.input, 1);
                continue;
            };
            rows.push(RawRow {
                offset: record.offset.0,
                timestamp: record.timestamp.0,
                leader_epoch: leader_epoch.0,
                is_append_time,
                key: record.key,
                value,
            });
            if rows.len() == CHUNK_ROWS {
                self.process(feeding, rows);
                rows.clear();
            }
        }
        None
    }

    fn count_skipped(&mut self, input: usize, count: u64) {
        if let Some(state) = self.inputs.get_mut(input) {
            state.counters.skipped += count;
        }
    }

    /// Notes that offsets from `offset` on cannot be read at all.
    fn bury_batch(&mut self, input: usize, offset: Offset, reason: &str) {
        let reason = format!("the batch cannot be read: {reason}");
        self.outlet.bury(|| DeadRow { input, offset, reason, key: None, value: None::<Bytes> });
    }
}

fn walk_length(from: Offset, until: Offset) -> u64 {
    if until > from { until.0.abs_diff(from.0) } else { 0 }
}
