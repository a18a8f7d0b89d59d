//! Reading a segment again after an unclean stop, or when its indexes are gone.

use model::Offset;
use records::{
    Batch,
    control::{self, Marker},
};

use super::{
    Segment,
    head::Head,
    scan::{BODIES_BYTES, Found, HEADERS_BYTES, Scan},
};
use crate::{
    StorageError,
    home::Home,
    index::{Place, transaction, transaction::Aborted},
};

/// Where reading again begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecoveryStart {
    position: u32,
    /// Nothing below it is read.
    pub(crate) offset: Offset,
}

/// What a segment turned out to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// The offset after its last whole batch.
    pub(crate) end: Offset,
    /// Bytes that were no whole batch, and are cut off.
    pub(crate) bytes_cut: u64,
}

/// Told of every batch found; answers with an aborted transaction if a marker ended one.
pub(crate) type Visit<'a> = dyn FnMut(&Head, Option<(Marker, i32)>) -> Option<Aborted> + 'a;

impl Segment {
    /// Where to begin so that everything from `from` on is read; the front of the segment, if its indexes do not lead there.
    pub(crate) fn plan_recovery(
        &self,
        home: &Home,
        from: Offset,
    ) -> Result<RecoveryStart, StorageError> {
        let front = RecoveryStart { position: 0, offset: self.base };
        if from <= self.base {
            return Ok(front);
        }
        if !self.index.is_sorted(home)? || !self.times.is_sorted(home)? {
            return Ok(front);
        }
        let place = self.index.floor(home, from.plus(-1))?;
        let Some(position) = self.checked_position(home, place)? else { return Ok(front) };
        let file = self.file(home)?;
        let mut scan = Scan::new(&*file, u64::from(position), u64::from(self.size), HEADERS_BYTES);
        let mut start = RecoveryStart { position, offset: from };
        let mut next = self.base;
        loop {
            match scan.next().map_err(|error| self.failed(home, "read", error))? {
                Found::Batch(_, head) if head.base < from => {
                    start.position = start.position.saturating_add(head.size);
                    next = head.next();
                }
                Found::Batch(..) => return Ok(start),
                // What was synced must be there.
                Found::End | Found::Torn if next >= from => return Ok(start),
                Found::End | Found::Torn => return Ok(front),
            }
        }
    }

    /// Reads everything from `start` on, checks every CRC, cuts off what follows the last whole batch, and builds the indexes of
    /// what was read anew.
    pub(crate) fn recover(
        &mut self,
        home: &Home,
        start: RecoveryStart,
        index_interval_bytes: u32,
        visit: &mut Visit<'_>,
    ) -> Result<Recovered, StorageError> {
        let file_size = u64::from(self.size);
        self.index.truncate(home, start.position)?;
        self.times.truncate(home, start.offset)?;
        self.aborted_count = transaction::truncate(home, self.base, start.offset)?;
        self.newest = std::sync::OnceLock::new();
        self.first_timestamp = None;
        self.since_index = 0;
        self.size = start.position;
        let file = self.file(home)?;
        let mut scan = Scan::new(&*file, u64::from(start.position), file_size, BODIES_BYTES);
        let mut end = start.offset;
        let broken = |this: &Self, error| this.failed(home, "read", error);
        while let Found::Batch(position, head) = scan.next().map_err(|e| broken(self, e))? {
            let is_whole = head.base >= end
                && (scan.is_crc_right(position, &head).map_err(|e| broken(self, e))?
                    || model::mutant!("M10"));
            if !is_whole {
                break;
            }
            let marker = marker_at(&mut scan, position, &head).map_err(|e| broken(self, e))?;
            self.prepare(home, 1)?;
            self.note(&head, index_interval_bytes);
            if let Some(aborted) = visit(&head, marker) {
                self.note_aborted(home, &aborted)?;
            }
            end = head.next();
        }
        let bytes_cut = file_size - u64::from(self.size);
        if bytes_cut > 0 {
            let cut = file.truncate(u64::from(self.size));
            cut.map_err(|error| self.failed(home, "truncate", error))?;
        }
        Ok(Recovered { end, bytes_cut })
    }

    /// Builds both indexes anew from the headers alone.
    pub(crate) fn rebuild_indexes(
        &mut self,
        home: &Home,
        index_interval_bytes: u32,
    ) -> Result<(), StorageError> {
        let file_size = u64::from(self.size);
        self.index.entries.truncate(home, 0)?;
        self.times.truncate(home, self.base)?;
        self.set_newest(None);
        self.since_index = 0;
        self.size = 0;
        let file = self.file(home)?;
        let mut scan = Scan::new(&*file, 0, file_size, HEADERS_BYTES);
        while let Found::Batch(_, head) =
            scan.next().map_err(|error| self.failed(home, "read", error))?
        {
            self.prepare(home, 1)?;
            self.note(&head, index_interval_bytes);
        }
        self.size = u32::try_from(file_size).unwrap_or(u32::MAX);
        self.seal(home)
    }

    /// The offset after the last batch, found by the index and the headers behind its last entry; none when the file does not
    /// end with a whole batch, or the index is not its own.
    pub(crate) fn find_end(&self, home: &Home) -> Result<Option<Offset>, StorageError> {
        let place = self.index.last(home)?;
        let Some(position) = self.checked_position(home, place)? else { return Ok(None) };
        let file = self.file(home)?;
        let mut scan = Scan::new(&*file, u64::from(position), u64::from(self.size), HEADERS_BYTES);
        let mut end = self.base;
        loop {
            match scan.next().map_err(|error| self.failed(home, "read", error))? {
                Found::Batch(_, head) if head.base >= end => end = head.next(),
                Found::Batch(..) | Found::Torn => return Ok(None),
                Found::End => return Ok(Some(end)),
            }
        }
    }

    /// The position of an index entry, if the batch there is the one it names; the front, for none.
    fn checked_position(
        &self,
        home: &Home,
        place: Option<Place>,
    ) -> Result<Option<u32>, StorageError> {
        let Some(place) = place else { return Ok(Some(0)) };
        let file = self.file(home)?;
        let mut scan =
            Scan::new(&*file, u64::from(place.position), u64::from(self.size), HEADERS_BYTES);
        let found = scan.next().map_err(|error| self.failed(home, "read", error))?;
        Ok(match found {
            Found::Batch(_, head) if head.last == place.offset => Some(place.position),
            _ => None,
        })
    }
}

/// The marker that the batch at `position` is, if it is one.
pub(crate) fn marker_at(
    scan: &mut Scan<'_>,
    position: u64,
    head: &Head,
) -> std::io::Result<Option<(Marker, i32)>> {
    if !head.is_control() {
        return Ok(None);
    }
    Ok(scan.small_batch(position, head)?.and_then(|batch| marker_in(&batch)))
}

/// The marker that `batch` is, if it is one.
pub(crate) fn marker_in(batch: &Batch<'_>) -> Option<(Marker, i32)> {
    if !batch.is_control() {
        return None;
    }
    let mut scratch = Vec::new();
    let record = batch.records(&mut scratch).ok()?.next()?.ok()?;
    control::parse(&record)
}
