//! From memory to disk: rolling, syncing, closing, and resting.
//!
//! A sync takes long and needs no lock: [`Log::flush_handle`] notes under the lock what there is to sync, [`FlushHandle::run`]
//! syncs it, [`Log::note_flushed`] moves the recovery point. What a restart after a crash must know of the log below that
//! point is written first: the indexes, and a snapshot of the producers at that offset.
//!
//! Meanwhile the log may be cut and grow again past the offset noted: what lies there then is not what was synced. So a handle
//! leaves its [`Proof`] with the log that it was taken from, and a cut takes the log to a fresh one: late syncs prove nothing.
//!
//! After a failed sync nobody knows what is on disk: the directory is out of use until a restart. It is not tried again.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use model::{Offset, TimestampMs};
use world::File;

use crate::{
    Log, StorageError,
    error::IoContext,
    home::{Home, Shared},
    producer::snapshot,
    segment::{Segment, name::Kind},
};

/// A log that was not written to for this long gives back what it can.
const IDLE_AFTER_MS: i64 = 10_000;

/// Index entries that a log may keep in memory while it rests.
const IDLE_ENTRIES_MAX: usize = 16;

/// What there is to sync, noted under the log's lock.
#[must_use = "nothing is synced before it runs"]
pub struct FlushHandle {
    shared: Arc<Shared>,
    pub(crate) files: Vec<Arc<dyn File>>,
    pub(crate) directories: Vec<PathBuf>,
    to: Offset,
    /// Whether indexes, epochs and producers are among the files.
    is_whole: bool,
    proof: Arc<Proof>,
}

/// Up to where the log has been synced by handles taken since its last cut.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    /// The batches.
    synced: AtomicI64,
    /// All that a restart needs.
    flushed: AtomicI64,
}

impl Proof {
    fn note(&self, to: Offset, is_whole: bool) {
        self.synced.fetch_max(to.0, Ordering::AcqRel);
        if is_whole {
            self.flushed.fetch_max(to.0, Ordering::AcqRel);
        }
    }

    fn synced(&self) -> Offset {
        Offset(self.synced.load(Ordering::Acquire))
    }

    fn flushed(&self) -> Offset {
        Offset(self.flushed.load(Ordering::Acquire))
    }
}

impl FlushHandle {
    /// Syncs. The offset is for [`Log::note_flushed`]: everything below it is durable.
    ///
    /// # Errors
    /// When the directory has failed, or fails now; it is not tried again.
    pub fn run(self) -> Result<Offset, StorageError> {
        self.shared.check()?;
        let synced = if model::mutant!("M02") { Ok(()) } else { self.sync() };
        if let Err(error) = synced
            && !model::mutant!("M06")
        {
            self.shared.poison();
            return Err(error);
        }
        self.proof.note(self.to, self.is_whole);
        Ok(self.to)
    }

    /// Whether there is nothing to sync.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.directories.is_empty()
    }

    /// For files that are not all there is to sync.
    pub(crate) fn without_proof(self) -> Self {
        Self { proof: Arc::default(), ..self }
    }

    fn sync(&self) -> Result<(), StorageError> {
        for file in &self.files {
            file.sync().on("sync a file of", &self.shared.path)?;
        }
        for directory in &self.directories {
            self.shared.disk.sync_directory(directory).on("sync", directory)?;
        }
        Ok(())
    }
}

