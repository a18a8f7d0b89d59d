//! The quorum's log on the disk: entries, the vote, where the log begins.
//!
//! ```text
//!   __cluster_metadata-0/
//!     00000000000000000000.log                       one entry = one record batch of one record (entry.rs draws its value)
//!     00000000000000004711-0000000003.checkpoint     a snapshot: the image before offset 4711 (checkpoint.rs draws it)
//!     quorum-state                                   vote and first offset (vote_file.rs draws it)
//! ```
//! A record's offset is the entry's index, its batch's leader epoch the entry's term. What a call has answered is synced.
//! Purging writes `quorum-state` first and then lets go of segments: what lies in the file before the first offset is not
//! there any more. Synchronous; [`super::writer`] says on which thread.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ::bytes::{Bytes, BytesMut};
use model::{LeaderEpoch, Offset, PartitionId, TopicId, TopicName, TopicPartition};
use records::{Batch, BatchBuilder, Batches, Codec, stamp};
use storage::{DataDirectory, Log, LogOptions, Origin};
use world::{Clock, Disk};

use super::{
    entry,
    types::{Entry, LogId, Vote, log_id, term_of},
    vote_file::QuorumState,
};
use crate::QuorumError;

/// See the file's head.
pub(crate) struct Journal {
    log: Log,
    state: QuorumState,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    folder: PathBuf,
}

/// An entry as it is written: its place, and what [`entry::encode`] made of it.
pub(crate) struct Record {
    pub(crate) id: LogId,
    pub(crate) value: Vec<u8>,
}

/// What a journal holds when it is opened.
pub(crate) struct Found {
    pub(crate) vote: Option<Vote>,
    pub(crate) purged: Option<LogId>,
    /// From the first that is not purged.
    pub(crate) entries: Vec<Entry>,
    /// Their bytes on the disk.
    pub(crate) size_bytes: u64,
}

impl Journal {
    /// Opens (or makes) the metadata log in `directory`, which lies on `disk`.
    pub(crate) fn open(
        directory: &DataDirectory,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Found), QuorumError> {
        let topic = TopicName::parse(TOPIC).expect("it is a legal name");
        let partition = TopicPartition::new(topic, PartitionId(0));
        let folder = directory.path().join(partition.to_string());
        let options = LogOptions {
            segment_bytes: SEGMENT_BYTES,
            message_bytes_max: SEGMENT_BYTES,
            segment_ms: i64::MAX,
            retention_ms: -1,
            retention_bytes: -1,
            delete: false,
            compact: false,
            preallocate_bytes: 1 << 20,
            ..LogOptions::default()
        };
        let log = directory.open_log(&partition, TOPIC_ID, Arc::new(options), clock.wall())?;
        if !disk.exists(&folder.join(STATE_FILE)) {
            // A vote may be the first that is synced here: its folder's name must last as well.
            let parent = directory.path();
            disk.sync_directory(parent).map_err(|source| failed(parent, source))?;
        }
        let state = read_state(disk.as_ref(), &folder)?;
        let mut journal = Self { log, state, disk, clock, folder };
        journal.finish_purge()?;
        let (entries, size_bytes) = journal.read_entries()?;
        let QuorumState { vote, purged } = journal.state.clone();
        Ok((journal, Found { vote, purged, entries, size_bytes }))
    }

    /// Where snapshots lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Appends entries that follow the last, and syncs them.
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<(), QuorumError> {
        let now = self.clock.wall();
        for record in records {
            self.log.append(batch(record, now), epoch(record.id), Origin::Follower, now)?;
        }
        self.sync()
    }

    /// Drops the entries from `first` on.
    pub(crate) fn truncate_from(&mut self, first: u64) -> Result<(), QuorumError> {
        Ok(self.log.truncate_to(offset(first))?)
    }

    /// Lets go of the entries up to `last`.
    pub(crate) fn purge(&mut self, last: LogId) -> Result<(), QuorumError> {
        self.save(QuorumState { purged: Some(last), ..self.state.clone() })?;
        self.finish_purge()?;
        // What a restart after a crash has to read ends here, too.
        self.log.flush()?;
        Ok(())
    }

    /// Keeps the vote.
    pub(crate) fn save_vote(&mut self, vote: Vote) -> Result<(), QuorumError> {
        self.save(QuorumState { vote: Some(vote), ..self.state.clone() })
    }

    /// Closes the log cleanly: the next start has nothing to recover.
    pub(crate) fn close(&mut self) -> Result<(), QuorumError> {
        Ok(self.log.close()?)
    }

    fn save(&mut self, state: QuorumState) -> Result<(), QuorumError> {
        let path = self.folder.join(STATE_FILE);
        self.disk.replace(&path, &state.encode()).map_err(|source| failed(&path, source))?;
        self.state = state;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), QuorumError> {
        let to = self.log.sync_handle()?.run()?;
        self.log.note_synced(to);
        Ok(())
    }

