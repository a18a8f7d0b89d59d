//! Taking away from a log: at its end (truncation), at its start (DeleteRecords, retention).

use std::sync::Arc;

use model::{Offset, TimestampMs};
use world::File;

use crate::{
    Log, StorageError,
    segment::{Segment, name::Kind},
};

impl Log {
    /// Moves the start of the log up to `to`, which may lie within a batch, and drops segments wholly below it.
    ///
    /// # Errors
    /// [`StorageError::OutOfRange`] past `high_watermark`.
    pub fn advance_start(
        &mut self,
        to: Offset,
        high_watermark: Offset,
    ) -> Result<(), StorageError> {
        self.home.shared.check()?;
        if to > high_watermark.min(self.end) {
            let end = high_watermark.min(self.end);
            return Err(StorageError::OutOfRange { offset: to, start: self.start, end });
        }
        if to <= self.start {
            return Ok(());
        }
        self.set_start(to);
        let below = self.segments.partition_point(|segment| segment.base <= to) - 1;
        if below > 0 {
            self.delete_front(below)?;
        }
        Ok(())
    }

    /// Cuts the log so that it ends at or before `offset`: a batch that holds it goes as a whole.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn truncate_to(&mut self, offset: Offset) -> Result<(), StorageError> {
        self.home.shared.check()?;
        if offset >= self.end {
            return Ok(());
        }
        if offset < self.start {
            return self.truncate_fully(offset);
        }
        let keeps = self.segment_of(offset);
        let located = self.segments[keeps].locate(&self.home, offset)?;
        self.note_cut(located.as_ref().map_or(offset, |located| located.head.base.min(offset)))?;
        self.is_idle = false;
        while self.segments.len() > keeps + 1 {
            let gone = self.segments.pop().expect("there are more");
            self.remove_segment(&gone)?;
            self.end = gone.base;
        }
        let mut cut = None;
        if let Some(located) = located {
            let segment = &mut self.segments[keeps];
            segment.cut(&self.home, located.position, &located.head)?;
            self.end = self.end.min(located.head.base);
            cut = Some(segment.file(&self.home)?);
        }
        self.recovery_point = self.recovery_point.min(self.end);
        self.synced = self.synced.min(self.end);
        let replicated = self.replicated.get_mut();
        *replicated = self.end.0.min(*replicated);
        self.epochs.truncate_end(self.end);
        self.note_files_changed();
        self.sync_cut(cut)?;
        self.drop_snapshots_above(self.end)?;
        self.load_producers(self.end)?;
        self.check_invariant();
        Ok(())
    }

    /// Drops everything and starts anew at `offset`, as a follower does that its leader has left behind.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn truncate_fully(&mut self, offset: Offset) -> Result<(), StorageError> {
        self.home.shared.check()?;
        self.note_cut(offset)?;
        for gone in std::mem::take(&mut self.segments) {
            self.remove_segment(&gone)?;
        }
        self.segments.push(Segment::empty(offset, self.now));
        self.active().file(&self.home)?;
        self.start = offset;
        self.end = offset;
        self.recovery_point = offset;
        self.synced = offset;
        *self.replicated.get_mut() = 0;
        self.epochs.truncate_end(Offset::ZERO);
        self.producers = crate::producer::Producers::default();
        for snapshot in std::mem::take(&mut self.snapshots) {
            self.home.remove(&self.home.path(snapshot, Kind::Snapshot))?;
        }
        self.note_files_changed();
        self.sync_cut(None)?;
        self.check_invariant();
        Ok(())
    }

    /// Deletes the first `count` segments; the log starts at what follows.
    pub(crate) fn delete_front(&mut self, count: usize) -> Result<(), StorageError> {
        assert!(count < self.segments.len(), "a log keeps its active segment");
        let due = self.now.plus(self.options.file_delete_delay_ms);
        for segment in self.segments.drain(..count) {
            for kind in
                [Kind::Log, Kind::Index, Kind::TimeIndex, Kind::TransactionIndex, Kind::Snapshot]
            {
                self.home.doom(segment.base, kind, due)?;
            }
        }
        let first = self.segments.first().expect("one is kept").base;
        self.snapshots.retain(|snapshot| *snapshot >= first);
        self.note_files_changed();
        self.set_start(first);
        self.check_invariant();
        Ok(())
    }

    /// Before a cut to `to`. Syncs that are under way prove nothing any more.
    fn note_cut(&mut self, to: Offset) -> Result<(), StorageError> {
        self.proof = Arc::default();
        let shared = &self.home.shared;
        shared.resources.tails.forget(&self.tail);
        shared.recovery_points.on_cut(shared.place(), &self.partition, to)
    }

    /// Makes a cut outlive a power cut. Else what is appended in its place might be lost or arrive in part, and the old bytes behind it
    /// follow as if they had never gone.
    fn sync_cut(&mut self, cut: Option<Arc<dyn File>>) -> Result<(), StorageError> {
        let mut handle = self.empty_handle().without_proof();
        handle.files.extend(self.epochs.write(&self.home)?);
        handle.files.extend(cut);
        handle.directories.push(self.home.directory.to_path_buf());
        handle.run().map(drop)
    }

    /// Lets go of the files before the directory is renamed.
    pub(crate) fn give_up(&self) {
        self.home.shared.resources.tails.forget(&self.tail);
    }

    fn set_start(&mut self, to: Offset) {
        self.start = self.start.max(to);
        self.epochs.truncate_start(self.start);
    }

    fn remove_segment(&self, segment: &Segment) -> Result<(), StorageError> {
        for kind in Kind::OF_SEGMENT {
            self.home.doom(segment.base, kind, TimestampMs(i64::MIN))?;
        }
        Ok(())
    }

    pub(crate) fn drop_snapshots_above(&mut self, end: Offset) -> Result<(), StorageError> {
        while let Some(snapshot) = self.snapshots.last().copied().filter(|last| *last > end) {
            self.home.remove(&self.home.path(snapshot, Kind::Snapshot))?;
            self.snapshots.pop();
        }
        Ok(())
    }
}
