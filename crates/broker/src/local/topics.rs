//! The broker's topics, as a job on this node sees them. Calls block; they are made on the jobs' own threads.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use controller::{Controller, NewTopic};
use coordinator::{Coordinator, RequestContext};
use flow::topics::{PartitionEnds, ReadBatches, TopicFacts, Topics};
use metadata::Publisher;
use model::{
    ErrorCode, Isolation, LeaderEpoch, Offset, ProducerId, TimestampMs, TopicName, TopicPartition,
};
use replication::{Acks, FetchRequest, OffsetSpec, Partition, PartitionError, ReplicaSet, Waiter};
use storage::Origin;
use wire::messages::{
    self, GroupId, OffsetCommitRequest, OffsetFetchRequest,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_fetch_request::OffsetFetchRequestTopic,
    text,
};
use world::{Clock, exec::Wait};

use crate::{BrokerParts, offsets_topic, producer_ids::ProducerIds, resolve};

/// The topics of this node's broker, read and written in place.
pub struct LocalTopics {
    replicas: Arc<ReplicaSet>,
    controller: Controller,
    coordinator: Coordinator,
    publisher: Arc<Publisher>,
    clock: Arc<dyn Clock>,
    options: Arc<crate::BrokerOptions>,
    producer_ids: ProducerIds,
}

/// How long an append waits to be replicated, and a question to the controller or coordinator for its answer.
const WAIT_MAX: Duration = Duration::from_secs(30);

impl LocalTopics {
    /// The topics of the broker that `parts` make.
    #[must_use]
    pub fn new(parts: &BrokerParts) -> Self {
        Self {
            replicas: Arc::clone(&parts.replicas),
            controller: parts.controller.clone(),
            coordinator: parts.coordinator.clone(),
            publisher: Arc::clone(&parts.publisher),
            clock: Arc::clone(&parts.clock),
            options: Arc::clone(&parts.options),
            producer_ids: ProducerIds::new(parts.controller.clone()),
        }
    }

    fn find(&self, partition: &TopicPartition) -> Result<Arc<Partition>, ErrorCode> {
        self.replicas.find(partition).ok_or_else(|| {
            let image = self.publisher.current();
            let topic = image.topic_named(&partition.topic);
            match topic.and_then(|topic| topic.partition(partition.partition)) {
                Some(_) => ErrorCode::NotLeaderOrFollower,
                None => ErrorCode::UnknownTopicOrPartition,
            }
        })
    }
}

impl Topics for LocalTopics {
    fn wall(&self) -> TimestampMs {
        self.clock.wall()
    }

    fn topic(&self, topic: &TopicName) -> Option<TopicFacts> {
        let image = self.publisher.current();
        let topic = image.topic_named(topic)?;
        Some(TopicFacts { id: topic.id, partitions: topic.partition_count() })
    }

