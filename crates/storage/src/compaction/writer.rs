//! The segment that the cleaner writes, until it takes its place.

use std::sync::Arc;

use bytes::BytesMut;
use model::{Offset, TimestampMs};
use world::File;

use crate::{
    StorageError,
    error::IoContext,
    home::Home,
    index::{Place, TimeEntry, encode_place, encode_time, transaction, transaction::Aborted},
    segment::{
        Sizes,
        head::Head,
        name::{Kind, Stage},
    },
};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// A segment that is being written, as `.cleaned` files.
pub(super) struct Writer<'a> {
    home: &'a Home,
    base: Offset,
    file: Arc<dyn File>,
    buffer: BytesMut,
    written: u64,
    index: Vec<u8>,
    times: Vec<u8>,
    newest: Option<TimeEntry>,
    newest_noted: TimestampMs,
    since_index: u32,
    index_interval_bytes: u32,
}

/// One that has been written and synced.
#[derive(Debug)]
pub(super) struct Cleaned {
    pub(super) base: Offset,
    pub(super) sizes: Sizes,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        home: &'a Home,
        base: Offset,
        index_interval_bytes: u32,
    ) -> Result<Self, StorageError> {
        let path = home.staged(base, Kind::Log, Stage::Cleaned);
        let file = home.disk().open(&path, true).on("open", &path)?;
        file.truncate(0).on("truncate", &path)?;
        Ok(Self {
            home,
            base,
            file,
            buffer: BytesMut::new(),
            written: 0,
            index: Vec::new(),
            times: Vec::new(),
            newest: None,
            newest_noted: TimestampMs::NONE,
            since_index: 0,
            index_interval_bytes,
        })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        let head = Head::parse(bytes).expect("it was parsed, or built");
        let position = u32::try_from(self.size()).expect("no larger than what it is made from");
        if head.max_timestamp > self.newest.map_or(TimestampMs::NONE, |newest| newest.timestamp) {
            self.newest = Some(TimeEntry { timestamp: head.max_timestamp, offset: head.last });
        }
        if self.since_index > self.index_interval_bytes {
            self.index.extend(encode_place(self.base, Place { offset: head.last, position }));
            self.note_time();
            self.since_index = 0;
        }
        self.since_index = self.since_index.saturating_add(head.size);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.write() } else { Ok(()) }
    }

    pub(super) fn size(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes what is left and syncs all of it.
    pub(super) fn finish(mut self, aborted: &[Aborted]) -> Result<Cleaned, StorageError> {
        self.write()?;
        self.note_time();
        let path = self.home.staged(self.base, Kind::Log, Stage::Cleaned);
        self.file.sync().on("sync", &path)?;
        for (kind, bytes) in [(Kind::Index, &self.index), (Kind::TimeIndex, &self.times)] {
            let path = self.home.staged(self.base, kind, Stage::Cleaned);
            let file = self.home.disk().open(&path, true).on("open", &path)?;
            file.truncate(0).on("truncate", &path)?;
            file.write_all_at(bytes, 0).on("write", &path)?;
            file.sync().on("sync", &path)?;
        }
        transaction::write_all(self.home, self.base, Stage::Cleaned, aborted)?;
        let sizes = Sizes {
            log: Some(self.written),
            index: Some(self.index.len() as u64),
            times: Some(self.times.len() as u64),
            aborted: Some((aborted.len() * transaction::ENTRY_BYTES) as u64),
        };
        Ok(Cleaned { base: self.base, sizes })
    }

    fn write(&mut self) -> Result<(), StorageError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let path = self.home.staged(self.base, Kind::Log, Stage::Cleaned);
        self.file.write_all_at(&self.buffer, self.written).on("write", &path)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn note_time(&mut self) {
        if let Some(newest) = self.newest
            && newest.timestamp > self.newest_noted
        {
            self.times.extend(encode_time(self.base, newest));
            self.newest_noted = newest.timestamp;
        }
    }
}

impl Cleaned {
    /// Removes it again.
    pub(super) fn discard(&self, home: &Home) -> Result<(), StorageError> {
        for kind in Kind::OF_SEGMENT {
            home.remove(&home.staged(self.base, kind, Stage::Cleaned))?;
        }
        Ok(())
    }
}
