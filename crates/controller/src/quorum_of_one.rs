//! A lone node's quorum: its own disk. The metadata log lies where Kafka has it.
//!
//! ```text
//!   __cluster_metadata-0/
//!     00000000000000000000.log                       record batches; each record one fact (metadata::Fact draws it)
//!     00000000000000004711-0000000001.checkpoint     record batches too: the facts that come to the image before offset 4711
//! ```
//! A group of facts is one batch: its checksum makes it all or nothing, and it is synced before anyone is told. A snapshot is written beside its
//! name, synced and renamed, so that one that has its name is whole; then the log before it goes.
//! (The batches are Kafka's; the facts in them are not KRaft's records.)

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use metadata::options::ServerOptions;
use model::{LeaderEpoch, Offset, PartitionId, TimestampMs, TopicId, TopicName, TopicPartition};
use records::{Batch, BatchBuilder, Batches, Codec};
use storage::{DataDirectory, Log, LogOptions, Origin};
use world::{Clock, Disk};

use crate::{ControllerError, Quorum, QuorumError, quorum::Visit};

/// The metadata log of a lone node.
pub struct QuorumOfOne {
    log: Log,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    folder: PathBuf,
    /// Where the newest snapshot ends; zero without one.
    snapshot_end: Offset,
    snapshot_bytes: u64,
    /// Bytes of log behind it.
    tail_bytes: u64,
    /// `metadata.log.max.record.bytes.between.snapshots`.
    tail_bytes_max: u64,
}

impl QuorumOfOne {
    /// Opens (or makes) the metadata log in `directory`, which lies on `disk`.
    ///
    /// # Errors
    /// The disk, or what lies on it.
    pub fn open(
        directory: &DataDirectory,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        server: &ServerOptions,
    ) -> Result<Self, QuorumError> {
        let topic = TopicName::parse(TOPIC).expect("it is a legal name");
        let partition = TopicPartition::new(topic, PartitionId(0));
        let folder = directory.path().join(partition.to_string());
        let options = LogOptions {
            segment_bytes: BATCH_BYTES_MAX,
            message_bytes_max: BATCH_BYTES_MAX,
            segment_ms: i64::MAX,
            retention_ms: -1,
            retention_bytes: -1,
            delete: false,
            compact: false,
            preallocate_bytes: 1 << 20,
            ..LogOptions::default()
        };
        let log = directory.open_log(&partition, TOPIC_ID, Arc::new(options), clock.wall())?;
        let tail_bytes_max = server.number("metadata.log.max.record.bytes.between.snapshots");
        Ok(Self {
            log,
            disk,
            clock,
            folder,
            snapshot_end: Offset::ZERO,
            snapshot_bytes: 0,
            tail_bytes: 0,
            tail_bytes_max: u64::try_from(tail_bytes_max).unwrap_or(u64::MAX),
        })
    }

    /// Snapshots on the disk: where each ends, and its file; the newest last.
    fn snapshots(&self) -> Result<Vec<(Offset, PathBuf)>, QuorumError> {
        let listed = self.disk.list(&self.folder).map_err(|source| failed(&self.folder, source))?;
        let named = listed.into_iter().filter_map(|entry| {
            let (end, _epoch) = entry.name.strip_suffix(SNAPSHOT_SUFFIX)?.split_once('-')?;
            Some((Offset(end.parse().ok()?), self.folder.join(&entry.name)))
        });
        let mut snapshots: Vec<_> = named.collect();
        snapshots.sort();
        Ok(snapshots)
    }

    fn load_snapshot(
        &mut self,
        (end, path): &(Offset, PathBuf),
        visit: &mut Visit<'_>,
    ) -> Result<(), ControllerError> {
        let bytes = self.disk.read_whole(path).map_err(|source| failed(path, source))?;
        visit_batches(&bytes, path, &mut |_, value| visit(end.plus(-1), value))?;
        self.snapshot_end = *end;
        self.snapshot_bytes = bytes.len() as u64;
        Ok(())
    }

    fn load_log(&mut self, visit: &mut Visit<'_>) -> Result<(), ControllerError> {
        let (mut from, end) = (self.log.start().max(self.snapshot_end), self.log.end());
        if self.log.start() > self.snapshot_end || end < self.snapshot_end {
            let why = format!(
                "the log holds {}..{end}, the newest snapshot ends at {}",
                self.log.start(),
                self.snapshot_end
            );
            return Err(damaged(&self.folder, why).into());
        }
        while from < end {
            let chunk = self.log.read(from, end, READ_BYTES, true).map_err(QuorumError::from)?;
            let next = chunk.next;
            if next <= from {
                let why = format!("nothing can be read at {from}, the end is {end}");
                return Err(damaged(&self.folder, why).into());
            }
            self.tail_bytes += chunk.size_bytes as u64;
            let bytes = chunk.into_bytes().map_err(|source| failed(&self.folder, source))?;
            visit_batches(&bytes, &self.folder, &mut |offset, value| {
                // A batch may begin before the snapshot's end.
                if offset < from { Ok(()) } else { visit(offset, value) }
            })?;
            from = next;
        }
        Ok(())
    }
}