    fn finish_purge(&mut self) -> Result<(), QuorumError> {
        let Some(purged) = self.state.purged else { return Ok(()) };
        let start = offset(purged.index + 1);
        if start > self.log.end() {
            // A snapshot of the leader went past all that was here.
            self.log.truncate_fully(start)?;
        } else {
            self.log.advance_start(start, start)?;
        }
        Ok(())
    }

    fn read_entries(&self) -> Result<(Vec<Entry>, u64), QuorumError> {
        let first = self.state.purged.map_or(0, |purged| purged.index + 1);
        let (mut from, end) = (offset(first), self.log.end());
        let (mut entries, mut size_bytes) = (Vec::new(), 0);
        if from > end || self.log.start() > from {
            let why = format!("the log holds {}..{end} and begins at {from}", self.log.start());
            return Err(damaged(&self.folder, why));
        }
        while from < end {
            let chunk = self.log.read(from, end, READ_BYTES, true)?;
            if chunk.next <= from {
                let why = format!("nothing can be read at {from}, the end is {end}");
                return Err(damaged(&self.folder, why));
            }
            from = chunk.next;
            size_bytes += chunk.size_bytes as u64;
            let bytes = chunk.into_bytes().map_err(|source| failed(&self.folder, source))?;
            visit_batches(&bytes, &self.folder, &mut |batch, value| {
                let index = u64::try_from(batch.base_offset().0).unwrap_or_default();
                if index < first {
                    return Ok(());
                }
                let term = u64::try_from(batch.leader_epoch().0).unwrap_or_default();
                let entry = entry::decode(log_id(term, index), Bytes::copy_from_slice(value));
                let next = first + entries.len() as u64;
                let entry = entry.filter(|_| index == next);
                entries.push(entry.ok_or_else(|| {
                    damaged(
                        &self.folder,
                        format!("the record at {index} is no entry, or not {next}"),
                    )
                })?);
                Ok(())
            })?;
        }
        Ok((entries, size_bytes))
    }
}

/// Told each batch with one of its records, in order.
pub(super) type VisitRecord<'a> = dyn FnMut(&Batch<'_>, &[u8]) -> Result<(), QuorumError> + 'a;

/// Each record of whole batches; bytes that are none, or of a wrong checksum, are an error.
pub(super) fn visit_batches(
    bytes: &[u8],
    place: &Path,
    visit: &mut VisitRecord<'_>,
) -> Result<(), QuorumError> {
    let mut batches = Batches::new(bytes);
    let mut scratch = Vec::new();
    for batch in &mut batches {
        let batch = batch.map_err(|error| damaged(place, error.to_string()))?;
        if !batch.is_crc_right() {
            let why = format!("the checksum of the batch at {} is wrong", batch.base_offset());
            return Err(damaged(place, why));
        }
        let records =
            batch.records(&mut scratch).map_err(|error| damaged(place, error.to_string()))?;
        for record in records {
            let record = record.map_err(|error| damaged(place, error.to_string()))?;
            visit(&batch, record.value.unwrap_or_default())?;
        }
    }
    if !batches.rest().is_empty() {
        return Err(damaged(place, "its last batch is cut short".to_owned()));
    }
    Ok(())
}

pub(super) fn failed(path: &Path, source: std::io::Error) -> QuorumError {
    QuorumError::File { file: path.display().to_string(), source }
}

pub(super) fn damaged(place: &Path, why: String) -> QuorumError {
    QuorumError::Damaged { place: place.display().to_string(), why }
}

fn read_state(disk: &dyn Disk, folder: &Path) -> Result<QuorumState, QuorumError> {
    let path = folder.join(STATE_FILE);
    if !disk.exists(&path) {
        return Ok(QuorumState::default());
    }
    let bytes = disk.read_whole(&path).map_err(|source| failed(&path, source))?;
    QuorumState::decode(&bytes.into())
        .ok_or_else(|| damaged(&path, "its checksum or version is wrong".to_owned()))
}

fn batch(record: &Record, now: model::TimestampMs) -> BytesMut {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.append(now, None, Some(&record.value), &[]);
    let mut batch = builder.finish();
    stamp::offset_and_epoch(&mut batch, offset(record.id.index), epoch(record.id));
    batch
}

/// # Panics
/// Past 2^63 entries.
fn offset(index: u64) -> Offset {
    Offset(i64::try_from(index).expect("a log has fewer than 2^63 entries"))
}

/// # Panics
/// Past 2^31 terms: one a millisecond lasts 24 days, but an election takes longer than that.
fn epoch(id: LogId) -> LeaderEpoch {
    LeaderEpoch(i32::try_from(term_of(&id)).expect("a quorum has fewer than 2^31 terms"))
}

const TOPIC: &str = "__cluster_metadata";
/// Kafka reserves it for the metadata log.
const TOPIC_ID: TopicId = TopicId(uuid::Uuid::from_u128(1));
const STATE_FILE: &str = "quorum-state";
/// Segments wholly below the first offset go; an entry fits into one.
const SEGMENT_BYTES: u32 = 16 << 20;
/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;

const _: () = assert!(
    SEGMENT_BYTES as usize >= 2 * super::ENTRY_BYTES_MAX,
    "an entry and the header of its batch fit into a segment"
);
