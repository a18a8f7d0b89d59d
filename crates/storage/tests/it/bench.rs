//! A disk, a directory and a log to try things on, and what must be true of every log.

use std::{path::Path, sync::Arc};

use bytes::BytesMut;
use model::{
    BrokerId, LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId, TimestampMs, TopicId,
    TopicName, TopicPartition,
};
use records::{Batch, BatchBuilder, Batches, Codec};
use storage::{
    AppendError, Appended, Checkpoint, DataDirectory, Log, LogOptions, Origin, Resources,
    StorageError,
};
use world::{Chance, Disk, sim::SimDisk};

pub(crate) const DATA: &str = "/data";

/// Where tests stand in time.
pub(crate) const NOW: TimestampMs = TimestampMs(1_000_000);

#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) disk: SimDisk,
    pub(crate) options: Arc<LogOptions>,
    pub(crate) tail_bytes: usize,
    pub(crate) open_files: usize,
}

impl Bench {
    pub(crate) fn new(options: LogOptions) -> Self {
        let disk = SimDisk::new();
        disk.create_directories(Path::new(DATA)).unwrap();
        disk.sync_directory(Path::new("/")).unwrap();
        Self { disk, options: Arc::new(options), tail_bytes: 0, open_files: 4 }
    }

    /// Small segments, an index entry for nearly every batch, no reservations.
    pub(crate) fn small() -> LogOptions {
        LogOptions {
            segment_bytes: 1000,
            index_interval_bytes: 100,
            segment_ms: i64::MAX,
            retention_ms: -1,
            timestamp_after_max_ms: i64::MAX,
            preallocate_bytes: 0,
            ..LogOptions::default()
        }
    }

    pub(crate) fn directory(&self) -> Result<DataDirectory, StorageError> {
        let resources = Resources::new(self.tail_bytes, self.open_files);
        let disk = Arc::new(self.disk.clone());
        DataDirectory::open_with(disk, Path::new(DATA), ("cluster", BrokerId(1)), &resources)
    }

    pub(crate) fn open(&self, directory: &DataDirectory) -> Result<Log, StorageError> {
        directory.open_log(&partition(0), id(1), Arc::clone(&self.options), NOW)
    }

    /// As after a restart of the process.
    pub(crate) fn reopen(&self) -> (DataDirectory, Log) {
        let directory = self.directory().unwrap();
        let log = self.open(&directory).unwrap();
        (directory, log)
    }

    /// Closes as a broker does that is told to stop, and opens again.
    pub(crate) fn restart_cleanly(
        &self,
        directory: DataDirectory,
        mut log: Log,
    ) -> (DataDirectory, Log) {
        log.close().unwrap();
        checkpoint(&directory, &log).unwrap();
        directory.close_clean().unwrap();
        drop(log);
        drop(directory);
        self.disk.crash_process();
        let (directory, log) = self.reopen();
        assert!(directory.was_clean());
        (directory, log)
    }
}

pub(crate) fn partition(number: i32) -> TopicPartition {
    TopicPartition::new(TopicName::parse("topic").unwrap(), PartitionId(number))
}

pub(crate) fn id(bits: u128) -> TopicId {
    TopicId(uuid::Uuid::from_u128(bits))
}

pub(crate) fn checkpoint(directory: &DataDirectory, log: &Log) -> Result<(), StorageError> {
    let at = Checkpoint {
        recovery_point: log.recovery_point(),
        log_start: log.start(),
        high_watermark: log.end(),
    };
    directory.checkpoint(&[(partition(0), at)])
}

/// A batch of `count` records with values of `value_bytes`, all of time `timestamp`.
pub(crate) fn batch(count: usize, value_bytes: usize, timestamp: i64) -> BytesMut {
    let mut builder = BatchBuilder::new(Codec::None);
    let value = vec![b'v'; value_bytes];
    for number in 0..count {
        let key = number.to_string();
        builder.append(TimestampMs(timestamp), Some(key.as_bytes()), Some(&value), &[]);
    }
    builder.finish()
}

/// One record of `producer`.
pub(crate) fn from_producer(
    producer: i64,
    epoch: i16,
    sequence: i32,
    transactional: bool,
) -> BytesMut {
    let mut builder = BatchBuilder::new(Codec::None);
    builder
        .producer(ProducerId(producer), ProducerEpoch(epoch), sequence)
        .transactional(transactional);
    builder.append(TimestampMs(5), Some(b"k"), Some(b"value"), &[]);
    builder.finish()
}

