//! Opening a log that lies on disk.
//!
//! After a clean close:
//! 1. settle what was half done ([`Files`])
//! 2. the end: the last entry of the last index, and the headers behind it
//! 3. the producers: the snapshot at the end; not even that if its size says that there are none
//!
//! After a crash:
//! 1. settle what was half done
//! 2. find the recovery point in its segment, by index and headers; nothing below it is read
//! 3. the producers: the newest snapshot up to there, and the headers between
//! 4. read everything from there on, check every CRC, cut at the first batch that is not whole or of an earlier epoch, drop what follows; indexes,
//!    producers, transactions and epochs are made anew on the way

use std::sync::{Arc, atomic::AtomicI64};

use model::{LeaderEpoch, Offset, ProducerId, TimestampMs, TopicPartition};

use crate::{
    Log, LogOptions, StorageError,
    behind::Trail,
    cursors::Cursors,
    epochs::Epochs,
    error::IoContext,
    files::Files,
    home::{Home, lock},
    producer::{Ended, Producers, Seen, snapshot},
    segment::{
        Segment,
        head::Head,
        name::Kind,
        recover::marker_at,
        scan::{Found, HEADERS_BYTES, Scan},
    },
    tail::Tail,
};

/// How far back in a segment the batches of a producer are looked for that its snapshot did not keep.
const COMPLETE_BYTES_MAX: u32 = 4 << 20;

/// What the checkpoints of the directory say of a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) recovery_point: Option<Offset>,
    pub(crate) log_start: Option<Offset>,
    pub(crate) is_clean: bool,
}

impl Log {
    /// An empty log without files.
    pub(crate) fn empty(
        home: Home,
        partition: TopicPartition,
        options: Arc<LogOptions>,
        now: TimestampMs,
    ) -> Self {
        Self {
            home,
            partition,
            options,
            segments: vec![Segment::empty(Offset::ZERO, now)],
            start: Offset::ZERO,
            end: Offset::ZERO,
            recovery_point: Offset::ZERO,
            synced: Offset::ZERO,
            proof: Arc::default(),
            epochs: Epochs::default(),
            producers: Producers::default(),
            snapshots: Vec::new(),
            tail: Arc::new(Tail::default()),
            trail: Trail::default(),
            now,
            last_append: now,
            cursors: Cursors::default(),
            is_written: false,
            names_unsynced: true,
            replicated: AtomicI64::new(0),
            is_idle: true,
        }
    }

    /// The log whose files are there.
    pub(crate) fn load(&mut self, known: &Known) -> Result<(), StorageError> {
        let files = Files::settle(&self.home)?;
        if files.segments.is_empty() {
            return self.load_nothing(known);
        }
        self.segments = files.segments(self.now);
        self.snapshots = files.snapshots.keys().copied().collect();
        let first = self.segments[0].base;
        self.start = known.log_start.unwrap_or(first).max(first);
        let stored_epochs = Epochs::read(&self.home);
        let has_epochs = stored_epochs.is_some();
        self.epochs = stored_epochs.unwrap_or_default();
        self.rebuild_missing_indexes(&files)?;
        let end = if known.is_clean { self.active().find_end(&self.home)? } else { None };
        match end {
            Some(end) => {
                self.end = end;
                self.recovery_point = end;
                self.names_unsynced = false;
                if files.snapshots.get(&end) != Some(&snapshot::EMPTY_BYTES) {
                    self.load_producers(end)?;
                }
            }
            None => {
                self.is_written = true;
                self.recover(known)?;
            }
        }
        if self.start > self.end {
            // The end was lost, and everything that was left lies below the start.
            return self.truncate_fully(self.start);
        }
        if !has_epochs {
            self.rebuild_epochs()?;
        }
        self.epochs.truncate_end(self.end);
        self.epochs.truncate_start(self.start);
        self.drop_snapshots_above(self.end)?;
        self.recovery_point = self.recovery_point.min(self.end);
        self.synced = self.recovery_point;
        // What a process wrote before it was killed is not synced, and will be read, and acknowledged to whoever sends it again.
        self.sync_if_due()?;
        self.check_invariant();
        Ok(())
    }

