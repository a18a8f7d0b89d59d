//! A follower's append: batches as their leader sent them, byte for byte.
//!
//! ```text
//!   told      [ batch ][ batch ][ batch ] …           one answer of the leader, as it came from the socket
//!   looked at  CRC, length; base offset at the end before it, or beyond where gaps may be; leader epoch not below the one before it, not above the reign
//!   written   as few writes as there are segments: the CRC is the only pass over the bytes
//! ```
//! Base offset and leader epoch lie outside the CRC: that is why they are judged by their order. Nothing from the first damage on is
//! appended; what lies before it is whole, and is.

use std::ops::{Range, RangeInclusive};

use bytes::Bytes;
use model::{LeaderEpoch, Offset, TimestampMs};
use records::{Batch, control::Marker};

use crate::{
    Log, StorageError,
    segment::{
        head::Head,
        recover::marker_in,
        roll::{ActiveFacts, NextBatch, must_roll},
    },
};

/// What became of a leader's batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Bytes appended.
    pub size_bytes: usize,
    /// The first damage among them: from there on nothing is appended.
    pub damage: Option<Damage>,
}

/// Bytes that no sound leader sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The offset that was expected there.
    pub at: Offset,
    /// What is wrong.
    pub why: String,
}

/// What a follower holds a leader's batches against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyRules {
    /// The leader's reign: no batch is of a later one.
    pub reign: LeaderEpoch,
    /// Whether offsets may be left out. A compacted log leaves them out; elsewhere it is more likely that a base offset was damaged on the
    /// way, which no CRC would tell.
    pub may_have_gaps: bool,
}

/// A batch that was looked at.
struct Copy {
    head: Head,
    marker: Option<(Marker, i32)>,
}

/// Batches written with one call; the indexes have room for as many.
const RUN_BATCHES_MAX: usize = 256;

impl Log {
    /// Appends whole batches of the leader. What is not whole, or not next, is told and not appended.
    ///
    /// # Errors
    /// When the directory has failed, or fails now; what was written before is kept.
    pub fn append_copies(
        &mut self,
        bytes: &Bytes,
        rules: CopyRules,
        now: TimestampMs,
    ) -> Result<Copied, StorageError> {
        self.home.shared.check()?;
        self.note_now(now);
        let (copies, damage) = self.look_at(bytes, rules);
        self.begin_within(copies.first())?;
        // What lies in memory would have a gap.
        self.home.shared.resources.tails.forget(&self.tail);
        let (mut rest, mut from) = (&copies[..], 0);
        while !rest.is_empty() {
            let count = self.run_length(rest, now)?;
            let (run, after) = rest.split_at(count);
            let length: usize = run.iter().map(|copy| copy.head.size as usize).sum();
            self.write_run(bytes, from..from + length, run, now)?;
            (rest, from) = (after, from + length);
        }
        self.check_invariant();
        Ok(Copied { size_bytes: from, damage })
    }

    /// The batches up to the first damage.
    fn look_at(&self, bytes: &[u8], rules: CopyRules) -> (Vec<Copy>, Option<Damage>) {
        let mut copies = Vec::new();
        let mut next = self.end;
        let mut epoch = self.epochs.latest().unwrap_or(LeaderEpoch::NONE);
        let mut rest = bytes;
        while !rest.is_empty() {
            let is_first = copies.is_empty() && self.start == self.end;
            let follows =
                Follows { next, may_begin_before: is_first, may_have_gaps: rules.may_have_gaps };
            match look_at_one(rest, follows, epoch..=rules.reign) {
                Ok(copy) => {
                    rest = rest.get(copy.head.size as usize..).unwrap_or_default();
                    (next, epoch) = (copy.head.next(), copy.head.epoch);
                    copies.push(copy);
                }
                Err(why) => return (copies, Some(Damage { at: next, why })),
            }
        }
        (copies, None)
    }

