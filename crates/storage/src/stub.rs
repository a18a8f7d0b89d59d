//! Signatures; the bodies follow.
use std::{io, path::Path, sync::Arc};

use bytes::BytesMut;
use model::*;
use world::Disk;

use crate::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Client,
    Coordinator,
    Follower,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub base: Offset,
    pub last: Offset,
    pub append_time: TimestampMs,
    pub log_start: Offset,
    pub duplicate: bool,
    pub size_bytes: usize,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    pub producer_id: ProducerId,
    pub first_offset: Offset,
    pub last_offset: Offset,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerSummary {
    pub id: ProducerId,
    pub epoch: ProducerEpoch,
    pub coordinator_epoch: i32,
    pub last_sequence: i32,
    pub last_offset: Offset,
    pub last_timestamp: TimestampMs,
    pub transaction_start: Option<Offset>,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub recovery_point: Offset,
    pub log_start: Offset,
    pub high_watermark: Offset,
}
/// What logs of a process share; give one to every directory.
#[derive(Clone, Debug)]
pub struct Resources {}
impl Resources {
    pub fn new(tail_bytes_max: usize, open_files_max: usize) -> Self {
        unimplemented!()
    }
}
impl Default for Resources {
    fn default() -> Self {
        Self::new(limits::TAIL_BYTES_MAX, 512)
    }
}
pub struct DataDirectory {}
impl DataDirectory {
    /// `cluster_id` "" takes the stored one.
    pub fn open(
        disk: Arc<dyn Disk>,
        path: &Path,
        cluster_id: &str,
        node_id: BrokerId,
    ) -> Result<Self, StorageError> {
        unimplemented!()
    }
    pub fn open_with(
        disk: Arc<dyn Disk>,
        path: &Path,
        identity: (&str, BrokerId),
        resources: &Resources,
    ) -> Result<Self, StorageError> {
        unimplemented!()
    }
    /// Cluster id and node of a directory, if it has been used before.
    pub fn identity(
        disk: &dyn Disk,
        path: &Path,
    ) -> Result<Option<(String, BrokerId)>, StorageError> {
        unimplemented!()
    }
    pub fn was_clean(&self) -> bool {
        unimplemented!()
    }
    pub fn cluster_id(&self) -> &str {
        unimplemented!()
    }
    pub fn path(&self) -> &Path {
        unimplemented!()
    }
    pub fn found(&self) -> Vec<(TopicPartition, TopicId)> {
        unimplemented!()
    }
    pub fn open_log(
        &self,
        tp: &TopicPartition,
        id: TopicId,
        options: Arc<LogOptions>,
        now: TimestampMs,
    ) -> Result<Log, StorageError> {
        unimplemented!()
    }
    pub fn high_watermark(&self, tp: &TopicPartition) -> Option<Offset> {
        unimplemented!()
    }
    pub fn checkpoint(&self, logs: &[(TopicPartition, Checkpoint)]) -> Result<(), StorageError> {
        unimplemented!()
    }
    pub fn delete_log(
        &self,
        tp: &TopicPartition,
        log: Log,
        now: TimestampMs,
    ) -> Result<(), StorageError> {
        unimplemented!()
    }
    pub fn remove_deleted(&self, now: TimestampMs) -> io::Result<()> {
        unimplemented!()
    }
    pub fn is_failed(&self) -> bool {
        unimplemented!()
    }
    pub fn close_clean(&self) -> Result<(), StorageError> {
        unimplemented!()
    }
}
pub struct FlushHandle {}
impl FlushHandle {
    /// Syncs, without the log's lock; the offset is for [`Log::note_flushed`].
    pub fn run(self) -> Result<Offset, StorageError> {
        unimplemented!()
    }
}
pub struct Compaction {}
impl Compaction {
    pub fn run(self) -> Result<Compacted, StorageError> {
        unimplemented!()
    }
}
pub struct Compacted {}
pub struct Log {}
impl Log {
    pub fn append(
        &mut self,
        batch: BytesMut,
        epoch: LeaderEpoch,
        origin: Origin,
        now: TimestampMs,
    ) -> Result<Appended, AppendError> {
        unimplemented!()
    }
    pub fn read(
        &self,
        from: Offset,
        upper: Offset,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Chunk, ReadError> {
        unimplemented!()
    }
    pub fn start(&self) -> Offset {
        unimplemented!()
    }
    pub fn end(&self) -> Offset {
        unimplemented!()
    }
    pub fn recovery_point(&self) -> Offset {
        unimplemented!()
    }
    /// Start of the earliest open transaction (or of one whose marker is not below the last told high watermark).
    pub fn first_unstable(&self) -> Option<Offset> {
        unimplemented!()
    }
    /// The last stable offset under `high_watermark`: also transactions whose marker is not yet replicated hold it back.
    pub fn last_stable(&self, high_watermark: Offset) -> Offset {
        unimplemented!()
    }
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), StorageError> {
        unimplemented!()
    }
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        unimplemented!()
    }
    pub fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        unimplemented!()
    }
    pub fn epoch_of(&self, offset: Offset) -> Option<LeaderEpoch> {
        unimplemented!()
    }
    pub fn offset_for_time(
        &self,
        target: TimestampMs,
    ) -> Result<Option<(Offset, TimestampMs)>, StorageError> {
        unimplemented!()
    }
    pub fn max_timestamp(&self) -> Result<Option<(Offset, TimestampMs)>, StorageError> {
        unimplemented!()
    }
    pub fn aborted(
        &self,
        from: Offset,
        upper: Offset,
    ) -> Result<Vec<AbortedTransaction>, StorageError> {
        unimplemented!()
    }
    pub fn producers(&self) -> Vec<ProducerSummary> {
        unimplemented!()
    }
    pub fn advance_start(
        &mut self,
        to: Offset,
        high_watermark: Offset,
    ) -> Result<(), StorageError> {
        unimplemented!()
    }
    pub fn truncate_to(&mut self, offset: Offset) -> Result<(), StorageError> {
        unimplemented!()
    }
    /// Drops all and starts anew at `offset` (a follower that fell behind the leader's start).
    pub fn truncate_fully(&mut self, offset: Offset) -> Result<(), StorageError> {
        unimplemented!()
    }
    pub fn enforce_retention(
        &mut self,
        now: TimestampMs,
        high_watermark: Offset,
    ) -> Result<usize, StorageError> {
        unimplemented!()
    }
    pub fn size_bytes(&self) -> u64 {
        unimplemented!()
    }
    pub fn segment_count(&self) -> usize {
        unimplemented!()
    }
    pub fn options(&self) -> &Arc<LogOptions> {
        unimplemented!()
    }
    pub fn set_options(&mut self, options: Arc<LogOptions>) {
        unimplemented!()
    }
    pub fn flush(&mut self) -> Result<Offset, StorageError> {
        unimplemented!()
    }
    pub fn flush_handle(&mut self) -> Result<FlushHandle, StorageError> {
        unimplemented!()
    }
    pub fn note_flushed(&mut self, to: Offset) {
        unimplemented!()
    }
    pub fn plan_compaction(&self, now: TimestampMs, last_stable: Offset) -> Option<Compaction> {
        unimplemented!()
    }
    pub fn install_compaction(&mut self, compacted: Compacted) -> Result<(), StorageError> {
        unimplemented!()
    }
    pub fn close(&mut self) -> Result<(), StorageError> {
        unimplemented!()
    }
    pub fn idle(&mut self, now: TimestampMs) {
        unimplemented!()
    }
}