    fn load_nothing(&mut self, known: &Known) -> Result<(), StorageError> {
        let start = known.log_start.unwrap_or(Offset::ZERO);
        if start > Offset::ZERO { self.truncate_fully(start) } else { Ok(()) }
    }

    fn recover(&mut self, known: &Known) -> Result<(), StorageError> {
        let first = self.segments[0].base;
        let synced = if known.is_clean {
            self.active().base
        } else {
            known.recovery_point.unwrap_or(first).max(first)
        };
        let mut number = self.segment_of(synced);
        let mut start = self.segments[number].plan_recovery(&self.home, synced)?;
        self.load_producers(start.offset)?;
        self.drop_snapshots_above(start.offset)?;
        self.recovery_point = start.offset;
        // The file of epochs may be older or newer than the batches from here on, which have theirs.
        self.epochs.truncate_end(start.offset);
        start.epoch = self.epochs.latest().unwrap_or(LeaderEpoch::NONE);
        let now = self.now;
        let cleaned_to = lock(&self.home.shared.cleaned).get(&self.partition).copied();
        let cleaned_to = cleaned_to.unwrap_or(Offset::ZERO);
        loop {
            let Self { home, segments, producers, epochs, options, .. } = &mut *self;
            let mut visit = |head: &Head, marker| {
                epochs.begin(head.epoch, head.base);
                note(producers, head, marker, now)
            };
            let segment = &mut segments[number];
            let recovered =
                segment.recover(home, start, options.index_interval_bytes, &mut visit)?;
            self.end = recovered.end;
            number += 1;
            let Some(next) = self.segments.get(number) else { break };
            // Only the cleaner leaves gaps; others are what a power cut took.
            let is_hole = next.base > recovered.end.max(cleaned_to);
            if recovered.bytes_cut > 0 || next.base < recovered.end || is_hole {
                self.remove_segments_from(number)?;
                break;
            }
            start = next.plan_recovery(&self.home, next.base)?;
            start.epoch = recovered.epoch;
            self.segments[number - 1].seal(&self.home)?;
        }
        // Blocks that were reserved when the process died.
        let active = self.active();
        let trimmed = active.file(&self.home)?.truncate(u64::from(active.size));
        trimmed.map_err(|error| active.failed(&self.home, "truncate", error))
    }

    fn remove_segments_from(&mut self, number: usize) -> Result<(), StorageError> {
        for gone in self.segments.split_off(number).into_iter().rev() {
            for kind in Kind::OF_SEGMENT {
                self.home.remove(&self.home.path(gone.base, kind))?;
            }
        }
        self.home.sync_directory()
    }

    fn rebuild_missing_indexes(&mut self, files: &Files) -> Result<(), StorageError> {
        let sealed = self.segments.len() - 1;
        for segment in &mut self.segments[..sealed] {
            let Some(sizes) = files.segments.get(&segment.base) else { continue };
            let is_whole = sizes.index.is_some_and(|size| size % 8 == 0)
                && sizes.times.is_some_and(|size| size % 12 == 0);
            if segment.size > 0 && !is_whole {
                segment.rebuild_indexes(&self.home, self.options.index_interval_bytes)?;
            }
        }
        Ok(())
    }

