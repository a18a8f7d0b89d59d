//! The partitions a job writes: rows become sealed batches, sealed batches become records.
//!
//! Rows with a key go where Kafka's own partitioner would send them (murmur2), so that the result is partitioned as
//! Flink's is; rows without one go round by their number, which the seal keeps.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use model::{Offset, PartitionId, TopicName, TopicPartition};
use records::{Batch, BatchBuilder, Codec, partition_for_key};

use super::{
    entry::{Reign, SealedOutput},
    halt::Halt,
};
use crate::{
    graph::{DeadRow, ResultRecord, Results},
    plan::{Plan, Sink},
    topics::{Producer, Topics},
};

/// A batch is closed at this size: below the default `max.message.bytes` by a wide margin.
const BATCH_BYTES: usize = 512 << 10;

/// Everything a job writes to, in one reign.
pub(crate) struct Outputs {
    topics: Arc<dyn Topics>,
    reign: Reign,
    partitions: BTreeMap<TopicPartition, Output>,
    partition_counts: BTreeMap<TopicName, i32>,
    /// Rows given since the job began.
    pub(crate) rows: u64,
}

struct Output {
    /// Behind our last append, or where the log ended when we first saw it.
    end: Offset,
    sequence: i32,
    is_unsynced: bool,
}

/// Batches of one output partition in the making.
struct Making {
    builder: BatchBuilder,
    batches: Vec<Bytes>,
}

impl Outputs {
    pub(crate) const fn new(topics: Arc<dyn Topics>, reign: Reign, rows: u64) -> Self {
        let partitions = BTreeMap::new();
        Self { topics, reign, partitions, partition_counts: BTreeMap::new(), rows }
    }

    /// What is known of the ends, for a snapshot.
    pub(crate) fn ends(&self) -> Vec<(TopicPartition, Offset)> {
        self.partitions.iter().map(|(partition, output)| (partition.clone(), output.end)).collect()
    }

    /// Makes `partition` known, everything of ours lying before `end`.
    pub(crate) fn know(&mut self, partition: TopicPartition, end: Offset) {
        self.partitions.insert(partition, Output { end, sequence: 0, is_unsynced: true });
    }

    /// Keeps every older reign from appending to `partition` ever again.
    pub(crate) fn fence(&mut self, partition: &TopicPartition) -> Result<(), Halt> {
        let Reign { id, epoch } = self.reign;
        let end = self
            .topics
            .fence(partition, Producer { id, epoch })
            .map_err(|code| Halt::refused("fence", partition, code))?;
        self.know(partition.clone(), end);
        Ok(())
    }

    /// Turns `results` into batches, in order, each with its place in the producer's sequence.
    pub(crate) fn arrange(
        &mut self,
        plan: &Plan,
        inputs: &[TopicPartition],
        results: &Results,
    ) -> Result<Vec<SealedOutput>, Halt> {
        let mut making = BTreeMap::new();
        if let Sink::Topic(sink) = &plan.sink {
            for row in &results.rows {
                let partition = self.partition_for(&sink.topic, row)?;
                self.add_row(&mut making, partition, row)?;
                self.rows += 1;
            }
        } else {
            self.rows += results.rows_given;
        }
        if let Some(topic) = &plan.dead_letters {
            for dead in &results.dead {
                self.add_dead(&mut making, topic, inputs, dead)?;
            }
            for failed in &results.failed {
                let time = failed.window_time.to_string();
                let headers = [
                    ("logmill.reason", Some(failed.reason.as_bytes())),
                    ("logmill.window-time", Some(time.as_bytes())),
                ];
                self.add_letter(&mut making, topic, (None, None), &headers)?;
            }
        }
        let mut sealed = Vec::with_capacity(making.len());
        for (partition, mut made) in making {
            self.close(&partition, &mut made)?;
            let end = self.known(&partition)?.end;
            sealed.push(SealedOutput { partition, end, batches: made.batches });
        }
        Ok(sealed)
    }

