//! Appending one batch.
//!
//! 1. is it legal (rules of the topic), does it follow what its producer sent before?
//! 2. its bytes: the topic's codec, the time of the append, its offset and its leader's epoch, in place
//! 3. does it begin a new segment?
//! 4. one write; what arrives of a failed one is cut off again
//! 5. indexes, producers, transactions, epochs, offsets, recent batches: nothing of this can fail
//! 6. `flush.messages`

use std::sync::Arc;

use bytes::BytesMut;
use model::{LeaderEpoch, Offset, ProducerEpoch, TimestampMs};
use records::{Batch, TimestampType, control::Marker, examine, stamp};

use crate::{
    AppendError, Log, StorageError,
    producer::{Ended, Seen, Sequenced, Verdict, check, check_epoch, check_marker},
    segment::{
        head::Head,
        name::Kind,
        recover::marker_in,
        roll::{NextBatch, must_roll},
    },
};

/// Who appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A producer: every rule holds.
    Client,
    /// A part of this broker: coordinators, markers, jobs. The batch may be a control batch, and starts where it says.
    Coordinator,
    /// A follower that copies its leader: offsets and epochs are those of the batch, nothing is judged but whether it is whole
    /// and next.
    Follower,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The offset of its first record.
    pub base: Offset,
    /// The offset of its last record.
    pub last: Offset,
    /// The time of the append under `LogAppendTime`, else -1; of a duplicate, the timestamp of the batch that lies in the log.
    pub append_time: TimestampMs,
    /// Where the log starts.
    pub log_start: Offset,
    /// Whether it lay in the log already, and nothing was appended.
    pub duplicate: bool,
    /// Bytes appended.
    pub size_bytes: usize,
}

impl Log {
    /// Appends one batch. `epoch` is that of the leader; a follower's batch brings its own.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing has been appended then.
    pub fn append(
        &mut self,
        mut batch: BytesMut,
        epoch: LeaderEpoch,
        origin: Origin,
        now: TimestampMs,
    ) -> Result<Appended, AppendError> {
        self.home.shared.check()?;
        self.note_now(now);
        let marker = match self.admit(&mut batch, origin, now)? {
            Admitted::Duplicate(seen) => return Ok(self.duplicate(&seen)),
            Admitted::Data => None,
            Admitted::Marker(marker) => Some(marker),
        };
        if origin != Origin::Follower {
            stamp::offset_and_epoch(&mut batch, self.end, epoch);
        }
        let head = Head::parse(&batch).expect("it was admitted");
        assert!(head.base >= self.end, "offsets only grow");
        self.make_room(&head, now)?;
        self.write(&batch, &head)?;
        self.note_appended(&head, marker, now)?;
        let tails = &self.home.shared.resources.tails;
        let size_bytes = batch.len();
        tails.keep(&self.tail, head.base, head.next(), batch.freeze());
        self.sync_if_due()?;
        self.check_invariant();
        Ok(Appended {
            base: head.base,
            last: head.last,
            append_time: self.append_time(origin, now),
            log_start: self.start,
            duplicate: false,
            size_bytes,
        })
    }

    /// Judges the batch, and makes its bytes what they will be but for offset and epoch.
    fn admit(
        &mut self,
        bytes: &mut BytesMut,
        origin: Origin,
        now: TimestampMs,
    ) -> Result<Admitted, AppendError> {
        let batch = Batch::parse(bytes)?;
        if batch.size_bytes() != bytes.len() {
            return Err(records::RecordsError::Record("bytes are left after the batch").into());
        }
        let head =
            Head::of(&batch).ok_or(records::RecordsError::Record("header is out of range"))?;
        let marker = marker_in(&batch);
        if origin == Origin::Follower {
            return self.admit_copy(&batch, &head, marker);
        }
        let mut rules = self.options.rules(origin == Origin::Client);
        if head.is_control() && origin == Origin::Coordinator {
            // A marker has no key of the topic's, and no timestamp that a producer chose.
            rules.compacted = false;
            rules.timestamp_type = TimestampType::LogAppendTime;
        }
        let examined = examine(&batch, &rules, now)?;
        match marker {
            Some((_, coordinator_epoch)) => self.judge_marker(&head, coordinator_epoch)?,
            None => {
                if let Some(seen) = self.judge_sequence(&head)? {
                    return Ok(Admitted::Duplicate(seen));
                }
            }
        }
        if !head.is_control() {
            self.rewrite(bytes, examined.max_timestamp, now)?;
        }
        let max = self.options.segment_bytes;
        if bytes.len() > max as usize {
            return Err(AppendError::TooLargeForSegment { size: bytes.len(), max });
        }
        Ok(marker.map_or(Admitted::Data, Admitted::Marker))
    }

    /// The codec and the timestamps that the topic asks for.
    fn rewrite(
        &self,
        bytes: &mut BytesMut,
        max_timestamp: Option<TimestampMs>,
        now: TimestampMs,
    ) -> Result<(), AppendError> {
        if let Some(codec) = self.options.codec {
            let batch = Batch::parse(bytes)?;
            if batch.codec()? != codec {
                *bytes = records::recompress(&batch, codec)?;
                let max = self.options.message_bytes_max;
                if bytes.len() > max as usize {
                    return Err(AppendError::TooLarge { size: bytes.len(), max });
                }
            }
        }
        match (self.options.timestamp_type, max_timestamp) {
            (TimestampType::LogAppendTime, _) => stamp::log_append_time(bytes, now),
            (TimestampType::CreateTime, Some(max)) => stamp::max_timestamp(bytes, max),
            (TimestampType::CreateTime, None) => {}
        }
        Ok(())
    }