    /// The producers as they were at `at`: the newest snapshot up to there that can be read, and the headers since.
    pub(crate) fn load_producers(&mut self, at: Offset) -> Result<(), StorageError> {
        let mut from = self.segments[0].base;
        self.producers = Producers::default();
        if model::mutant!("M01") {
            return Ok(());
        }
        for number in (0..self.snapshots.len()).rev() {
            let offset = self.snapshots[number];
            if offset > at {
                continue;
            }
            let path = self.home.path(offset, Kind::Snapshot);
            let bytes = self.home.disk().read_whole(&path).on("read", &path)?;
            if let Ok(entries) = snapshot::decode(&bytes, self.now) {
                self.producers = Producers::from_snapshot(entries);
                from = from.max(offset);
                break;
            }
            // A torn one: it was not synced. An older one, or the log itself, knows the same.
            self.home.remove(&path)?;
            self.snapshots.remove(number);
        }
        let (home, now) = (self.home.clone(), self.now);
        let mut producers = std::mem::take(&mut self.producers);
        let replayed = self.each_header(&home, from..at, |head, marker| {
            note(&mut producers, head, marker, now);
        });
        self.producers = producers;
        replayed
    }

    /// Walks the headers of the batches in `range`, and the markers among them. Ends at bytes that are no batch.
    fn each_header(
        &self,
        home: &Home,
        range: std::ops::Range<Offset>,
        mut visit: impl FnMut(&Head, Option<(records::control::Marker, i32)>),
    ) -> Result<(), StorageError> {
        if range.is_empty() {
            return Ok(());
        }
        for segment in &self.segments[self.segment_of(range.start)..] {
            if segment.base >= range.end || segment.size == 0 {
                break;
            }
            let from = segment.index.floor(home, range.start)?.map_or(0, |place| place.position);
            let file = segment.file(home)?;
            let mut scan =
                Scan::new(&*file, u64::from(from), u64::from(segment.size), HEADERS_BYTES);
            let failed = |error| segment.failed(home, "read", error);
            while let Found::Batch(position, head) = scan.next().map_err(failed)? {
                if head.base >= range.end {
                    return Ok(());
                }
                if head.base >= range.start {
                    let marker = marker_at(&mut scan, position, &head).map_err(failed)?;
                    visit(&head, marker);
                }
            }
        }
        Ok(())
    }

    fn rebuild_epochs(&mut self) -> Result<(), StorageError> {
        let mut epochs = Epochs::default();
        self.each_header(&self.home, self.segments[0].base..self.end, |head, _| {
            epochs.begin(head.epoch, head.base);
        })?;
        self.epochs = epochs;
        Ok(())
    }

    /// Looks in the log for the batches of a producer that its snapshot did not keep; says whether there was reason to look.
    pub(crate) fn complete_producer(&mut self, id: ProducerId) -> Result<bool, StorageError> {
        let Some(entry) = self.producers.find(id).filter(|entry| entry.is_cut) else {
            return Ok(false);
        };
        let Some(oldest) = entry.batches().first().map(Seen::first_offset) else {
            return Ok(false);
        };
        let epoch = entry.epoch;
        let segment = &self.segments[self.segment_of(oldest)];
        let position = segment.locate(&self.home, oldest)?.map_or(0, |located| located.position);
        let back = position.saturating_sub(COMPLETE_BYTES_MAX);
        let place = segment.index.floor_position(&self.home, back)?;
        let from = place.map_or(segment.base, |place| place.offset);
        let mut older = Vec::new();
        self.each_header(&self.home, from..oldest, |head, _| {
            if head.producer == id && head.producer_epoch == epoch && head.base_sequence >= 0 {
                older.push(Seen::of(head));
            }
        })?;
        if let Some(entry) = self.producers.find_mut(id) {
            entry.complete(&older);
        }
        Ok(true)
    }
}

/// Notes a batch that lies in the log; answers with the transaction that it aborted.
fn note(
    producers: &mut Producers,
    head: &Head,
    marker: Option<(records::control::Marker, i32)>,
    now: TimestampMs,
) -> Option<crate::index::transaction::Aborted> {
    if let Some(marker) = marker {
        return match producers.on_marker(head, marker, now) {
            Ended::Aborted(aborted) => Some(aborted),
            Ended::Nothing | Ended::Committed => None,
        };
    }
    if head.producer.is_some() && !head.is_control() {
        producers.on_batch(head, now);
    }
    None
}
