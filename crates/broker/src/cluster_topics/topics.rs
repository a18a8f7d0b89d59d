//! [`Topics`] over a cluster: each question goes where it is answered.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use flow::topics::{Leadership, PartitionEnds, Producer, ReadBatches, TopicFacts, Topics};
use metadata::Publisher;
use model::{
    BrokerId, ErrorCode, Isolation, LeaderEpoch, Offset, ProducerId, TimestampMs, TopicName,
    TopicPartition,
};
use replication::Waiter;
use world::Clock;

use super::{
    Brokers,
    questions::{EARLIEST, LATEST},
    route::{Led, Route},
};
use crate::{LocalParts, LocalTopics};

/// The topics of a cluster, from one of its nodes.
pub struct ClusterTopics {
    pub(super) here: LocalTopics,
    pub(super) brokers: Arc<dyn Brokers>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) node: BrokerId,
}

/// How often a replica is looked at by who waits for it: nobody is woken when a follower goes on.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long who waits for a partition that is not on this node lets its leader be.
const ASK_EVERY: Duration = Duration::from_millis(25);

impl ClusterTopics {
    /// The topics of the cluster of the broker that `parts` make; `brokers` are the others.
    #[must_use]
    pub fn new(parts: LocalParts, brokers: Arc<dyn Brokers>) -> Self {
        Self {
            brokers,
            publisher: Arc::clone(&parts.publisher),
            clock: Arc::clone(&parts.clock),
            node: parts.options.node_id,
            here: LocalTopics::new(parts),
        }
    }

    fn ends_elsewhere(
        &self,
        led: Led,
        partition: &TopicPartition,
    ) -> Result<PartitionEnds, ErrorCode> {
        let list = |spec, isolation| {
            let found = self.list_offset(led, partition, spec, isolation)?;
            found.ok_or(ErrorCode::OffsetNotAvailable)
        };
        // In this order each is at most the next.
        let log_start = list(EARLIEST, Isolation::ReadUncommitted)?;
        let readable_end = list(LATEST, Isolation::ReadCommitted)?;
        let high_watermark = list(LATEST, Isolation::ReadUncommitted)?;
        Ok(PartitionEnds { log_start, readable_end, high_watermark, log_end: high_watermark })
    }

    /// Whether the replica here can be read past `past`.
    fn is_followed_past(&self, partition: &TopicPartition, past: Offset) -> bool {
        self.here.find(partition).is_ok_and(|replica| replica.offsets().last_stable > past)
    }
}

impl Topics for ClusterTopics {
    fn wall(&self) -> TimestampMs {
        self.clock.wall()
    }

    fn topic(&self, topic: &TopicName) -> Option<TopicFacts> {
        self.here.topic(topic)
    }

    fn leadership(&self, partition: &TopicPartition) -> Option<Leadership> {
        self.here.leadership(partition)
    }

    fn create(
        &self,
        topic: &TopicName,
        partitions: i32,
        options: &[(&str, &str)],
    ) -> Result<TopicFacts, ErrorCode> {
        self.here.create(topic, partitions, options)
    }

    fn ends(&self, partition: &TopicPartition) -> Result<PartitionEnds, ErrorCode> {
        self.at_leader(partition, |route| match route {
            Route::Here => self.here.ends(partition),
            Route::Elsewhere(led) => self.ends_elsewhere(led, partition),
        })
    }

    fn offset_for_time(
        &self,
        partition: &TopicPartition,
        time: TimestampMs,
    ) -> Result<Option<Offset>, ErrorCode> {
        self.at_leader(partition, |route| match route {
            Route::Here => self.here.offset_for_time(partition, time),
            Route::Elsewhere(led) => {
                self.list_offset(led, partition, time.0, Isolation::ReadCommitted)
            }
        })
    }

    fn read(
        &self,
        partition: &TopicPartition,
        from: Offset,
        bytes_max: usize,
        isolation: Isolation,
    ) -> Result<ReadBatches, ErrorCode> {
        // Not again while leadership moves: a job has other inputs to read meanwhile.
        match self.route(partition)? {
            Route::Here => self.here.read(partition, from, bytes_max, isolation),
            Route::Elsewhere(led) => {
                let range = (from, bytes_max);
                let followed =
                    led.is_followed.then(|| self.read_followed(partition, range, isolation));
                followed.flatten().map_or_else(|| self.fetch(led, partition, range, isolation), Ok)
            }
        }
    }

