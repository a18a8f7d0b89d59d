//! The seam to the broker: the cluster's partitions, read and appended to wherever they are led.
//!
//! Owned here, implemented above: `broker::LocalTopics` for what this node leads, in place; `broker::ClusterTopics` for all the rest.
//! Calls block: on a disk, and on another broker for as long as a leader may take to change, never longer. What a job owns itself, its
//! journal, is touched in place only: whoever does not lead it has no right to.

use std::time::Duration;

use bytes::BytesMut;
use model::{
    BrokerId, ErrorCode, Isolation, LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId,
    TimestampMs, TopicId, TopicName, TopicPartition,
};

/// What is known of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFacts {
    /// Its identity for life.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: i32,
}

/// Who leads a partition, as far as this node has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The leader; none while there is none.
    pub leader: Option<BrokerId>,
    /// Its reign.
    pub epoch: LeaderEpoch,
    /// Whether it is this node.
    pub is_here: bool,
}

/// Where a partition stands now, by its leader's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionEnds {
    /// The first offset that is kept.
    pub log_start: Offset,
    /// Where a reader of committed records must stop: min(high watermark, last stable offset).
    pub readable_end: Offset,
    /// Where any reader must stop.
    pub high_watermark: Offset,
    /// The end of the log; of a partition led elsewhere no more is known than the high watermark.
    pub log_end: Offset,
}

/// Whole batches, as they lie.
pub struct ReadBatches {
    /// One after the other; the first may begin before the offset that was asked for.
    pub bytes: bytes::Bytes,
    /// The offset after the last batch.
    pub next: Offset,
    /// The leader's epoch of the first batch.
    pub leader_epoch: LeaderEpoch,
    /// Transactions aborted within the range: (producer, first offset).
    pub aborted: Vec<(ProducerId, Offset)>,
    /// How far the asker could read now, as far as whoever was read knows.
    pub readable_end: Offset,
}

/// Who appends. The partition refuses an older epoch of the same producer, and a sequence out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// The job's producer id.
    pub id: ProducerId,
    /// This reign of the job.
    pub epoch: ProducerEpoch,
}

/// The broker's topics, as a job sees them.
pub trait Topics: Send + Sync {
    /// Now, for timestamps and idleness.
    fn wall(&self) -> TimestampMs;

    /// What is known of a topic; none when it does not exist.
    fn topic(&self, topic: &TopicName) -> Option<TopicFacts>;

    /// Who leads a partition; none when there is no such partition.
    fn leadership(&self, partition: &TopicPartition) -> Option<Leadership>;

    /// Makes a topic if it is missing; waits until its partitions are led.
    ///
    /// # Errors
    /// The controller's refusal.
    fn create(
        &self,
        topic: &TopicName,
        partitions: i32,
        options: &[(&str, &str)],
    ) -> Result<TopicFacts, ErrorCode>;

    /// Where a partition stands. Never less than what any reader was shown before: a new leader that does not know yet how far its
    /// records are committed says so.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, `NOT_LEADER_OR_FOLLOWER`, `OFFSET_NOT_AVAILABLE`, `KAFKA_STORAGE_ERROR`.
    fn ends(&self, partition: &TopicPartition) -> Result<PartitionEnds, ErrorCode>;

    /// The first offset at or after `time`, if there is one.
    ///
    /// # Errors
    /// As [`Topics::ends`].
    fn offset_for_time(
        &self,
        partition: &TopicPartition,
        time: TimestampMs,
    ) -> Result<Option<Offset>, ErrorCode>;

    /// Whole batches from the one that holds `from`, up to about `bytes_max` (at least one batch), up to where
    /// `isolation` lets a reader see. Empty at the end, and where a replica of this node has not come so far yet.
    ///
    /// # Errors
    /// As [`Topics::ends`], and `OFFSET_OUT_OF_RANGE`.
    fn read(
        &self,
        partition: &TopicPartition,
        from: Offset,
        bytes_max: usize,
        isolation: Isolation,
    ) -> Result<ReadBatches, ErrorCode>;

    /// Appends one batch of a producer: it carries its id, epoch and sequence, so that a leader that has it already knows it again.
    /// Answers the offset of its first record, once it is below the high watermark.
    ///
    /// # Errors
    /// As [`Topics::ends`]; `INVALID_PRODUCER_EPOCH` when a newer reign has fenced this one. After `REQUEST_TIMED_OUT`,
    /// `NOT_LEADER_OR_FOLLOWER` and `NOT_ENOUGH_REPLICAS_AFTER_APPEND` it may be there or not.
    fn append(&self, partition: &TopicPartition, batch: BytesMut) -> Result<Offset, ErrorCode>;

    /// As [`Topics::append`], to a partition that this node leads: a job's journal.
    ///
    /// # Errors
    /// As [`Topics::append`]; `NOT_LEADER_OR_FOLLOWER` when another leads, or leads before the batch is replicated.
    fn append_here(&self, partition: &TopicPartition, batch: BytesMut)
    -> Result<Offset, ErrorCode>;

    /// Keeps every older epoch of `producer` from appending to `partition` ever again. Answers an end: what they had appended lies
    /// before it, and is below the high watermark.
    ///
    /// # Errors
    /// As [`Topics::append`].
    fn fence(&self, partition: &TopicPartition, producer: Producer) -> Result<Offset, ErrorCode>;

    /// Makes everything appended to `partition` outlive a power cut of this node, if it is led here; elsewhere its replicas answer for
    /// it.
    ///
    /// # Errors
    /// `KAFKA_STORAGE_ERROR`: the log directory is gone.
    fn sync(&self, partition: &TopicPartition) -> Result<(), ErrorCode>;

    /// Lets go of everything before `before` (what DeleteRecords does), for the job's own partition.
    ///
    /// # Errors
    /// As [`Topics::ends`].
    fn trim(&self, partition: &TopicPartition, before: Offset) -> Result<(), ErrorCode>;

    /// Blocks until one of the partitions can be read past the offset beside it, or `timeout` has passed.
    fn wait(&self, positions: &[(TopicPartition, Offset)], timeout: Duration) -> bool;

    /// Notes how far `group` has read, for lag tools; best effort.
    fn commit(&self, group: &str, positions: &[(TopicPartition, Offset)]);

    /// What `group` has committed; none when it has committed nothing.
    ///
    /// # Errors
    /// `COORDINATOR_…`: it cannot be said now.
    fn committed(
        &self,
        group: &str,
        partition: &TopicPartition,
    ) -> Result<Option<Offset>, ErrorCode>;

    /// Where the history of leader epoch `epoch` (or of the newest one before it) ends; none when it is not known.
    ///
    /// # Errors
    /// As [`Topics::ends`].
    fn end_of_epoch(
        &self,
        partition: &TopicPartition,
        epoch: LeaderEpoch,
    ) -> Result<Option<Offset>, ErrorCode>;

    /// A producer id that nobody has had.
    ///
    /// # Errors
    /// The controller's refusal.
    fn new_producer_id(&self) -> Result<ProducerId, ErrorCode>;
}

/// The partition that `partition` of `topic` names.
#[must_use]
pub fn partition_of(topic: &TopicName, partition: i32) -> TopicPartition {
    TopicPartition::new(topic.clone(), PartitionId(partition))
}
