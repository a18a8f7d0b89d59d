//! Where a log lives, and what it shares with the others.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use model::{Offset, TimestampMs, TopicPartition, limits};
use world::{
    Disk, File,
    exec::{Mutex, MutexGuard},
};

use crate::{
    StorageError,
    behind::DropBehind,
    error::IoContext,
    handles::{Handles, Slot},
    lineage,
    recovery_points::RecoveryPoints,
    segment::name::{Kind, Stage, name},
    tail::TailBudget,
};

/// Files that all logs of a process may have open, unless told otherwise: well below the usual 1,024 descriptors.
const OPEN_FILES_MAX: usize = 512;

/// What the logs of a process share: give the same to each of its directories.
#[derive(Clone, Debug)]
pub struct Resources {
    pub(crate) handles: Arc<Handles>,
    pub(crate) tails: Arc<TailBudget>,
    pub(crate) behind: Arc<DropBehind>,
}

impl Resources {
    /// So many bytes of recent batches, and so many open files.
    ///
    /// # Panics
    /// When no file may be open.
    #[must_use]
    pub fn new(tail_bytes_max: usize, open_files_max: usize) -> Self {
        Self {
            handles: Arc::new(Handles::new(open_files_max)),
            tails: Arc::new(TailBudget::new(tail_bytes_max)),
            behind: Arc::default(),
        }
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self::new(limits::TAIL_BYTES_MAX, OPEN_FILES_MAX)
    }
}

/// What the logs of one directory share.
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
    pub(crate) resources: Resources,
    /// Set for good when a sync or a repair has failed: nobody knows then what is on disk.
    is_failed: AtomicBool,
    /// Renamed files and directories, and when they are to be removed.
    doomed: Mutex<Vec<(TimestampMs, PathBuf)>>,
    /// Up to where each log has been cleaned.
    pub(crate) cleaned: Mutex<BTreeMap<TopicPartition, Offset>>,
    pub(crate) recovery_points: RecoveryPoints,
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        path: &Path,
        resources: Resources,
        recovery_points: RecoveryPoints,
    ) -> Self {
        Self {
            disk,
            path: path.to_owned(),
            resources,
            is_failed: AtomicBool::new(false),
            doomed: Mutex::default(),
            cleaned: Mutex::default(),
            recovery_points,
        }
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.is_failed.load(Ordering::Acquire)
    }

    /// Where the directory is.
    pub(crate) fn place(&self) -> (&dyn Disk, &Path) {
        (&*self.disk, &self.path)
    }

    /// Refuses to write to a directory that has failed.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        if self.is_failed() { Err(StorageError::Poisoned) } else { Ok(()) }
    }

    /// Takes the directory out of use: what is on disk is not known any more.
    pub(crate) fn poison(&self) {
        if !self.is_failed.swap(true, Ordering::AcqRel) {
            lineage::end(&*self.disk, &self.path);
        }
    }

    /// Has `path` removed when `due` has come.
    pub(crate) fn doom(&self, path: PathBuf, due: TimestampMs) {
        lock(&self.doomed).push((due, path));
    }

    /// Takes what is due.
    pub(crate) fn due(&self, now: TimestampMs) -> Vec<PathBuf> {
        lock(&self.doomed).extract_if(.., |(due, _)| *due <= now).map(|(_, path)| path).collect()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The directory of one log.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) shared: Arc<Shared>,
    pub(crate) directory: Arc<Path>,
}

impl Home {
    pub(crate) fn new(shared: Arc<Shared>, partition: &TopicPartition) -> Self {
        let directory = shared.path.join(partition.to_string()).into();
        Self { shared, directory }
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.shared.disk
    }

    pub(crate) fn path(&self, base: Offset, kind: Kind) -> PathBuf {
        self.directory.join(name(base, kind, Stage::Live))
    }

    pub(crate) fn staged(&self, base: Offset, kind: Kind, stage: Stage) -> PathBuf {
        self.directory.join(name(base, kind, stage))
    }

    /// The open file of `slot`.
    pub(crate) fn file(
        &self,
        slot: &Slot,
        base: Offset,
        kind: Kind,
    ) -> Result<Arc<dyn File>, StorageError> {
        let open = || self.disk().open(&self.path(base, kind), true);
        let opened = self.shared.resources.handles.file(slot, open);
        opened.map_err(|source| self.failed("open", base, kind, source))
    }

    /// An error on one of the files, its name made only now.
    pub(crate) fn failed(
        &self,
        action: &'static str,
        base: Offset,
        kind: Kind,
        source: io::Error,
    ) -> StorageError {
        StorageError::Io { action, path: self.path(base, kind), source }
    }

    /// Removes a file if it is there.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), StorageError> {
        match self.disk().remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.on("remove", path),
        }
    }

    /// Marks a file as deleted, if it is there; it goes when `due` has come.
    pub(crate) fn doom(
        &self,
        base: Offset,
        kind: Kind,
        due: TimestampMs,
    ) -> Result<(), StorageError> {
        let live = self.path(base, kind);
        let deleted = self.staged(base, kind, Stage::Deleted);
        match self.disk().rename(&live, &deleted) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            done => done.on("rename", &live)?,
        }
        self.shared.doom(deleted, due);
        Ok(())
    }

    pub(crate) fn sync_directory(&self) -> Result<(), StorageError> {
        self.disk().sync_directory(&self.directory).on("sync", &self.directory)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
