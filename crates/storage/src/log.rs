//! One partition's log: the façade over its segments, producers and epochs.
//!
//! ```text
//!        start          first unstable         recovery point     end
//!          ▼                  ▼                      ▼             ▼
//!   ┌──────┴──────┬───────────┴─────┬────────────────┴─────┬───────┐
//!   │ segment 0   │ segment 4711    │ segment 9000         │ active│     segments never overlap; the last is written to
//!   └─────────────┴─────────────────┴──────────────────────┴───────┘
//!   sealed: files opened when asked for, indexes on disk            invariant: start ≤ end,
//!                                                                   recovery point ≤ synced ≤ end
//! ```
//!
//! A log of no records holds no file open and little memory. Nothing here takes a lock of its own but for the open files and the
//! recent batches: whoever owns the log decides who may call.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs, TopicPartition};

use crate::{
    LogOptions, StorageError, behind::Trail, cursors::Cursors, epochs::Epochs, flush::Proof,
    home::Home, producer::Producers, segment::Segment, tail::Tail,
};

/// One partition's log. See the crate's head for an example.
pub struct Log {
    pub(crate) home: Home,
    pub(crate) partition: TopicPartition,
    pub(crate) options: Arc<LogOptions>,
    /// In the order of their bases; never none. The last is active.
    pub(crate) segments: Vec<Segment>,
    pub(crate) start: Offset,
    pub(crate) end: Offset,
    /// Everything below it has been synced, the indexes with it.
    pub(crate) recovery_point: Offset,
    /// Every batch below it has been synced.
    pub(crate) synced: Offset,
    /// What syncs have shown since the last cut.
    pub(crate) proof: Arc<Proof>,
    pub(crate) epochs: Epochs,
    pub(crate) producers: Producers,
    /// Offsets of the snapshots of producers on disk, in order.
    pub(crate) snapshots: Vec<Offset>,
    pub(crate) tail: Arc<Tail>,
    pub(crate) trail: Trail,
    /// The newest time told.
    pub(crate) now: TimestampMs,
    pub(crate) last_append: TimestampMs,
    /// Where reads have ended: where the next ones begin.
    pub(crate) cursors: Cursors,
    /// Whether it has been written to since it was opened or closed.
    pub(crate) is_written: bool,
    /// Names made or changed since the directory was synced.
    pub(crate) names_unsynced: bool,
    /// The highest high watermark told: what transactions are replicated with their markers.
    pub(crate) replicated: AtomicI64,
    /// Whether `idle` has given back all there is.
    pub(crate) is_idle: bool,
}

/// One producer, as a log knows it (`DescribeProducers`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerSummary {
    /// Its id.
    pub id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// The coordinator epoch of its newest marker; -1 for none.
    pub coordinator_epoch: i32,
    /// The last sequence number appended; -1 for none in this epoch.
    pub last_sequence: i32,
    /// The offset of that record; -1 for none.
    pub last_offset: Offset,
    /// The largest timestamp of its newest batch.
    pub last_timestamp: TimestampMs,
    /// Where its open transaction begins.
    pub transaction_start: Option<Offset>,
}

impl Log {
    /// The first offset that can be read.
    #[must_use]
    pub const fn start(&self) -> Offset {
        self.start
    }

    /// The offset that the next record gets.
    #[must_use]
    pub const fn end(&self) -> Offset {
        self.end
    }

    /// Everything below it has been synced, indexes included: a restart after a crash reads from here on.
    #[must_use]
    pub const fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    /// Where the earliest transaction begins that is open, or whose marker is not below the high watermark last told to
    /// [`last_stable`](Self::last_stable).
    #[must_use]
    pub fn first_unstable(&self) -> Option<Offset> {
        self.producers.first_unstable(Offset(self.replicated.load(Ordering::Relaxed)))
    }

    /// The last stable offset under `high_watermark`.
    #[must_use]
    pub fn last_stable(&self, high_watermark: Offset) -> Offset {
        self.replicated.fetch_max(high_watermark.0, Ordering::Relaxed);
        let unstable = self.producers.first_unstable(high_watermark);
        unstable.map_or(high_watermark, |unstable| unstable.min(high_watermark)).max(self.start)
    }

    /// A leader's reign begins at the end of the log. An epoch not newer than all others is ignored.
    ///
    /// # Errors
    /// When the directory has failed.
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), StorageError> {
        self.home.shared.check()?;
        self.epochs.begin(epoch, self.end);
        Ok(())
    }

    /// The newest leader epoch known here.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest()
    }

    /// The largest known epoch up to `epoch`, and the offset at which it ends (Kafka's `OffsetsForLeaderEpoch`).
    #[must_use]
    pub fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.end_of(epoch, self.end)
    }

    /// The epoch that the record at `offset` was written in.
    #[must_use]
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.of(offset)
    }

    /// The producers known, by id.
    #[must_use]
    pub fn producers(&self) -> Vec<ProducerSummary> {
        let summaries = self.producers.entries.iter().map(|(id, entry)| ProducerSummary {
            id: *id,
            epoch: entry.epoch,
            coordinator_epoch: entry.coordinator_epoch,
            last_sequence: entry.last().map_or(-1, |seen| seen.last_sequence),
            last_offset: entry.last().map_or(Offset::NONE, |seen| seen.last_offset),
            last_timestamp: entry.last_timestamp,
            transaction_start: entry.transaction_start,
        });
        summaries.collect()
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.size)).sum()
    }

    /// How many segments there are.
    #[must_use]
    pub const fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// The options in force.
    #[must_use]
    pub const fn options(&self) -> &Arc<LogOptions> {
        &self.options
    }

    /// Puts other options in force, from the next call on.
    pub fn set_options(&mut self, options: Arc<LogOptions>) {
        self.options = options;
    }

    /// The partition that this is the log of.
    #[must_use]
    pub const fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    pub(crate) fn active(&self) -> &Segment {
        self.segments.last().expect("a log has a segment")
    }

    pub(crate) fn active_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a log has a segment")
    }

    /// The segment that holds `offset`, or would.
    pub(crate) fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    /// The offset after the last that segment `number` can hold.
    pub(crate) fn segment_end(&self, number: usize) -> Offset {
        self.segments.get(number + 1).map_or(self.end, |next| next.base)
    }

    pub(crate) fn note_now(&mut self, now: TimestampMs) {
        self.now = self.now.max(now);
    }

    /// Files were made, renamed, cut or removed.
    pub(crate) fn note_files_changed(&mut self) {
        self.cursors.clear();
        self.names_unsynced = true;
        self.is_written = true;
    }

    pub(crate) fn check_invariant(&self) {
        assert!(self.start <= self.end, "a log starts before it ends");
        assert!(self.recovery_point <= self.synced, "indexes are synced with their batches");
        assert!(self.synced <= self.end, "what is synced was written");
        assert!(self.active().base <= self.end, "the active segment holds the end");
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("partition", &self.partition)
            .field("offsets", &(self.start..self.end))
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

/// Readers may share a log while no one writes to it.
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<Log>();
};