    /// A leader's log may start within a batch: a follower that begins there gets the whole of it, and starts where it was told.
    fn begin_within(&mut self, first: Option<&Copy>) -> Result<(), StorageError> {
        let Some(copy) = first.filter(|copy| copy.head.base < self.end) else { return Ok(()) };
        assert_eq!(self.start, self.end, "only an empty log begins within a batch");
        let start = self.start;
        self.truncate_fully(copy.head.base)?;
        self.start = start;
        self.end = start;
        Ok(())
    }

    /// How many of `rest` the active segment takes at once; a new one is begun if it takes none.
    fn run_length(&mut self, rest: &[Copy], now: TimestampMs) -> Result<usize, StorageError> {
        let mut facts = self.active_facts()?;
        for (number, copy) in rest.iter().enumerate().take(RUN_BATCHES_MAX) {
            let Copy { head, .. } = copy;
            let next =
                NextBatch { size: head.size, last: head.last, max_timestamp: head.max_timestamp };
            if must_roll(&facts, &next, &self.options, now) {
                if number > 0 {
                    return Ok(number);
                }
                self.make_room(head, now)?;
                facts = self.active_facts()?;
            }
            if facts.size == 0 {
                facts.first_timestamp = Some(head.max_timestamp);
            }
            facts.size += head.size;
            // At most one entry each: a segment may end a little early, never late.
            facts.index_entries += 1;
            facts.time_entries += 1;
        }
        Ok(rest.len().min(RUN_BATCHES_MAX))
    }

    /// What of the active segment decides when a new one begins.
    pub(crate) fn active_facts(&mut self) -> Result<ActiveFacts, StorageError> {
        let active = self.segments.last_mut().expect("a log has a segment");
        Ok(ActiveFacts {
            base: active.base,
            size: active.size,
            first_timestamp: active.first_timestamp(&self.home)?,
            created: active.created,
            index_entries: active.index.entries.len(),
            time_entries: active.times.entries.len(),
        })
    }

    fn write_run(
        &mut self,
        bytes: &Bytes,
        range: Range<usize>,
        run: &[Copy],
        now: TimestampMs,
    ) -> Result<(), StorageError> {
        let active = self.segments.last_mut().expect("a log has a segment");
        if active.size == 0 {
            self.names_unsynced = true;
        }
        let heads = run.iter().map(|copy| &copy.head);
        active.append_run(&self.home, &bytes[range], heads, &self.options)?;
        for copy in run {
            if model::mutant!("M23") && !copy.head.is_transactional() {
                self.epochs.begin(copy.head.epoch, copy.head.base);
                (self.end, self.is_written) = (copy.head.next(), true);
                continue;
            }
            self.note_appended(&copy.head, copy.marker, now)?;
        }
        Ok(())
    }
}

/// Where a batch must begin.
#[derive(Clone, Copy)]
struct Follows {
    next: Offset,
    /// The first batch of an empty log may.
    may_begin_before: bool,
    may_have_gaps: bool,
}

/// The batch at the front of `bytes`, if it is whole and next.
fn look_at_one(
    bytes: &[u8],
    follows: Follows,
    epochs: RangeInclusive<LeaderEpoch>,
) -> Result<Copy, String> {
    let batch = Batch::parse(bytes).map_err(|error| error.to_string())?;
    let head = Head::of(&batch).ok_or("a batch header is out of range")?;
    if !batch.is_crc_right() {
        return Err(format!("the batch at offset {} has a wrong CRC", head.base));
    }
    let Follows { next, may_begin_before, may_have_gaps } = follows;
    let is_next = head.base >= next || (may_begin_before && head.last >= next);
    if !is_next {
        return Err(format!("the batch at offset {} lies before {next}", head.base));
    }
    if head.base > next && !may_have_gaps {
        return Err(format!("the batch at offset {} leaves a gap from {next} on", head.base));
    }
    if !epochs.contains(&head.epoch) {
        let (from, to) = epochs.into_inner();
        return Err(format!("a batch of leader epoch {}, not of {from} to {to}", head.epoch));
    }
    let marker = marker_in(&batch);
    Ok(Copy { head, marker })
}