    /// Appends sealed batches.
    pub(crate) fn publish(&mut self, sealed: &[SealedOutput]) -> Result<(), Halt> {
        for output in sealed {
            for batch in &output.batches {
                let records =
                    Batch::parse(batch).map_or(0, |batch| i64::from(batch.record_count()));
                let first = self
                    .topics
                    .append(&output.partition, batch.as_ref().into())
                    .map_err(|code| Halt::refused("append", &output.partition, code))?;
                let known = self.known(&output.partition)?;
                known.end = first.plus(records);
                known.is_unsynced = true;
            }
        }
        Ok(())
    }

    /// Appends the records of `sealed` from the `skip`-th on: what an older reign had sealed and not appended.
    pub(crate) fn publish_rest(
        &mut self,
        partition: &TopicPartition,
        sealed: &[Bytes],
        skip: usize,
    ) -> Result<(), Halt> {
        let damaged = |why: String| Halt::JournalDamaged {
            partition: partition.clone(),
            offset: Offset::NONE,
            why,
        };
        let mut making = Making::new();
        let mut scratch = Vec::new();
        let mut number = 0;
        for bytes in sealed {
            let batch = Batch::parse(bytes).map_err(|error| damaged(error.to_string()))?;
            let records =
                batch.records(&mut scratch).map_err(|error| damaged(error.to_string()))?;
            for record in records {
                let record = record.map_err(|error| damaged(error.to_string()))?;
                number += 1;
                if number > skip {
                    let headers: Result<Vec<_>, _> = record.headers.into_iter().collect();
                    let headers = headers.map_err(|error| damaged(error.to_string()))?;
                    if !making.has_room_for(record.key, record.value) {
                        self.close(partition, &mut making)?;
                    }
                    making.builder.append(record.timestamp, record.key, record.value, &headers);
                }
            }
        }
        self.close(partition, &mut making)?;
        let end = self.known(partition)?.end;
        self.publish(&[SealedOutput { partition: partition.clone(), end, batches: making.batches }])
    }

    /// Makes everything published so far outlive a power cut: a snapshot is about to let go of the seals.
    pub(crate) fn sync(&mut self) -> Result<(), Halt> {
        for (partition, output) in
            self.partitions.iter_mut().filter(|(_, output)| output.is_unsynced)
        {
            self.topics.sync(partition).map_err(|code| Halt::refused("sync", partition, code))?;
            output.is_unsynced = false;
        }
        Ok(())
    }

    fn add_row(
        &mut self,
        making: &mut BTreeMap<TopicPartition, Making>,
        partition: TopicPartition,
        row: &ResultRecord,
    ) -> Result<(), Halt> {
        let made = making.entry(partition.clone()).or_insert_with(Making::new);
        let (key, value) = (row.key.as_deref(), row.value.as_deref());
        if !made.has_room_for(key, value) {
            self.close(&partition, made)?;
        }
        made.builder.append(self.topics.wall(), key, value, &[]);
        Ok(())
    }

    fn add_dead(
        &mut self,
        making: &mut BTreeMap<TopicPartition, Making>,
        topic: &TopicName,
        inputs: &[TopicPartition],
        dead: &DeadRow,
    ) -> Result<(), Halt> {
        let Some(input) = inputs.get(dead.input) else { return Ok(()) };
        let (number, offset) = (input.partition.to_string(), dead.offset.to_string());
        let mut headers = vec![
            ("logmill.reason", Some(dead.reason.as_bytes())),
            ("logmill.topic", Some(input.topic.as_str().as_bytes())),
            ("logmill.partition", Some(number.as_bytes())),
            ("logmill.offset", Some(offset.as_bytes())),
        ];
        let (mut key, mut value) = (dead.key.as_deref(), dead.value.as_deref());
        let size = size_bytes(key, value).to_string();
        if size_bytes(key, value) > BATCH_BYTES {
            // A record that arrived compressed may be larger than any batch; it still lies where the headers say.
            headers.push(("logmill.left-out-bytes", Some(size.as_bytes())));
            (key, value) = (None, None);
        }
        self.add_letter(making, topic, (key, value), &headers)
    }

