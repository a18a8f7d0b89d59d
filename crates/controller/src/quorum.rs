//! The seam to the metadata log: where facts become committed.
//!
//! A lone node's quorum is itself ([`super::QuorumOfOne`]); a cluster's is openraft's, later. Offsets are dense: the n-th record
//! ever appended has offset n.

use model::Offset;
use thiserror::Error;

use crate::ControllerError;

/// Told each record in order: its offset and its value.
pub type Visit<'a> = dyn FnMut(Offset, &[u8]) -> Result<(), ControllerError> + 'a;

/// A replicated log of records, and snapshots of what they come to.
pub trait Quorum: Send {
    /// Visits the newest snapshot's records (all under the offset before its end) and those of the log behind it.
    ///
    /// # Errors
    /// What is stored cannot be read, or the visitor's error.
    fn load(&mut self, visit: &mut Visit<'_>) -> Result<(), ControllerError>;

    /// The offset that the next record gets.
    fn end(&self) -> Offset;

    /// Appends records and commits them, all or none; answers the last one's offset.
    ///
    /// # Errors
    /// Whether they are committed is then not known: nothing more may be appended.
    fn append(&mut self, records: &[Vec<u8>]) -> Result<Offset, QuorumError>;

    /// Whether the log has grown so much since the last snapshot that it is time for one.
    fn has_grown(&self) -> bool;

    /// Keeps `records` in place of all that lies before `end`.
    ///
    /// # Errors
    /// The snapshot is not there; the log is whole.
    fn snapshot(
        &mut self,
        end: Offset,
        records: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), QuorumError>;

    /// Closes the log cleanly.
    ///
    /// # Errors
    /// The next start has to recover it.
    fn close(&mut self) -> Result<(), QuorumError>;
}

/// The metadata log is at fault.
#[derive(Debug, Error)]
pub enum QuorumError {
    /// The disk.
    #[error("metadata log: {0}")]
    Storage(#[from] storage::StorageError),
    /// The disk refused a batch.
    #[error("metadata log: {0}")]
    Append(#[from] storage::AppendError),
    /// The disk gave none back.
    #[error("metadata log: {0}")]
    Read(#[from] storage::ReadError),
    /// A snapshot's file.
    #[error("metadata snapshot {file}: {source}")]
    Snapshot {
        /// Its name.
        file: String,
        /// What the disk says.
        source: std::io::Error,
    },
    /// What is stored is not what was written.
    #[error("metadata in {place} is damaged: {why}")]
    Damaged {
        /// Where.
        place: String,
        /// What is wrong.
        why: String,
    },
}

/// A quorum that forgets all with the process: for tests, and for a node that keeps nothing.
#[derive(Debug, Default)]
pub struct VolatileQuorum {
    records: Vec<Vec<u8>>,
}

impl Quorum for VolatileQuorum {
    fn load(&mut self, visit: &mut Visit<'_>) -> Result<(), ControllerError> {
        (0..).map(Offset).zip(&self.records).try_for_each(|(offset, record)| visit(offset, record))
    }

    fn end(&self) -> Offset {
        Offset(self.records.len() as i64)
    }

    fn append(&mut self, records: &[Vec<u8>]) -> Result<Offset, QuorumError> {
        self.records.extend_from_slice(records);
        Ok(self.end().plus(-1))
    }

    fn has_grown(&self) -> bool {
        false
    }

    fn snapshot(
        &mut self,
        _end: Offset,
        _records: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), QuorumError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), QuorumError> {
        Ok(())
    }
}