impl Quorum for QuorumOfOne {
    fn load(&mut self, visit: &mut Visit<'_>) -> Result<(), ControllerError> {
        if let Some(newest) = self.snapshots()?.last() {
            self.load_snapshot(newest, visit)?;
        }
        self.load_log(visit)
    }

    fn end(&self) -> Offset {
        self.log.end()
    }

    fn append(&mut self, records: &[Vec<u8>]) -> Result<Offset, QuorumError> {
        let now = self.clock.wall();
        let batch = batch(Offset::ZERO, records, now);
        let size_bytes = batch.len() as u64;
        let appended = self.log.append(batch, EPOCH, Origin::Coordinator, now)?;
        self.log.flush()?;
        self.tail_bytes += size_bytes;
        Ok(appended.last)
    }

    fn has_grown(&self) -> bool {
        // As much again as the snapshot has: each fact is written about twice, and a start reads about twice what it must.
        let grown = self.snapshot_bytes.max(TAIL_BYTES_LEAST).min(self.tail_bytes_max);
        self.tail_bytes >= grown
    }

    fn snapshot(
        &mut self,
        end: Offset,
        records: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), QuorumError> {
        assert_eq!(end, self.log.end(), "a snapshot is of all that is committed");
        let bytes = snapshot_bytes(records, self.clock.wall());
        let before = self.snapshots()?;
        let path = self.folder.join(format!("{:020}-{:010}{SNAPSHOT_SUFFIX}", end.0, EPOCH.0));
        self.disk.replace(&path, &bytes).map_err(|source| failed(&path, source))?;
        (self.snapshot_end, self.snapshot_bytes, self.tail_bytes) = (end, bytes.len() as u64, 0);
        self.log.advance_start(end, end)?;
        for (_, old) in before.iter().filter(|(_, old)| *old != path) {
            self.disk.remove_file(old).map_err(|source| failed(old, source))?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), QuorumError> {
        Ok(self.log.close()?)
    }
}

/// Batches of facts, none of them large.
fn snapshot_bytes(records: &mut dyn Iterator<Item = Vec<u8>>, now: TimestampMs) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut group, mut group_bytes, mut base) = (Vec::new(), 0, Offset::ZERO);
    for record in records {
        group_bytes += record.len();
        group.push(record);
        if group_bytes >= READ_BYTES {
            bytes.extend_from_slice(&batch(base, &group, now));
            base = base.plus(group.len() as i64);
            (group_bytes, group) = (0, Vec::new());
        }
    }
    if !group.is_empty() {
        bytes.extend_from_slice(&batch(base, &group, now));
    }
    bytes
}

fn batch(base: Offset, records: &[Vec<u8>], now: TimestampMs) -> bytes::BytesMut {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.base_offset(base);
    for record in records {
        builder.append(now, None, Some(record), &[]);
    }
    builder.finish()
}

/// Each record of whole batches; bytes that are none, or of a wrong checksum, are an error.
fn visit_batches(bytes: &[u8], place: &Path, visit: &mut Visit<'_>) -> Result<(), ControllerError> {
    let mut batches = Batches::new(bytes);
    let mut scratch = Vec::new();
    for batch in &mut batches {
        let batch = batch.map_err(|error| damaged(place, error.to_string()))?;
        visit_records(&batch, place, &mut scratch, visit)?;
    }
    if !batches.rest().is_empty() {
        return Err(damaged(place, "its last batch is cut short".to_owned()).into());
    }
    Ok(())
}

fn visit_records(
    batch: &Batch<'_>,
    place: &Path,
    scratch: &mut Vec<u8>,
    visit: &mut Visit<'_>,
) -> Result<(), ControllerError> {
    if !batch.is_crc_right() {
        let why = format!("the checksum of the batch at {} is wrong", batch.base_offset());
        return Err(damaged(place, why).into());
    }
    let records = batch.records(scratch).map_err(|error| damaged(place, error.to_string()))?;
    for record in records {
        let record = record.map_err(|error| damaged(place, error.to_string()))?;
        visit(record.offset, record.value.unwrap_or_default())?;
    }
    Ok(())
}

fn failed(path: &Path, source: std::io::Error) -> QuorumError {
    QuorumError::Snapshot { file: path.display().to_string(), source }
}

fn damaged(place: &Path, why: String) -> QuorumError {
    QuorumError::Damaged { place: place.display().to_string(), why }
}

const TOPIC: &str = "__cluster_metadata";
/// Kafka reserves it for the metadata log.
const TOPIC_ID: TopicId = TopicId(uuid::Uuid::from_u128(1));
/// A lone node reigns for ever.
const EPOCH: LeaderEpoch = LeaderEpoch(1);
const SNAPSHOT_SUFFIX: &str = ".checkpoint";
/// The facts of one group are one batch, and one request's frame bounds them.
const BATCH_BYTES_MAX: u32 = 64 << 20;
/// Bytes read, or written to a snapshot, at a time.
const READ_BYTES: usize = 1 << 20;
/// Below this much log a snapshot is not worth its file.
const TAIL_BYTES_LEAST: u64 = 1 << 20;

const _: () = assert!(
    BATCH_BYTES_MAX as usize > 4 * model::limits::FRAME_BYTES_MAX_WITHOUT_RECORDS,
    "the facts of a request are not much larger than the request"
);

#[cfg(test)]
#[path = "quorum_of_one_tests.rs"]
mod tests;