    fn append(&self, partition: &TopicPartition, batch: BytesMut) -> Result<Offset, ErrorCode> {
        let batch = batch.freeze();
        let mut is_again = false;
        self.at_leader(partition, |route| {
            let done = match route {
                Route::Here => {
                    self.here.append_once(partition, BytesMut::from(&batch[..]), is_again)
                }
                Route::Elsewhere(led) => self.produce(led, partition, batch.clone()),
            };
            // From now on whoever leads may have it.
            is_again = true;
            done
        })
    }

    fn append_here(
        &self,
        partition: &TopicPartition,
        batch: BytesMut,
    ) -> Result<Offset, ErrorCode> {
        match self.route(partition)? {
            Route::Here => self.here.append_here(partition, batch),
            Route::Elsewhere(_) => Err(ErrorCode::NotLeaderOrFollower),
        }
    }

    fn fence(&self, partition: &TopicPartition, producer: Producer) -> Result<Offset, ErrorCode> {
        self.at_leader(partition, |route| match route {
            Route::Here => self.here.fence(partition, producer),
            Route::Elsewhere(led) => {
                self.write_marker(led, partition, producer)?;
                // The marker is replicated, so all that lies before it is below the high watermark.
                Ok(self.ends_elsewhere(led, partition)?.high_watermark)
            }
        })
    }

    fn sync(&self, partition: &TopicPartition) -> Result<(), ErrorCode> {
        match self.route(partition) {
            Ok(Route::Here) => self.here.sync(partition),
            // Its replicas answer for it.
            Ok(Route::Elsewhere(_)) | Err(ErrorCode::LeaderNotAvailable) => Ok(()),
            Err(code) => Err(code),
        }
    }

    fn trim(&self, partition: &TopicPartition, before: Offset) -> Result<(), ErrorCode> {
        self.here.trim(partition, before)
    }

    fn wait(&self, positions: &[(TopicPartition, Offset)], timeout: Duration) -> bool {
        let waiter = Waiter::new();
        let mut followed = Vec::new();
        let mut is_asked = false;
        for (partition, past) in positions {
            match self.route(partition) {
                Ok(Route::Here) if self.here.park(&waiter, partition, *past) => return true,
                Ok(Route::Here) => {}
                Ok(Route::Elsewhere(led)) if led.is_followed => followed.push((partition, *past)),
                // One that nobody leads comes back, or is found to be gone, by reading it.
                Ok(Route::Elsewhere(_)) | Err(_) => is_asked = true,
            }
        }
        if is_asked {
            let _ = waiter.wait(timeout.min(ASK_EVERY));
            return true;
        }
        if followed.is_empty() {
            return waiter.wait(timeout);
        }
        let deadline = self.clock.now().plus(timeout);
        loop {
            if followed.iter().any(|(partition, past)| self.is_followed_past(partition, *past)) {
                return true;
            }
            let left = deadline.since(self.clock.now());
            if left.is_zero() || waiter.wait(left.min(LOOK_EVERY)) {
                return !left.is_zero();
            }
        }
    }

    fn commit(&self, group: &str, positions: &[(TopicPartition, Offset)]) {
        match self.coordinator_of(group) {
            // The topic is missing, or the coordinator is here.
            Ok(Route::Here) | Err(ErrorCode::UnknownTopicOrPartition) => {
                self.here.commit(group, positions);
            }
            Ok(Route::Elsewhere(_)) => self.send_commit(group, positions),
            Err(_) => {}
        }
    }

    fn committed(
        &self,
        group: &str,
        partition: &TopicPartition,
    ) -> Result<Option<Offset>, ErrorCode> {
        self.while_moving(|| match self.coordinator_of(group) {
            Ok(Route::Here) => self.here.committed(group, partition),
            Ok(route) => self.ask_committed(group, partition, route),
            // Nobody has ever committed anything.
            Err(ErrorCode::UnknownTopicOrPartition) => Ok(None),
            Err(code) => Err(code),
        })
    }

    fn end_of_epoch(
        &self,
        partition: &TopicPartition,
        epoch: LeaderEpoch,
    ) -> Result<Option<Offset>, ErrorCode> {
        self.at_leader(partition, |route| match route {
            Route::Here => self.here.end_of_epoch(partition, epoch),
            Route::Elsewhere(led) => self.epoch_end(led, partition, epoch),
        })
    }

    fn new_producer_id(&self) -> Result<ProducerId, ErrorCode> {
        self.here.new_producer_id()
    }
}
