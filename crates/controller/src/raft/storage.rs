//! Where a node's quorum keeps its log, opened before any thread starts, so that what is wrong with it is the caller's to hear.

use std::sync::Arc;

use metadata::Fact;
use model::BrokerId;
use openraft::EntryPayload;
use storage::DataDirectory;
use world::{Clock, Disk, sim::SimDisk};

use super::{
    checkpoint::Checkpoints,
    journal::{Found, Journal},
    writer::Writer,
};
use crate::{ControllerError, QuorumError};

/// An open metadata log.
pub struct QuorumStorage {
    pub(super) journal: Journal,
    pub(super) found: Found,
    pub(super) checkpoints: Checkpoints,
    pub(super) writes_in_place: bool,
}

impl QuorumStorage {
    /// Opens (or makes) `__cluster_metadata-0` in `directory`, which lies on `disk`.
    ///
    /// # Errors
    /// The disk, or what lies on it.
    pub fn open(
        directory: &DataDirectory,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, QuorumError> {
        let (journal, found) = Journal::open(directory, Arc::clone(&disk), clock)?;
        let checkpoints = Checkpoints::new(disk, journal.folder());
        Ok(Self { journal, found, checkpoints, writes_in_place: false })
    }

    /// Storage that is gone with the process, on a simulated disk: for tests.
    ///
    /// # Errors
    /// None of a disk without faults.
    pub fn volatile(clock: Arc<dyn Clock>) -> Result<Self, QuorumError> {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
        let root = std::path::Path::new("/volatile");
        let directory = DataDirectory::open(Arc::clone(&disk), root, "volatile", BrokerId(0))?;
        Ok(Self::open(&directory, disk, clock)?.written_in_place())
    }

    /// Writes on the quorum's own thread, as a simulated world does.
    #[must_use]
    pub fn written_in_place(self) -> Self {
        Self { writes_in_place: true, ..self }
    }

    /// Whether the log is that of `cluster_id`, or is empty.
    pub(crate) fn check_cluster(&self, cluster_id: &str) -> Result<(), ControllerError> {
        let snapshot = match self.checkpoints.newest()? {
            Some(bytes) => self.checkpoints.parse(&bytes)?.1.cluster_id().to_owned(),
            None => String::new(),
        };
        let found = if snapshot.is_empty() { self.named_in_log() } else { snapshot };
        if found.is_empty() || found == cluster_id {
            return Ok(());
        }
        Err(ControllerError::Cluster { found, expected: cluster_id.to_owned() })
    }

    fn named_in_log(&self) -> String {
        let groups = self.found.entries.iter().filter_map(|entry| match &entry.payload {
            EntryPayload::Normal(group) => Some(group),
            _ => None,
        });
        let first = groups.flat_map(|group| &group.facts).next();
        match first.map(|fact| Fact::decode(fact)) {
            Some(Ok(Fact::Cluster { id })) => id,
            _ => String::new(),
        }
    }

    pub(super) fn writer(journal: Journal, in_place: bool) -> std::io::Result<Writer> {
        if in_place { Ok(Writer::in_place(journal)) } else { Writer::thread(journal) }
    }
}