pub(crate) fn append(log: &mut Log, batch: BytesMut) -> Result<Appended, AppendError> {
    let epoch = log.latest_epoch().unwrap_or(LeaderEpoch(0));
    log.append(batch, epoch, Origin::Client, NOW)
}

/// Every batch of the log, read one by one.
pub(crate) fn all_batches(log: &Log) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    let mut from = log.start();
    while from < log.end() {
        let chunk = log.read(from, log.end(), 1, true).unwrap();
        assert!(chunk.next > from, "a read gets on");
        from = chunk.next;
        let bytes = chunk.into_bytes().unwrap();
        for batch in Batches::new(&bytes) {
            let batch = batch.unwrap();
            assert!(batch.is_crc_right());
            batches.push(batch.bytes().to_vec());
        }
    }
    batches
}

/// The values of all records that a consumer would see, with their offsets.
pub(crate) fn bases(log: &Log) -> Vec<i64> {
    all_batches(log).iter().map(|bytes| Batch::parse(bytes).unwrap().base_offset().0).collect()
}

/// Everything that must hold of a log at rest: lookups by offset, bounded reads and lookups by time say what a walk over all
/// batches says.
pub(crate) fn check(log: &Log) {
    let batches = all_batches(log);
    let views: Vec<Batch<'_>> = batches.iter().map(|bytes| Batch::parse(bytes).unwrap()).collect();
    assert!(views.is_sorted_by(|a, b| a.next_offset() <= b.base_offset()));
    for view in &views {
        let at = view.base_offset().max(log.start());
        assert_eq!(log.epoch_of(at), Some(view.leader_epoch()), "the epoch at {at}");
    }
    check_reads(log, &views);
    check_times(log, &views);
}

fn check_reads(log: &Log, views: &[Batch<'_>]) {
    let (start, end) = (log.start().0, log.end().0);
    let mut chance = Chance::from_seed(u64::try_from(end).unwrap());
    for from in start..end {
        let upper = Offset(from + 1 + i64::try_from(chance.below((end - from) as u64)).unwrap());
        let bytes_max = usize::try_from(chance.below(3_000)).unwrap();
        let at_least_one = chance.below(2) == 0;
        let chunk = log.read(Offset(from), upper, bytes_max, at_least_one).unwrap();
        let bytes = chunk.clone().into_bytes().unwrap();
        assert_eq!(bytes.len(), chunk.size_bytes);
        let found: Vec<Batch<'_>> = Batches::new(&bytes).map(Result::unwrap).collect();
        let expected: Vec<&Batch<'_>> = views
            .iter()
            .filter(|view| view.last_offset().0 >= from)
            .take_while(|view| view.last_offset() < upper)
            .collect();
        let prefix = found.len().min(expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.bytes(), expected.bytes());
        }
        assert_eq!(found.len(), prefix, "nothing more than there is");
        let is_first_alone = found.len() == 1 && at_least_one;
        assert!(bytes.len() <= bytes_max || is_first_alone);
        if at_least_one && !expected.is_empty() {
            assert!(!found.is_empty(), "at least one from {from} to {upper}");
        }
        if let Some(last) = found.last() {
            assert!(chunk.next >= last.next_offset());
            assert_eq!(chunk.base, found[0].base_offset());
        }
        let skipped = |view: &&Batch<'_>| {
            view.last_offset().0 >= from
                && view.last_offset() < chunk.next
                && view.base_offset() < upper
        };
        assert_eq!(views.iter().filter(skipped).count(), found.len(), "none is jumped over");
    }
}

fn check_times(log: &Log, views: &[Batch<'_>]) {
    let mut records = Vec::new();
    for view in views {
        let mut scratch = Vec::new();
        for record in view.records(&mut scratch).unwrap() {
            let record = record.unwrap();
            if record.offset >= log.start() {
                records.push((record.offset, record.timestamp));
            }
        }
    }
    let times: std::collections::BTreeSet<i64> =
        records.iter().flat_map(|(_, time)| [time.0, time.0 + 1]).collect();
    for time in times {
        let expected = records.iter().find(|(_, timestamp)| timestamp.0 >= time).copied();
        assert_eq!(log.offset_for_time(TimestampMs(time)).unwrap(), expected, "time {time}");
    }
}
