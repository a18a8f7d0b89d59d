//! Partitions in memory that crash when told to: the world of the sealed-turns tests.
//!
//! A write is an append, a sync or a trim. The crash comes before the n-th write takes effect; from then on everything is
//! refused, until the world is healed. A power cut takes what was not synced of the job's topics as well.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use flow::topics::{Leadership, PartitionEnds, Producer, ReadBatches, TopicFacts, Topics};
use model::{
    BrokerId, ErrorCode, Isolation, LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId,
    TimestampMs, TopicId, TopicName, TopicPartition,
};
use records::{Batch, control, stamp};

/// Topics in memory.
#[derive(Default)]
pub(crate) struct Memory(Mutex<State>);

#[derive(Default)]
struct State {
    topics: BTreeMap<TopicName, TopicFacts>,
    logs: BTreeMap<TopicPartition, Log>,
    wall: i64,
    writes: u64,
    crash_at: Option<u64>,
    producer_ids: i64,
    /// Partitions whose leader moves: nobody reads them.
    refused: Vec<TopicPartition>,
    /// What the last wait was for, and how long it might take.
    awaited: Option<(Vec<TopicPartition>, Duration)>,
}

#[derive(Default)]
pub(super) struct Log {
    batches: Vec<(Offset, Bytes)>,
    start: i64,
    end: i64,
    synced: i64,
    producers: BTreeMap<ProducerId, (ProducerEpoch, Option<i32>)>,
    /// Reigns of its leaders, each with where it began.
    reigns: Vec<(LeaderEpoch, Offset)>,
}

impl Memory {
    /// Appends to an input; no write of the job's.
    pub(crate) fn produce(&self, partition: &TopicPartition, batch: BytesMut) {
        self.state().log(partition).unwrap().append(partition, batch).unwrap();
    }

    /// Begins the next reign of a partition's leaders.
    pub(crate) fn elect(&self, partition: &TopicPartition) {
        let mut state = self.state();
        let log = state.log(partition).unwrap();
        let (epoch, end) = (log.epoch().next(), Offset(log.end));
        log.reigns.push((epoch, end));
    }

    /// The epoch of a partition's leader.
    pub(crate) fn epoch(&self, partition: &TopicPartition) -> LeaderEpoch {
        self.state().log(partition).map_or(LeaderEpoch::NONE, |log| log.epoch())
    }

    /// All partitions.
    pub(crate) fn partitions(&self) -> Vec<TopicPartition> {
        self.state().logs.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Makes a topic.
    pub(crate) fn make(&self, topic: &str, partitions: i32) {
        self.create(&TopicName::parse(topic).unwrap(), partitions, &[]).unwrap();
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, ms: i64) {
        self.state().wall += ms;
    }

    /// Writes so far.
    pub(crate) fn writes(&self) -> u64 {
        self.state().writes
    }

    /// The world stops before write `number` (counted from the world's beginning).
    pub(crate) fn crash_at(&self, number: Option<u64>) {
        self.state().crash_at = number;
    }

    /// Has reads of these partitions refused, as while their leaders move.
    pub(crate) fn refuse(&self, partitions: &[TopicPartition]) {
        self.state().refused = partitions.to_vec();
    }

    /// What the last wait was for, and how long it might take.
    pub(crate) fn awaited(&self) -> Option<(Vec<TopicPartition>, Duration)> {
        self.state().awaited.clone()
    }

    /// What a power cut takes: everything unsynced of topics whose name does not begin with `kept`.
    pub(crate) fn cut_power(&self, kept: &str) {
        for (partition, log) in &mut self.state().logs {
            if !partition.topic.as_str().starts_with(kept) {
                log.batches.retain(|(base, _)| base.0 < log.synced);
                log.end = log.synced;
                log.producers.clear();
                for (_, batch) in &log.batches {
                    let batch = Batch::parse(batch).unwrap();
                    let last = (!batch.is_control()).then(|| batch.last_sequence());
                    log.producers.insert(batch.producer_id(), (batch.producer_epoch(), last));
                }
            }
        }
    }

    /// Records that `topic` holds, after what has been trimmed.
    pub(crate) fn length(&self, topic: &str) -> i64 {
        let state = self.state();
        let logs = state.logs.iter().filter(|(partition, _)| partition.topic.as_str() == topic);
        logs.map(|(_, log)| log.end - log.start).sum()
    }

    /// Every record of `topic` that is no control record, per partition: key and value.
    pub(crate) fn records(&self, topic: &str) -> Vec<Vec<(String, String)>> {
        let text =
            |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or(b"-").to_vec()).unwrap();
        let state = self.state();
        let logs = state.logs.iter().filter(|(partition, _)| partition.topic.as_str() == topic);
        let read = |log: &Log| {
            let mut records = Vec::new();
            for (_, bytes) in &log.batches {
                let batch = Batch::parse(bytes).unwrap();
                if !batch.is_control() {
                    for record in batch.records(&mut Vec::new()).unwrap() {
                        let record = record.unwrap();
                        records.push((text(record.key), text(record.value)));
                    }
                }
            }
            records
        };
        logs.map(|(_, log)| read(log)).collect()
    }
}

