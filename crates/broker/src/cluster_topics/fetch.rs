//! Reading what another broker leads: from the replica here, else from the leader.

use bytes::Bytes;
use flow::topics::ReadBatches;
use model::{ErrorCode, Isolation, LeaderEpoch, Offset, ProducerId, TopicPartition};
use records::Batch;
use wire::{
    Api,
    messages::{
        BrokerId, FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
    },
};

use super::{
    ClusterTopics,
    brokers::{ask, check},
    route::Led,
};
use crate::local;

/// The first version that names topics by their id.
const FETCH: (Api, i16) = (Api::Fetch, 13);

impl ClusterTopics {
    /// What the replica on this node has from `from` on; none when the leader must be asked.
    pub(super) fn read_followed(
        &self,
        partition: &TopicPartition,
        (from, bytes_max): (Offset, usize),
        isolation: Isolation,
    ) -> Option<ReadBatches> {
        let replica = self.here.find(partition).ok()?;
        // One that is behind what was read elsewhere refuses the offset; a disk that has failed refuses all.
        let fetched = replica.read_followed(local::request(from, bytes_max, isolation)).ok()?;
        local::as_read(fetched, isolation).ok()
    }

    /// What the leader has from `from` on.
    pub(super) fn fetch(
        &self,
        led: Led,
        partition: &TopicPartition,
        (from, bytes_max): (Offset, usize),
        isolation: Isolation,
    ) -> Result<ReadBatches, ErrorCode> {
        let bytes_max = i32::try_from(bytes_max).unwrap_or(i32::MAX);
        let row = FetchPartition::default()
            .with_partition(partition.partition.0)
            .with_current_leader_epoch(led.epoch.0)
            .with_fetch_offset(from.0)
            .with_partition_max_bytes(bytes_max);
        let topic = FetchTopic::default().with_topic_id(led.topic.0).with_partitions(vec![row]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_bytes(bytes_max)
            .with_isolation_level(isolation_level(isolation))
            .with_session_epoch(-1)
            .with_topics(vec![topic]);
        let answer: FetchResponse = ask(self.brokers.as_ref(), led.leader, FETCH, &request)?;
        check(answer.error_code)?;
        let part = answer.responses.into_iter().next();
        let part = part.and_then(|topic| topic.partitions.into_iter().next());
        let part = part.ok_or(ErrorCode::UnknownServerError)?;
        check(part.error_code)?;
        Ok(as_read(part, from, isolation))
    }
}

pub(super) fn isolation_level(isolation: Isolation) -> i8 {
    i8::from(isolation == Isolation::ReadCommitted)
}

fn as_read(part: PartitionData, from: Offset, isolation: Isolation) -> ReadBatches {
    let readable_end = match isolation {
        Isolation::ReadUncommitted => part.high_watermark,
        Isolation::ReadCommitted => part.last_stable_offset,
    };
    let (bytes, next, leader_epoch) = whole_batches(part.records.unwrap_or_default(), from);
    let aborted = part.aborted_transactions.unwrap_or_default();
    let aborted =
        aborted.iter().map(|it| (ProducerId(it.producer_id.0), Offset(it.first_offset))).collect();
    ReadBatches { bytes, next, leader_epoch, aborted, readable_end: Offset(readable_end) }
}

/// The whole batches that `bytes` begin with, the offset after them, and the first one's epoch. The last batch may be cut off.
fn whole_batches(mut bytes: Bytes, from: Offset) -> (Bytes, Offset, LeaderEpoch) {
    let (mut size, mut next, mut first_epoch) = (0, from, LeaderEpoch::NONE);
    while let Some(Ok(batch)) = bytes.get(size..).map(Batch::parse) {
        if size == 0 {
            first_epoch = batch.leader_epoch();
        }
        size += batch.size_bytes();
        next = batch.next_offset().max(from);
    }
    bytes.truncate(size);
    (bytes, next, first_epoch)
}

#[cfg(test)]
mod tests {
    use model::TimestampMs;
    use records::{BatchBuilder, Codec, stamp};

    use super::*;

    #[test]
    fn a_batch_that_is_cut_off_is_left_for_the_next_read() {
        let mut bytes = Vec::new();
        for base in [4, 5] {
            let mut builder = BatchBuilder::new(Codec::None);
            builder.append(TimestampMs(0), None, Some(b"x"), &[]);
            let mut batch = builder.finish();
            stamp::offset_and_epoch(&mut batch, Offset(base), LeaderEpoch(3));
            bytes.extend_from_slice(&batch);
        }
        bytes.pop();
        let (whole, next, epoch) = whole_batches(bytes.into(), Offset(4));
        assert_eq!((next, epoch), (Offset(5), LeaderEpoch(3)));
        assert_eq!(Batch::parse(&whole).unwrap().size_bytes(), whole.len());
        assert_eq!(whole_batches(Bytes::new(), Offset(9)).1, Offset(9));
    }
}
