//! All queues of a producer, and what is to be sent next. Synchronous: the driver tells it the time.

use std::collections::{BTreeMap, HashMap};

use model::{BrokerId, ErrorCode, Offset, PartitionId, TopicName, TopicPartition};
use tokio::time::Instant;

use super::{
    Outgoing, ProducerOptions,
    delivery::Delivery,
    queue::{Batch, Queue},
};
use crate::{ClientError, Cluster, ProducerIdentity, error::is_retriable};

/// The queues.
pub(super) struct State {
    queues: BTreeMap<TopicPartition, Queue>,
    /// How many batches of records without a key have been filled: their partitions take turns.
    sticky: HashMap<TopicName, i32>,
    /// Requests without an answer, by broker.
    requests: HashMap<BrokerId, usize>,
    identity: Option<ProducerIdentity>,
    /// The sequence has a hole: a new identity is needed, once nothing is in flight.
    is_identity_spent: bool,
    is_flushing: bool,
    is_closed: bool,
}

/// One request to be: its broker and one batch each of some partitions.
pub(super) struct Request {
    pub(super) broker: BrokerId,
    pub(super) batches: Vec<(TopicPartition, Batch)>,
}

/// What the driver does next.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) requests: Vec<Request>,
    /// Topics whose leaders are not known.
    pub(super) leaderless: Vec<TopicName>,
    /// When to look again, if nothing happens before.
    pub(super) wake: Option<Instant>,
    /// Everything in flight is back and a new identity is needed.
    pub(super) needs_identity: bool,
    /// Bytes of the buffer that are free again.
    pub(super) freed: usize,
}

impl State {
    pub(super) fn new(identity: Option<ProducerIdentity>) -> Self {
        Self {
            queues: BTreeMap::new(),
            sticky: HashMap::new(),
            requests: HashMap::new(),
            identity,
            is_identity_spent: false,
            is_flushing: false,
            is_closed: false,
        }
    }

    /// Adds a record, and says whether the driver has something new to look at.
    pub(super) fn append(
        &mut self,
        partition: TopicPartition,
        record: &Outgoing<'_>,
        room: u32,
        options: &ProducerOptions,
    ) -> (Delivery, bool) {
        let number = partition.partition;
        let topic = partition.topic.clone();
        let appended =
            self.queues.entry(partition).or_default().append(number, record, room, options);
        if appended.fills
            && record.key.is_none()
            && let Some(turn) = self.sticky.get_mut(&topic)
        {
            *turn = turn.wrapping_add(1) & i32::MAX;
        }
        (appended.delivery, appended.fills || appended.opens)
    }

    /// The partition for a record without a key: the same until its batch is full.
    pub(super) fn sticky_partition(&mut self, topic: &TopicName, partitions: i32) -> PartitionId {
        let turn = *self.sticky.entry(topic.clone()).or_insert(0);
        PartitionId(turn.checked_rem(partitions).unwrap_or(0))
    }

    /// Lets every open batch go without lingering; whether there is nothing to wait for.
    pub(super) fn begin_flush(&mut self) -> bool {
        let is_idle = self.is_idle();
        self.is_flushing = !is_idle;
        is_idle
    }

    pub(super) const fn close(&mut self) {
        self.is_closed = true;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queues.values().all(Queue::is_empty)
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_closed && self.is_idle()
    }