    /// A record for the dead-letter topic; always its first partition, so that letters stay in order.
    fn add_letter(
        &mut self,
        making: &mut BTreeMap<TopicPartition, Making>,
        topic: &TopicName,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        headers: &[(&str, Option<&[u8]>)],
    ) -> Result<(), Halt> {
        self.count_partitions(topic)?;
        let partition = TopicPartition::new(topic.clone(), PartitionId(0));
        let made = making.entry(partition.clone()).or_insert_with(Making::new);
        if !made.has_room_for(key, value) {
            self.close(&partition, made)?;
        }
        made.builder.append(self.topics.wall(), key, value, headers);
        Ok(())
    }

    fn close(&mut self, partition: &TopicPartition, made: &mut Making) -> Result<(), Halt> {
        if made.builder.is_empty() {
            return Ok(());
        }
        let reign = self.reign;
        let known = self.known(partition)?;
        made.builder.producer(reign.id, reign.epoch, known.sequence);
        known.sequence = next_sequence(known.sequence, made.builder.record_count());
        made.batches.push(made.builder.finish().freeze());
        Ok(())
    }

    fn partition_for(
        &mut self,
        topic: &TopicName,
        row: &ResultRecord,
    ) -> Result<TopicPartition, Halt> {
        let count = self.count_partitions(topic)?;
        let partition = match &row.key {
            Some(key) => partition_for_key(key, count),
            None => {
                let turn = self.rows % u64::from(count.unsigned_abs().max(1));
                PartitionId(i32::try_from(turn).unwrap_or(0))
            }
        };
        Ok(TopicPartition::new(topic.clone(), partition))
    }

    /// How many partitions `topic` has; made when it is missing, as a producer's first record would.
    fn count_partitions(&mut self, topic: &TopicName) -> Result<i32, Halt> {
        if let Some(count) = self.partition_counts.get(topic) {
            return Ok(*count);
        }
        let facts = match self.topics.topic(topic) {
            Some(facts) => facts,
            None => self
                .topics
                .create(topic, -1, &[])
                .map_err(|code| Halt::refused("create", topic, code))?,
        };
        self.partition_counts.insert(topic.clone(), facts.partitions);
        Ok(facts.partitions)
    }

    fn known(&mut self, partition: &TopicPartition) -> Result<&mut Output, Halt> {
        if !self.partitions.contains_key(partition) {
            // What others wrote there must not vanish below the end that is recorded.
            self.topics.sync(partition).map_err(|code| Halt::refused("sync", partition, code))?;
            let ends = self
                .topics
                .ends(partition)
                .map_err(|code| Halt::refused("look up the ends", partition, code))?;
            // Not the log's end: what is not replicated yet may be cut off by a new leader.
            self.know(partition.clone(), ends.high_watermark);
        }
        Ok(self.partitions.get_mut(partition).expect("it was made known above"))
    }
}

impl Making {
    fn new() -> Self {
        Self { builder: BatchBuilder::new(Codec::None), batches: Vec::new() }
    }

    /// Whether one more record leaves the batch below [`BATCH_BYTES`]; an empty batch takes any.
    fn has_room_for(&self, key: Option<&[u8]>, value: Option<&[u8]>) -> bool {
        self.builder.is_empty() || self.builder.size_bytes() + size_bytes(key, value) <= BATCH_BYTES
    }
}

fn size_bytes(key: Option<&[u8]>, value: Option<&[u8]>) -> usize {
    key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len)
}

/// The sequence `records` further, wrapping as Kafka's does.
fn next_sequence(sequence: i32, records: i32) -> i32 {
    let next = (i64::from(sequence) + i64::from(records)) % (i64::from(i32::MAX) + 1);
    i32::try_from(next).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::next_sequence;

    #[test]
    fn sequences_wrap_to_zero_after_the_largest() {
        assert_eq!(next_sequence(i32::MAX, 1), 0);
        assert_eq!(next_sequence(i32::MAX - 1, 3), 1);
        assert_eq!(next_sequence(5, 2), 7);
    }
}
