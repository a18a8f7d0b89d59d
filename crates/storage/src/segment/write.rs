//! Writing to the active segment.

use model::TimestampMs;

use super::{Segment, head::Head, name::Kind};
use crate::{
    LogOptions, StorageError,
    home::Home,
    index::Place,
    index::transaction::Aborted,
    index::{TimeEntry, transaction},
};

/// Nothing is reserved for a segment smaller than this: most partitions stay small.
const RESERVE_FROM_BYTES: u32 = 1 << 20;

impl Segment {
    /// Writes a whole batch at the end, with one call. What arrives of a failed write is cut off again; if that fails as well,
    /// nobody knows what is on disk, and the directory is taken out of use.
    pub(crate) fn append(
        &mut self,
        home: &Home,
        bytes: &[u8],
        head: &Head,
        options: &LogOptions,
    ) -> Result<(), StorageError> {
        self.append_run(home, bytes, std::iter::once(head), options)
    }

    /// As [`append`](Self::append), for several batches one after another.
    pub(crate) fn append_run<'a>(
        &mut self,
        home: &Home,
        bytes: &[u8],
        heads: impl Iterator<Item = &'a Head> + Clone,
        options: &LogOptions,
    ) -> Result<(), StorageError> {
        let size: usize = heads.clone().map(|head| head.size as usize).sum();
        assert_eq!(bytes.len(), size, "whole batches");
        assert!(heads.clone().all(|head| head.last >= self.base), "a batch of an earlier segment");
        self.prepare(home, heads.clone().count())?;
        self.write(home, bytes, options)?;
        for head in heads {
            self.note(head, options.index_interval_bytes);
        }
        Ok(())
    }

    fn write(
        &mut self,
        home: &Home,
        bytes: &[u8],
        options: &LogOptions,
    ) -> Result<(), StorageError> {
        let file = self.file(home)?;
        let position = self.size;
        let end = u64::from(position) + bytes.len() as u64;
        if position >= RESERVE_FROM_BYTES && end > self.reserved_to && options.preallocate_bytes > 0
        {
            let room = u64::from(options.segment_bytes).saturating_sub(u64::from(position));
            let length = options.preallocate_bytes.min(room).max(bytes.len() as u64);
            // A disk too full to reserve may still have room for this batch.
            if file.reserve(u64::from(position), length).is_ok() {
                self.reserved_to = u64::from(position) + length;
            } else {
                self.reserved_to = end;
            }
        }
        if let Err(error) = file.write_all_at(bytes, u64::from(position)) {
            if file.truncate(u64::from(position)).is_err() {
                home.shared.poison();
            }
            self.reserved_to = 0;
            return Err(self.failed(home, "write", error));
        }
        Ok(())
    }

    /// Makes sure that the next `count` [`note`](Self::note)s need not touch the disk: nothing may fail once a batch is written.
    pub(crate) fn prepare(&mut self, home: &Home, count: usize) -> Result<(), StorageError> {
        self.newest(home)?;
        self.index.entries.make_room(home, count)?;
        self.times.prepare(home, count)
    }

    /// Notes the batch that lies at the end so far.
    pub(crate) fn note(&mut self, head: &Head, index_interval_bytes: u32) {
        let position = self.size;
        let newest = *self.newest.get().expect("the caller prepares first");
        if position == 0 {
            self.first_timestamp = Some(head.max_timestamp);
        }
        self.size = position + head.size;
        if newest.is_none_or(|newest| head.max_timestamp > newest.timestamp)
            && head.max_timestamp > TimestampMs::NONE
        {
            self.set_newest(Some(TimeEntry { timestamp: head.max_timestamp, offset: head.last }));
        }
        if self.since_index > index_interval_bytes {
            self.index.push(Place { offset: head.last, position });
            if let Some(newest) = *self.newest.get().expect("the caller prepares first") {
                self.times.push(newest);
            }
            self.since_index = 0;
        }
        self.since_index = self.since_index.saturating_add(head.size);
    }

    pub(crate) fn note_aborted(
        &mut self,
        home: &Home,
        aborted: &Aborted,
    ) -> Result<(), StorageError> {
        transaction::write(home, self.base, self.aborted_count, aborted)?;
        self.aborted_count += 1;
        Ok(())
    }

    /// Writes what the indexes hold in memory, the largest timestamp with it.
    pub(crate) fn write_indexes(&mut self, home: &Home) -> Result<(), StorageError> {
        self.note_time(home)?;
        self.index.entries.write(home)?;
        self.times.entries.write(home)
    }

    /// Ends writing: indexes whole on disk, nothing reserved, no handle held.
    pub(crate) fn seal(&mut self, home: &Home) -> Result<(), StorageError> {
        if self.size == 0 {
            self.release();
            return Ok(());
        }
        self.note_time(home)?;
        self.index.entries.seal(home)?;
        self.times.entries.seal(home)?;
        self.trim(home)?;
        self.log.close();
        Ok(())
    }

    /// Gives back reserved blocks.
    pub(crate) fn trim(&mut self, home: &Home) -> Result<(), StorageError> {
        if self.reserved_to > u64::from(self.size) {
            let trimmed = self.file(home)?.truncate(u64::from(self.size));
            trimmed.map_err(|error| self.failed(home, "truncate", error))?;
        }
        self.reserved_to = 0;
        Ok(())
    }

    /// Cuts the segment at `position`, where a batch begins.
    pub(crate) fn cut(
        &mut self,
        home: &Home,
        position: u32,
        head: &Head,
    ) -> Result<(), StorageError> {
        assert!(position <= self.size, "a cut only shortens");
        let cut = self.file(home)?.truncate(u64::from(position));
        cut.map_err(|error| self.failed(home, "truncate", error))?;
        self.size = position;
        self.reserved_to = 0;
        self.index.truncate(home, position)?;
        self.times.truncate(home, head.base)?;
        self.aborted_count = transaction::truncate(home, self.base, head.base)?;
        self.newest = std::sync::OnceLock::new();
        self.since_index = 0;
        if position == 0 {
            self.set_newest(None);
            self.first_timestamp = None;
        }
        Ok(())
    }

    /// The files that a sync of this segment covers.
    pub(crate) fn files(
        &self,
        home: &Home,
    ) -> Result<Vec<std::sync::Arc<dyn world::File>>, StorageError> {
        let mut files =
            vec![self.file(home)?, self.index.entries.file(home)?, self.times.entries.file(home)?];
        if self.aborted_count > 0 {
            let path = home.path(self.base, Kind::TransactionIndex);
            let opened = home.disk().open(&path, true);
            files.push(
                opened.map_err(|error| {
                    home.failed("open", self.base, Kind::TransactionIndex, error)
                })?,
            );
        }
        Ok(files)
    }

    fn note_time(&mut self, home: &Home) -> Result<(), StorageError> {
        if let Some(newest) = self.newest(home)? {
            self.times.prepare(home, 1)?;
            self.times.push(newest);
        }
        Ok(())
    }
}