    /// What can be sent now.
    pub(super) fn plan(
        &mut self,
        cluster: &Cluster,
        options: &ProducerOptions,
        now: Instant,
    ) -> Plan {
        let mut plan = Plan::default();
        let is_urgent = self.is_flushing || self.is_closed;
        let mut requests: BTreeMap<BrokerId, (usize, Vec<TopicPartition>)> = BTreeMap::new();
        for (partition, queue) in &mut self.queues {
            if is_urgent {
                queue.shut();
            }
            let due = queue.shut_if_due(now, options.linger);
            plan.wake = earlier(plan.wake, due);
            for batch in queue.expire(now, options.delivery_timeout) {
                let ms = options.delivery_timeout.as_millis();
                batch.settle(Err(ClientError::TimedOut { what: "delivery", ms }));
                self.is_identity_spent |= self.identity.is_some() && batch.has_sequence();
                plan.freed += usize::try_from(batch.room).unwrap_or(0);
            }
            match queue.is_sendable(now) {
                Ok(true) if !self.is_identity_spent => {}
                Ok(_) => continue,
                Err(instant) => {
                    plan.wake = earlier(plan.wake, Some(instant));
                    continue;
                }
            }
            let Some((leader, _)) = cluster.known_leader(partition) else {
                plan.leaderless.push(partition.topic.clone());
                continue;
            };
            if self.requests.get(&leader).copied().unwrap_or(0) >= options.requests_in_flight_max {
                continue;
            }
            let (bytes, partitions) = requests.entry(leader).or_default();
            *bytes += queue.next_size_bytes();
            if partitions.is_empty() || *bytes <= options.request_bytes_max {
                partitions.push(partition.clone());
            }
        }
        plan.needs_identity =
            self.is_identity_spent && !self.queues.values().any(Queue::has_in_flight);
        plan.leaderless.dedup();
        plan.requests = requests
            .into_iter()
            .map(|(broker, (_, partitions))| self.request(broker, partitions))
            .collect();
        plan
    }

    fn request(&mut self, broker: BrokerId, partitions: Vec<TopicPartition>) -> Request {
        *self.requests.entry(broker).or_default() += 1;
        let mut batches = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let queue = self.queues.get_mut(&partition);
            if let Some(batch) = queue.and_then(|queue| queue.take(self.identity)) {
                batches.push((partition, batch));
            }
        }
        Request { broker, batches }
    }

    /// A request is over, whatever came of it.
    pub(super) fn on_request_done(&mut self, broker: BrokerId) {
        if let Some(requests) = self.requests.get_mut(&broker) {
            *requests = requests.saturating_sub(1);
        }
    }

    /// A batch has come back with the broker's answer, or with none. Says what it frees of the buffer, and whether leaders are to be asked
    /// for.
    pub(super) fn on_answer(
        &mut self,
        partition: &TopicPartition,
        batch: Batch,
        result: Result<Offset, ClientError>,
        (now, cluster, options): (Instant, &Cluster, &ProducerOptions),
    ) -> (usize, bool) {
        let backoff = cluster.options().backoff;
        let Some(queue) = self.queues.get_mut(partition) else { return (0, false) };
        let freed = usize::try_from(batch.room).unwrap_or(0);
        let error = match result {
            Ok(base) => {
                batch.settle(Ok(base));
                queue.on_accepted(&batch, now, backoff);
                return (freed, false);
            }
            Err(error) => error,
        };
        let code = error.code();
        if code == Some(ErrorCode::DuplicateSequenceNumber) {
            batch.settle(Ok(Offset::NONE));
            queue.on_accepted(&batch, now, backoff);
            return (freed, false);
        }
        let follows_failure = self.identity.is_some()
            && (self.is_identity_spent || queue.may_follow_failure(&batch))
            && code == Some(ErrorCode::OutOfOrderSequenceNumber);
        let may_mend = error.is_retriable() || follows_failure;
        if may_mend && !batch.is_expired(now, options.delivery_timeout) {
            let asks = error.code().is_none_or(is_retriable);
            queue.on_retry(batch, &error, now, backoff);
            return (0, asks);
        }
        batch.settle(Err(error));
        queue.on_settled(&batch, now, backoff);
        self.is_identity_spent |= self.identity.is_some();
        (freed, false)
    }

    /// A new identity: every sequence begins anew. What it frees of the buffer: batches that the broker may have are given up.
    pub(super) fn on_identity(&mut self, identity: ProducerIdentity) -> usize {
        self.identity = Some(identity);
        self.is_identity_spent = false;
        let mut freed = 0;
        for batch in self.queues.values_mut().flat_map(Queue::restart_sequence) {
            freed += usize::try_from(batch.room).unwrap_or(0);
            batch.settle(Err(ClientError::InDoubt));
        }
        freed
    }

    /// Gives up everything that is not in flight; what it frees of the buffer.
    pub(super) fn fail_all(&mut self, error: &ClientError) -> usize {
        let mut freed = 0;
        for batch in self.queues.values_mut().flat_map(Queue::take_all) {
            freed += usize::try_from(batch.room).unwrap_or(0);
            batch.settle(Err(error.clone()));
        }
        freed
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
