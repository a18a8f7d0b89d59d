//! The partitions that this node leads, as a job on it sees them. Calls block; they are made on the jobs' own threads. All there is on a
//! lone node; in a cluster [`crate::ClusterTopics`] asks here for what is led here.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use controller::{Controller, NewTopic};
use coordinator::{Coordinator, RequestContext};
use flow::topics::{Leadership, PartitionEnds, Producer, ReadBatches, TopicFacts, Topics};
use metadata::{NO_LEADER, Publisher};
use model::{
    ErrorCode, Isolation, LeaderEpoch, Offset, PartitionId, ProducerId, TimestampMs, TopicName,
    TopicPartition,
};
use records::{Batch, control};
use replication::{
    Acks, FetchRequest, Fetched, OffsetSpec, Partition, PartitionError, ReplicaSet, Waiter,
};
use storage::Origin;
use world::{
    Clock,
    exec::{self, Wait},
};

use super::groups;
use crate::{BrokerOptions, internal_topics, producer_ids::ProducerIds, resolve};

/// The topics of this node's broker, read and written in place.
pub struct LocalTopics(LocalParts);

/// The parts of a broker that need no socket.
pub struct LocalParts {
    /// The partitions that are here.
    pub replicas: Arc<ReplicaSet>,
    /// Who decides about topics.
    pub controller: Controller,
    /// Who decides about groups.
    pub coordinator: Coordinator,
    /// Who hands out producer ids.
    pub producer_ids: ProducerIds,
    /// Where the image is found.
    pub publisher: Arc<Publisher>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Settings.
    pub options: Arc<BrokerOptions>,
}

/// How long an append waits to be replicated, and a question to the controller or coordinator for its answer.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How often the image is looked at for a topic that was just made.
const IMAGE_LOOK_EVERY: Duration = Duration::from_millis(5);

impl LocalTopics {
    /// The topics of the broker that `parts` make.
    #[must_use]
    pub fn new(parts: LocalParts) -> Self {
        Self(parts)
    }

    /// Appends, and waits until it is replicated. `is_again`: some leader may have it already.
    pub(crate) fn append_once(
        &self,
        partition: &TopicPartition,
        batch: BytesMut,
        is_again: bool,
    ) -> Result<Offset, ErrorCode> {
        let partition = self.find(partition)?;
        let placed = partition.append(batch, Acks::All, Origin::Coordinator).map_err(code)?;
        if placed.appended.duplicate && !is_again {
            // A job never sends a batch twice in one reign: this one is another under the same number.
            return Err(ErrorCode::OutOfOrderSequenceNumber);
        }
        let until = placed.appended.last.plus(1);
        if placed.high_watermark >= until {
            return Ok(placed.appended.base);
        }
        let waiter = Waiter::new();
        partition.park_produce(&waiter, until);
        let _ = waiter.wait(WAIT_MAX);
        match partition.is_replicated(placed.reign, until).map_err(code)? {
            true => Ok(placed.appended.base),
            false => Err(ErrorCode::RequestTimedOut),
        }
    }

    /// Has `waiter` wait until `partition` can be read past `past`. True if it can already, or if it is gone: that is found out by
    /// reading it.
    pub(crate) fn park(
        &self,
        waiter: &Arc<Waiter>,
        partition: &TopicPartition,
        past: Offset,
    ) -> bool {
        let Ok(found) = self.find(partition) else { return true };
        found.park(waiter, past, Isolation::ReadCommitted);
        found.offsets().last_stable > past
    }

    /// The partition of the offsets topic that `group` belongs to.
    pub(crate) fn coordinator_partition(&self, group: &str) -> PartitionId {
        self.0.coordinator.partition_for(group)
    }

    /// What is known of a topic that the controller has made: the image of this node may come to know it later.
    fn await_topic(&self, topic: &TopicName) -> Result<TopicFacts, ErrorCode> {
        let deadline = self.0.clock.now().plus(WAIT_MAX);
        loop {
            match self.topic(topic) {
                Some(facts) => return Ok(facts),
                None if self.0.clock.now() >= deadline => return Err(ErrorCode::RequestTimedOut),
                None => exec::sleep(IMAGE_LOOK_EVERY),
            }
        }
    }