impl State {
    /// Counts a write; refuses it and all after it once the crash has come.
    fn write(&mut self) -> Result<(), ErrorCode> {
        if self.crash_at.is_some_and(|at| self.writes >= at) {
            return Err(ErrorCode::KafkaStorageError);
        }
        self.writes += 1;
        Ok(())
    }

    fn log(&mut self, partition: &TopicPartition) -> Result<&mut Log, ErrorCode> {
        self.logs.get_mut(partition).ok_or(ErrorCode::UnknownTopicOrPartition)
    }
}

impl Log {
    fn epoch(&self) -> LeaderEpoch {
        self.reigns.last().map_or(LeaderEpoch(0), |(epoch, _)| *epoch)
    }

    /// Where the newest reign up to `epoch` ends.
    fn end_of(&self, epoch: LeaderEpoch) -> Offset {
        let next = self.reigns.iter().find(|(later, _)| *later > epoch);
        next.map_or(Offset(self.end), |(_, begin)| *begin)
    }

    fn append(
        &mut self,
        partition: &TopicPartition,
        mut batch: BytesMut,
    ) -> Result<Offset, ErrorCode> {
        let base = Offset(self.end);
        stamp::offset_and_epoch(&mut batch, base, self.epoch());
        let view = Batch::parse(&batch).unwrap();
        if view.producer_id().is_some() {
            let known = self.producers.get(&view.producer_id()).copied();
            if let Some((epoch, last)) = known {
                if view.producer_epoch() < epoch {
                    return Err(ErrorCode::InvalidProducerEpoch);
                }
                let expected =
                    if view.producer_epoch() > epoch { Some(0) } else { last.map(|last| last + 1) };
                let follows = expected.is_none_or(|expected| view.base_sequence() == expected);
                assert!(view.is_control() || follows, "{partition}: a sequence is out of order");
            }
            let last = (!view.is_control()).then(|| view.last_sequence());
            self.producers.insert(view.producer_id(), (view.producer_epoch(), last));
        }
        self.end = view.next_offset().0;
        self.batches.push((base, batch.freeze()));
        Ok(base)
    }
}

impl Topics for Memory {
    fn wall(&self) -> TimestampMs {
        TimestampMs(self.state().wall)
    }

    fn topic(&self, topic: &TopicName) -> Option<TopicFacts> {
        self.state().topics.get(topic).cloned()
    }

    fn leadership(&self, _: &TopicPartition) -> Option<Leadership> {
        Some(Leadership { leader: Some(BrokerId(0)), epoch: LeaderEpoch(0), is_here: true })
    }

    fn create(
        &self,
        topic: &TopicName,
        partitions: i32,
        _: &[(&str, &str)],
    ) -> Result<TopicFacts, ErrorCode> {
        let partitions = if partitions < 0 { 2 } else { partitions };
        let mut state = self.state();
        let facts = TopicFacts { id: TopicId::NONE, partitions };
        state.topics.insert(topic.clone(), facts.clone());
        for partition in 0..partitions {
            let partition = TopicPartition::new(topic.clone(), PartitionId(partition));
            state.logs.insert(partition, Log::default());
        }
        Ok(facts)
    }

