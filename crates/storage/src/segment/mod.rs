//! A segment: a run of batches in one file, with its indexes beside it.

pub(crate) mod head;
pub(crate) mod name;
pub(crate) mod read;
pub(crate) mod recover;
pub(crate) mod roll;
pub(crate) mod scan;
mod write;

use std::sync::{Arc, OnceLock};

use model::{Offset, TimestampMs};
use world::File;

use crate::{
    StorageError,
    handles::Slot,
    home::Home,
    index::{OffsetIndex, TimeEntry, TimeIndex},
    segment::name::Kind,
};

/// One segment, sealed or active; only the last of a log is written to.
///
/// Invariant: `size` bytes of the file are whole batches; every index entry points below `size`.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base: Offset,
    pub(crate) size: u32,
    log: Slot,
    pub(crate) index: OffsetIndex,
    pub(crate) times: TimeIndex,
    /// Entries in the transaction index.
    pub(crate) aborted_count: u32,
    /// The largest timestamp, and the last offset of the first batch that has it; looked up when first asked for.
    newest: OnceLock<Option<TimeEntry>>,
    /// The largest timestamp of the first batch; looked up when first asked for.
    first_timestamp: Option<TimestampMs>,
    /// When it was made, or found.
    pub(crate) created: TimestampMs,
    /// Bytes appended since the last index entry.
    since_index: u32,
    /// Up to where blocks are reserved; 0 when none are.
    reserved_to: u64,
}

/// The sizes of the files of a segment, as a listing of the directory has them; none for a file that is not there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) log: Option<u64>,
    pub(crate) index: Option<u64>,
    pub(crate) times: Option<u64>,
    pub(crate) aborted: Option<u64>,
}

impl Segment {
    /// A new one, without files.
    pub(crate) fn empty(base: Offset, now: TimestampMs) -> Self {
        let segment = Self::found(base, &Sizes::default(), now);
        segment.newest.set(None).expect("it was made just now");
        segment
    }

    /// The one whose files have these sizes.
    pub(crate) fn found(base: Offset, sizes: &Sizes, now: TimestampMs) -> Self {
        use crate::index::transaction::ENTRY_BYTES;
        let count = sizes.aborted.unwrap_or(0) / ENTRY_BYTES as u64;
        Self {
            base,
            size: u32::try_from(sizes.log.unwrap_or(0)).unwrap_or(u32::MAX),
            log: Slot::default(),
            index: OffsetIndex::new(base, sizes.index.unwrap_or(0)),
            times: TimeIndex::new(base, sizes.times.unwrap_or(0)),
            aborted_count: u32::try_from(count).unwrap_or(u32::MAX),
            newest: OnceLock::new(),
            first_timestamp: None,
            created: now,
            since_index: 0,
            reserved_to: 0,
        }
    }

    pub(crate) fn file(&self, home: &Home) -> Result<Arc<dyn File>, StorageError> {
        home.file(&self.log, self.base, Kind::Log)
    }

    /// The largest timestamp, and the last offset of the first batch that has it; none if no batch has any.
    pub(crate) fn newest(&self, home: &Home) -> Result<Option<TimeEntry>, StorageError> {
        if let Some(newest) = self.newest.get() {
            return Ok(*newest);
        }
        let last = self.times.last(home)?;
        Ok(*self.newest.get_or_init(|| last))
    }

    fn set_newest(&mut self, newest: Option<TimeEntry>) {
        self.newest = OnceLock::from(newest);
    }

    /// Gives back handles, and the memory of what need not wait to be written.
    pub(crate) fn release(&mut self) {
        self.log.close();
        self.index.entries.release();
        self.times.entries.release();
    }

    pub(crate) fn failed(
        &self,
        home: &Home,
        action: &'static str,
        source: std::io::Error,
    ) -> StorageError {
        home.failed(action, self.base, Kind::Log, source)
    }
}