impl Log {
    /// Syncs everything, and moves the recovery point to the end.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn flush(&mut self) -> Result<Offset, StorageError> {
        let to = self.flush_handle()?.run()?;
        self.note_flushed(to);
        Ok(to)
    }

    /// Syncs the batches when `flush.messages` of them are not.
    pub(crate) fn sync_if_due(&mut self) -> Result<(), StorageError> {
        if self.end.since(self.synced.max(self.start)) >= self.options.flush_messages {
            self.sync_batches()?;
        }
        Ok(())
    }

    /// Syncs the batches alone (`flush.messages`): enough for them to outlive a power cut. The recovery point stays.
    pub(crate) fn sync_batches(&mut self) -> Result<(), StorageError> {
        let to = self.sync_handle()?.run()?;
        self.note_synced(to);
        Ok(())
    }

    /// Notes the batches that are not synced yet, and nothing else: far less than [`Self::flush_handle`], and enough for
    /// them to outlive a power cut. The offset is for [`Self::note_synced`].
    ///
    /// # Errors
    /// When the directory has failed.
    pub fn sync_handle(&mut self) -> Result<FlushHandle, StorageError> {
        self.home.shared.check()?;
        let mut handle = self.empty_handle();
        if self.synced == self.end {
            return Ok(handle);
        }
        for segment in &self.segments[self.segment_of(self.synced)..] {
            if segment.size > 0 {
                handle.files.push(segment.file(&self.home)?);
            }
        }
        self.add_directories(&mut handle);
        Ok(handle)
    }

    /// Batches below `to` outlive a power cut, unless the log was cut since that was noted.
    pub fn note_synced(&mut self, to: Offset) {
        self.synced = self.synced.max(to.min(self.proof.synced()));
        self.check_invariant();
    }

    /// Up to where batches outlive a power cut.
    #[must_use]
    pub const fn synced(&self) -> Offset {
        self.synced
    }

    /// Notes what there is to sync, so that it can be done without the log's lock.
    ///
    /// # Errors
    /// When indexes, epochs or producers cannot be written.
    pub fn flush_handle(&mut self) -> Result<FlushHandle, StorageError> {
        self.home.shared.check()?;
        let mut handle = FlushHandle { is_whole: true, ..self.empty_handle() };
        if self.recovery_point == self.end {
            return Ok(handle);
        }
        if let Some(file) = self.epochs.write(&self.home)? {
            handle.files.push(file);
            self.names_unsynced = true;
        }
        self.active_mut_with_home(|active, home| active.write_indexes(home))?;
        self.take_snapshot()?;
        // The first time, the indexes of the active segment are new names.
        self.names_unsynced |= self.recovery_point <= self.active().base;
        for segment in &self.segments[self.segment_of(self.recovery_point)..] {
            if segment.size > 0 {
                handle.files.extend(segment.files(&self.home)?);
            }
        }
        self.add_directories(&mut handle);
        Ok(handle)
    }

    pub(crate) fn empty_handle(&self) -> FlushHandle {
        let shared = Arc::clone(&self.home.shared);
        FlushHandle {
            shared,
            files: Vec::new(),
            directories: Vec::new(),
            to: self.end,
            is_whole: false,
            proof: Arc::clone(&self.proof),
        }
    }

    fn add_directories(&mut self, handle: &mut FlushHandle) {
        if self.names_unsynced && !model::mutant!("M04") {
            handle.directories.push(self.home.directory.to_path_buf());
            handle.directories.push(self.home.shared.path.clone());
            self.names_unsynced = false;
        }
    }

    /// Everything below `to` is durable, unless the log was cut since that was noted.
    pub fn note_flushed(&mut self, to: Offset) {
        let to = to.min(self.proof.flushed());
        self.recovery_point = self.recovery_point.max(to);
        self.home.shared.recovery_points.on_flushed(&self.partition, self.recovery_point);
        self.synced = self.synced.max(to);
        self.check_invariant();
    }

    /// Ends writing: everything synced, indexes whole, nothing reserved, no file open. After this and
    /// [`DataDirectory::close_clean`](crate::DataDirectory::close_clean) the log is opened without recovery.
    ///
    /// # Errors
    /// When the directory has failed, or fails now.
    pub fn close(&mut self) -> Result<(), StorageError> {
        self.home.shared.check()?;
        if self.is_written {
            self.active_mut_with_home(Segment::seal)?;
            self.take_snapshot()?;
            self.flush()?;
            self.epochs.write(&self.home)?;
            self.is_written = false;
        }
        for segment in &mut self.segments {
            segment.release();
        }
        self.home.shared.resources.tails.forget(&self.tail);
        Ok(())
    }

    /// Gives back handles, reserved blocks and memory of a log that has not been written to for a while; forgets producers that
    /// have not been heard of for `producer.id.expiration.ms`.
    pub fn idle(&mut self, now: TimestampMs) {
        self.note_now(now);
        if self.is_idle || now.since(self.last_append) < IDLE_AFTER_MS {
            return;
        }
        // What fails here fails again where it matters.
        let home = self.home.clone();
        let active = self.active_mut();
        if active.size > 0 {
            // The few entries of a small log may wait in memory: it needs no index files before it is closed.
            let written = match active.index.entries.pending_count() {
                0..=IDLE_ENTRIES_MAX => Ok(()),
                _ => active.write_indexes(&home),
            };
            self.is_idle = written.and_then(|()| active.trim(&home)).is_ok();
        } else {
            self.is_idle = true;
        }
        for segment in &mut self.segments {
            segment.release();
        }
        self.producers.expire(now, self.options.producer_id_expiration_ms);
    }

    /// Seals the active segment and begins a new one at `base`, or at the end of the log if that is later.
    pub(crate) fn roll(&mut self, base: Offset, now: TimestampMs) -> Result<(), StorageError> {
        let base = base.max(self.end);
        assert!(base >= self.active().base, "segments follow one another");
        if self.active().size == 0 {
            // It has no batch and perhaps no file: it moves.
            let old = self.active().base;
            for kind in Kind::OF_SEGMENT {
                self.home.remove(&self.home.path(old, kind))?;
            }
            self.segments.pop();
        } else {
            self.producers.expire(now, self.options.producer_id_expiration_ms);
            self.active_mut_with_home(Segment::seal)?;
            self.take_snapshot()?;
        }
        self.segments.push(Segment::empty(base, now));
        self.note_files_changed();
        Ok(())
    }

    /// Writes what is known of the producers at the end of the log. Of the earlier snapshots only those at the start of a
    /// segment stay.
    pub(crate) fn take_snapshot(&mut self) -> Result<(), StorageError> {
        if self.snapshots.last() == Some(&self.end) {
            return Ok(());
        }
        let bytes =
            snapshot::encode(self.producers.entries.iter().map(|(id, entry)| (id, &**entry)));
        let path = self.home.path(self.end, Kind::Snapshot);
        let file = self.home.disk().open(&path, true).on("open", &path)?;
        file.truncate(0).on("truncate", &path)?;
        file.write_all_at(&bytes, 0).on("write", &path)?;
        if let Some(last) = self.snapshots.last().copied()
            && self.segments.binary_search_by_key(&last, |segment| segment.base).is_err()
        {
            self.home.remove(&self.home.path(last, Kind::Snapshot))?;
            self.snapshots.pop();
        }
        self.snapshots.push(self.end);
        Ok(())
    }

    fn active_mut_with_home(
        &mut self,
        work: impl FnOnce(&mut Segment, &Home) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let active = self.segments.last_mut().expect("a log has a segment");
        work(active, &self.home)
    }
}