    fn admit_copy(
        &self,
        batch: &Batch<'_>,
        head: &Head,
        marker: Option<(Marker, i32)>,
    ) -> Result<Admitted, AppendError> {
        if !batch.is_crc_right() {
            return Err(records::Invalid::Crc { stored: batch.crc() }.into());
        }
        if head.base < self.end {
            return Err(AppendError::NotNext { found: head.base, end: self.end });
        }
        Ok(marker.map_or(Admitted::Data, Admitted::Marker))
    }

    fn judge_marker(&self, head: &Head, coordinator_epoch: i32) -> Result<(), AppendError> {
        use crate::producer::MarkerRefused;
        let known = self.producers.find(head.producer);
        check_marker(known, head.producer_epoch, coordinator_epoch).map_err(|refused| match refused
        {
            MarkerRefused::StaleEpoch { current } => stale(head, current),
            MarkerRefused::CoordinatorFenced { current } => {
                AppendError::CoordinatorFenced { found: coordinator_epoch, current }
            }
        })
    }

    /// The batch that lies in the log already, if this is it.
    fn judge_sequence(&mut self, head: &Head) -> Result<Option<Seen>, AppendError> {
        if !head.producer.is_some() {
            return Ok(None);
        }
        if head.base_sequence < 0 {
            return match check_epoch(self.producers.find(head.producer), head.producer_epoch) {
                Verdict::StaleEpoch { current } => Err(stale(head, current)),
                _ => Ok(None),
            };
        }
        let batch = Sequenced {
            epoch: head.producer_epoch,
            first: head.base_sequence,
            last: head.last_sequence(),
            is_transactional: head.is_transactional(),
        };
        let mut verdict = check(self.producers.find(head.producer), &batch);
        if matches!(verdict, Verdict::OutOfOrder { .. }) && self.complete_producer(head.producer)? {
            verdict = check(self.producers.find(head.producer), &batch);
        }
        let producer = head.producer.0;
        match verdict {
            Verdict::Next => Ok(None),
            Verdict::Duplicate(seen) => Ok(Some(seen)),
            Verdict::OutOfOrder { last } => {
                Err(AppendError::OutOfOrderSequence { producer, found: batch.first, last })
            }
            Verdict::StaleEpoch { current } => Err(stale(head, current)),
            Verdict::InTransaction { since } => Err(AppendError::InTransaction { producer, since }),
        }
    }

    pub(crate) fn make_room(&mut self, head: &Head, now: TimestampMs) -> Result<(), StorageError> {
        let facts = self.active_facts()?;
        let next =
            NextBatch { size: head.size, last: head.last, max_timestamp: head.max_timestamp };
        if must_roll(&facts, &next, &self.options, now) {
            // A copy of a compacted log may go on after a gap too wide for one segment.
            let is_far = i32::try_from(head.last.since(self.end)).is_err();
            self.roll(if is_far { head.base } else { self.end }, now)?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], head: &Head) -> Result<(), StorageError> {
        let active = self.segments.last_mut().expect("a log has a segment");
        if active.size == 0 {
            self.names_unsynced = true;
        }
        active.append(&self.home, bytes, head, &self.options)?;
        if let Some(passed) = self.trail.on_appended(active.base, active.size, head.size) {
            let shared = &self.home.shared;
            let path = self.home.path(passed.base, Kind::Log);
            let step = self.trail.step(Arc::clone(&shared.disk), path, passed);
            shared.resources.behind.on_written(step, self.now);
        }
        Ok(())
    }

    pub(crate) fn note_appended(
        &mut self,
        head: &Head,
        marker: Option<(Marker, i32)>,
        now: TimestampMs,
    ) -> Result<(), StorageError> {
        let active = self.segments.last_mut().expect("a log has a segment");
        if let Some(marker) = marker
            && let Ended::Aborted(aborted) = self.producers.on_marker(head, marker, now)
        {
            // With the first, the index is a new name.
            self.names_unsynced |= active.aborted_count == 0;
            if let Err(error) = active.note_aborted(&self.home, &aborted) {
                // The marker is written and its entry is not: only reading the log again can tell.
                self.home.shared.poison();
                return Err(error);
            }
        }
        if marker.is_some() {
            let replicated = *self.replicated.get_mut();
            self.producers.on_replicated(Offset(replicated));
        } else if head.producer.is_some() && !head.is_control() {
            self.producers.on_batch(head, now);
        }
        self.epochs.begin(head.epoch, head.base);
        self.end = head.next();
        self.last_append = now;
        self.is_idle = false;
        self.is_written = true;
        Ok(())
    }

    fn append_time(&self, origin: Origin, now: TimestampMs) -> TimestampMs {
        match self.options.timestamp_type {
            TimestampType::LogAppendTime if origin != Origin::Follower => now,
            _ => TimestampMs::NONE,
        }
    }

    fn duplicate(&self, seen: &Seen) -> Appended {
        Appended {
            base: seen.first_offset(),
            last: seen.last_offset,
            append_time: seen.timestamp,
            log_start: self.start,
            duplicate: true,
            size_bytes: 0,
        }
    }
}

fn stale(head: &Head, current: ProducerEpoch) -> AppendError {
    AppendError::StaleProducerEpoch {
        producer: head.producer.0,
        found: head.producer_epoch.0,
        current: current.0,
    }
}

/// How a batch goes on.
enum Admitted {
    Data,
    Marker((Marker, i32)),
    Duplicate(Seen),
}