    fn ends(&self, partition: &TopicPartition) -> Result<PartitionEnds, ErrorCode> {
        let mut state = self.state();
        let log = state.log(partition)?;
        Ok(PartitionEnds {
            log_start: Offset(log.start),
            readable_end: Offset(log.end),
            high_watermark: Offset(log.end),
            log_end: Offset(log.end),
        })
    }

    fn offset_for_time(
        &self,
        _: &TopicPartition,
        _: TimestampMs,
    ) -> Result<Option<Offset>, ErrorCode> {
        Ok(None)
    }

    fn read(
        &self,
        partition: &TopicPartition,
        from: Offset,
        bytes_max: usize,
        _: Isolation,
    ) -> Result<ReadBatches, ErrorCode> {
        let mut state = self.state();
        if state.refused.contains(partition) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let log = state.log(partition)?;
        if from.0 < log.start || from.0 > log.end {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let mut bytes = BytesMut::new();
        let mut next = from;
        for (_, batch) in &log.batches {
            let end = Batch::parse(batch).unwrap().next_offset();
            if end > from && (bytes.is_empty() || bytes.len() + batch.len() <= bytes_max) {
                bytes.extend_from_slice(batch);
                next = end;
            }
        }
        let bytes = bytes.freeze();
        Ok(ReadBatches {
            next,
            leader_epoch: Batch::parse(&bytes).map_or(LeaderEpoch::NONE, |it| it.leader_epoch()),
            bytes,
            aborted: Vec::new(),
            readable_end: Offset(log.end),
        })
    }

    fn append(&self, partition: &TopicPartition, batch: BytesMut) -> Result<Offset, ErrorCode> {
        let mut state = self.state();
        state.write()?;
        state.log(partition)?.append(partition, batch)
    }

    fn append_here(
        &self,
        partition: &TopicPartition,
        batch: BytesMut,
    ) -> Result<Offset, ErrorCode> {
        self.append(partition, batch)
    }

    fn fence(&self, partition: &TopicPartition, producer: Producer) -> Result<Offset, ErrorCode> {
        let Producer { id, epoch } = producer;
        let marker = control::marker(control::Marker::Abort, 0, id, epoch, self.wall());
        self.append(partition, marker).map(|offset| offset.plus(1))
    }

    fn sync(&self, partition: &TopicPartition) -> Result<(), ErrorCode> {
        let mut state = self.state();
        state.write()?;
        let log = state.log(partition)?;
        log.synced = log.end;
        Ok(())
    }

    fn trim(&self, partition: &TopicPartition, before: Offset) -> Result<(), ErrorCode> {
        let mut state = self.state();
        state.write()?;
        let log = state.log(partition)?;
        log.start = log.start.max(before.0);
        log.batches.retain(|(_, batch)| Batch::parse(batch).unwrap().next_offset() > before);
        Ok(())
    }

    fn wait(&self, positions: &[(TopicPartition, Offset)], timeout: Duration) -> bool {
        let named = positions.iter().map(|(partition, _)| partition.clone()).collect();
        self.state().awaited = Some((named, timeout));
        positions.iter().any(|(partition, at)| self.ends(partition).unwrap().readable_end > *at)
    }

    fn commit(&self, _: &str, _: &[(TopicPartition, Offset)]) {}

    fn committed(&self, _: &str, _: &TopicPartition) -> Result<Option<Offset>, ErrorCode> {
        Ok(None)
    }

    fn end_of_epoch(
        &self,
        partition: &TopicPartition,
        epoch: LeaderEpoch,
    ) -> Result<Option<Offset>, ErrorCode> {
        Ok(Some(self.state().log(partition)?.end_of(epoch)))
    }

    fn new_producer_id(&self) -> Result<ProducerId, ErrorCode> {
        let mut state = self.state();
        state.producer_ids += 1;
        Ok(ProducerId(state.producer_ids))
    }
}