    fn create(
        &self,
        topic: &TopicName,
        partitions: i32,
        options: &[(&str, &str)],
    ) -> Result<TopicFacts, ErrorCode> {
        if let Some(facts) = self.topic(topic) {
            return Ok(facts);
        }
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
        let new = NewTopic {
            name: topic.as_str().to_owned(),
            partitions,
            replication_factor: -1,
            assignment: Vec::new(),
            options: options.iter().map(own).collect(),
        };
        let made = self.controller.create_topics(vec![new], false).wait_for(WAIT_MAX).flatten();
        match made.and_then(|made| made.into_iter().next()) {
            None => Err(ErrorCode::RequestTimedOut),
            Some(Err(refusal)) if refusal.code != ErrorCode::TopicAlreadyExists => {
                Err(refusal.code)
            }
            Some(_) => self.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition),
        }
    }

    fn ends(&self, partition: &TopicPartition) -> Result<PartitionEnds, ErrorCode> {
        let offsets = resolve::offsets(&*self.find(partition)?)?;
        Ok(PartitionEnds {
            log_start: offsets.log_start,
            readable_end: offsets.last_stable,
            high_watermark: offsets.high_watermark,
            log_end: offsets.log_end,
            leader_epoch: offsets.leader_epoch,
        })
    }

    fn offset_for_time(
        &self,
        partition: &TopicPartition,
        time: TimestampMs,
    ) -> Result<Option<Offset>, ErrorCode> {
        let partition = self.find(partition)?;
        let spec = OffsetSpec::Time(time);
        let listed = partition.list_offsets(spec, Isolation::ReadCommitted, None).map_err(code)?;
        Ok((listed.offset >= Offset::ZERO).then_some(listed.offset))
    }

    fn read(
        &self,
        partition: &TopicPartition,
        from: Offset,
        bytes_max: usize,
        isolation: Isolation,
    ) -> Result<ReadBatches, ErrorCode> {
        let partition = self.find(partition)?;
        let request = FetchRequest {
            from,
            bytes_max,
            at_least_one: true,
            isolation,
            current_leader_epoch: None,
            last_fetched_epoch: None,
        };
        let fetched = partition.read(request).map_err(code)?;
        let next = fetched.chunk.next;
        let bytes = fetched.chunk.into_bytes().map_err(|_| ErrorCode::KafkaStorageError)?;
        let aborted = fetched.aborted.unwrap_or_default();
        let leader_epoch =
            records::Batch::parse(&bytes).map_or(LeaderEpoch::NONE, |batch| batch.leader_epoch());
        Ok(ReadBatches {
            bytes,
            next,
            leader_epoch,
            aborted: aborted.iter().map(|entry| (entry.producer_id, entry.first_offset)).collect(),
        })
    }

    fn append(&self, partition: &TopicPartition, batch: BytesMut) -> Result<Offset, ErrorCode> {
        let partition = self.find(partition)?;
        let placed = partition.append(batch, Acks::All, Origin::Coordinator).map_err(code)?;
        if placed.appended.duplicate {
            // A job never sends a batch twice in one reign: this one is another under the same number.
            return Err(ErrorCode::OutOfOrderSequenceNumber);
        }
        let until = placed.appended.last.plus(1);
        if placed.high_watermark >= until {
            return Ok(placed.appended.base);
        }
        let reign = placed.reign;
        let waiter = Waiter::new();
        partition.park_produce(&waiter, until);
        let _ = waiter.wait(WAIT_MAX);
        match partition.is_replicated(reign, until).map_err(|error| error.code())? {
            true => Ok(placed.appended.base),
            false => Err(ErrorCode::RequestTimedOut),
        }
    }

    fn sync(&self, partition: &TopicPartition) -> Result<(), ErrorCode> {
        self.find(partition)?.sync().map_err(code)
    }

    fn trim(&self, partition: &TopicPartition, before: Offset) -> Result<(), ErrorCode> {
        self.find(partition)?.trim(before).map(drop).map_err(code)
    }

    fn wait(&self, positions: &[(TopicPartition, Offset)], timeout: Duration) -> bool {
        let waiter = Waiter::new();
        for (partition, past) in positions {
            // A partition that is gone is found out by reading it, at once.
            let Ok(found) = self.find(partition) else { return true };
            found.park(&waiter, *past, Isolation::ReadCommitted);
            if found.offsets().last_stable > *past {
                return true;
            }
        }
        waiter.wait(timeout)
    }

    fn commit(&self, group: &str, positions: &[(TopicPartition, Offset)]) {
        let image = self.publisher.current();
        if image.topic(TopicName::CONSUMER_OFFSETS).is_none() {
            // Made for the next commit; this one is let go.
            let topic = offsets_topic::new_topic(&self.options, &image);
            drop(self.controller.create_topics(vec![topic], false));
            return;
        }
        let topics = positions.iter().map(|(partition, offset)| {
            let position = OffsetCommitRequestPartition::default()
                .with_partition_index(partition.partition.0)
                .with_committed_offset(offset.0)
                .with_committed_metadata(Some(text("")));
            OffsetCommitRequestTopic::default()
                .with_name(messages::TopicName(text(partition.topic.as_str())))
                .with_partitions(vec![position])
        });
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(topics.collect());
        drop(self.coordinator.commit_offsets(context(8), request));
    }

    fn committed(
        &self,
        group: &str,
        partition: &TopicPartition,
    ) -> Result<Option<Offset>, ErrorCode> {
        if self.publisher.current().topic(TopicName::CONSUMER_OFFSETS).is_none() {
            // Nobody has ever committed anything.
            return Ok(None);
        }
        let topic = OffsetFetchRequestTopic::default()
            .with_name(messages::TopicName(text(partition.topic.as_str())))
            .with_partition_indexes(vec![partition.partition.0]);
        let request = OffsetFetchRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_topics(Some(vec![topic]));
        let gone = ErrorCode::CoordinatorNotAvailable;
        let asked = self.coordinator.fetch_offsets(context(7), request);
        let answer = asked.wait_for(WAIT_MAX).flatten().ok_or(gone)?;
        let refused = |error: i16| match error {
            0 => Ok(()),
            error => Err(ErrorCode::from_code(error).unwrap_or(gone)),
        };
        refused(answer.error_code)?;
        let position = answer.topics.first().and_then(|topic| topic.partitions.first());
        let position = position.ok_or(gone)?;
        refused(position.error_code)?;
        Ok((position.committed_offset >= 0).then_some(Offset(position.committed_offset)))
    }

    fn end_of_epoch(
        &self,
        partition: &TopicPartition,
        epoch: LeaderEpoch,
    ) -> Result<Option<Offset>, ErrorCode> {
        let found = self.find(partition)?.offsets_for_epoch(epoch, None).map_err(code)?;
        Ok(found.map(|(_, end)| end))
    }

    fn new_producer_id(&self) -> Result<ProducerId, ErrorCode> {
        self.producer_ids.next_blocking().ok_or(ErrorCode::CoordinatorNotAvailable)
    }
}

fn context(api_version: i16) -> RequestContext {
    RequestContext {
        client_id: "logmill".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        api_version,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn code(error: PartitionError) -> ErrorCode {
    error.code()
}