    pub(crate) fn find(&self, partition: &TopicPartition) -> Result<Arc<Partition>, ErrorCode> {
        self.0.replicas.find(partition).ok_or_else(|| {
            let image = self.0.publisher.current();
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
        self.0.clock.wall()
    }

    fn topic(&self, topic: &TopicName) -> Option<TopicFacts> {
        let image = self.0.publisher.current();
        let topic = image.topic_named(topic)?;
        Some(TopicFacts { id: topic.id, partitions: topic.partition_count() })
    }

    fn leadership(&self, partition: &TopicPartition) -> Option<Leadership> {
        let image = self.0.publisher.current();
        let state = image.topic_named(&partition.topic)?.partition(partition.partition)?;
        Some(Leadership {
            leader: (state.leader != NO_LEADER).then_some(state.leader),
            epoch: state.leader_epoch,
            is_here: state.leader == self.0.options.node_id,
        })
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
        let made = self.0.controller.create_topics(vec![new], false).wait_for(WAIT_MAX).flatten();
        match made.and_then(|made| made.into_iter().next()) {
            None => Err(ErrorCode::RequestTimedOut),
            Some(Err(refusal)) if refusal.code != ErrorCode::TopicAlreadyExists => {
                Err(refusal.code)
            }
            Some(_) => self.await_topic(topic),
        }
    }

    fn ends(&self, partition: &TopicPartition) -> Result<PartitionEnds, ErrorCode> {
        let partition = self.find(partition)?;
        let offsets = resolve::offsets(&partition)?;
        if offsets.high_watermark < offsets.log_end {
            // Just elected, it may not know how far the last leader had come.
            let (latest, seen) = (OffsetSpec::Latest, Isolation::ReadUncommitted);
            partition.list_offsets(latest, seen, None).map_err(code)?;
        }
        Ok(PartitionEnds {
            log_start: offsets.log_start,
            readable_end: offsets.last_stable,
            high_watermark: offsets.high_watermark,
            log_end: offsets.log_end,
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
        let fetched = self.find(partition)?.read(request(from, bytes_max, isolation));
        as_read(fetched.map_err(code)?, isolation)
    }

    fn append(&self, partition: &TopicPartition, batch: BytesMut) -> Result<Offset, ErrorCode> {
        self.append_once(partition, batch, false)
    }

    fn append_here(
        &self,
        partition: &TopicPartition,
        batch: BytesMut,
    ) -> Result<Offset, ErrorCode> {
        self.append_once(partition, batch, false)
    }

    fn fence(&self, partition: &TopicPartition, producer: Producer) -> Result<Offset, ErrorCode> {
        let Producer { id, epoch } = producer;
        let marker = control::marker(control::Marker::Abort, 0, id, epoch, self.0.clock.wall());
        self.append_once(partition, marker, false).map(|offset| offset.plus(1))
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
            if self.park(&waiter, partition, *past) {
                return true;
            }
        }
        waiter.wait(timeout)
    }

    fn commit(&self, group: &str, positions: &[(TopicPartition, Offset)]) {
        let image = self.0.publisher.current();
        if image.topic(TopicName::CONSUMER_OFFSETS).is_none() {
            // Made for the next commit; this one is let go.
            if let Some(topic) = internal_topics::offsets(&self.0.options, &image) {
                drop(self.0.controller.create_topics(vec![topic], false));
            }
            return;
        }
        let request = groups::commit_request(group, positions);
        drop(self.0.coordinator.commit_offsets(context(8), request));
    }

    fn committed(
        &self,
        group: &str,
        partition: &TopicPartition,
    ) -> Result<Option<Offset>, ErrorCode> {
        if self.0.publisher.current().topic(TopicName::CONSUMER_OFFSETS).is_none() {
            // Nobody has ever committed anything.
            return Ok(None);
        }
        let asked =
            self.0.coordinator.fetch_offsets(context(7), groups::fetch_request(group, partition));
        let answer = asked.wait_for(WAIT_MAX).flatten();
        groups::committed_in(&answer.ok_or(ErrorCode::CoordinatorNotAvailable)?)
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
        self.0.producer_ids.next_blocking().ok_or(ErrorCode::CoordinatorNotAvailable)
    }
}

/// What a job asks of a partition.
pub(crate) const fn request(from: Offset, bytes_max: usize, isolation: Isolation) -> FetchRequest {
    FetchRequest {
        from,
        bytes_max,
        at_least_one: true,
        isolation,
        current_leader_epoch: None,
        last_fetched_epoch: None,
    }
}

/// What a partition answers, as a job takes it.
pub(crate) fn as_read(fetched: Fetched, isolation: Isolation) -> Result<ReadBatches, ErrorCode> {
    let readable_end = match isolation {
        Isolation::ReadUncommitted => fetched.offsets.high_watermark,
        Isolation::ReadCommitted => fetched.offsets.last_stable,
    };
    let next = fetched.chunk.next;
    let bytes = fetched.chunk.into_bytes().map_err(|_| ErrorCode::KafkaStorageError)?;
    let leader_epoch = Batch::parse(&bytes).map_or(LeaderEpoch::NONE, |batch| batch.leader_epoch());
    let aborted = fetched.aborted.unwrap_or_default();
    let aborted = aborted.iter().map(|entry| (entry.producer_id, entry.first_offset)).collect();
    Ok(ReadBatches { bytes, next, leader_epoch, aborted, readable_end })
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
