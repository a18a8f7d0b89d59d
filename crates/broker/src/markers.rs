//! Transaction markers: written into the partitions that this broker leads.
//!
//! Who orders them is the transaction coordinator here ([`LocalMarkers`] is its seam) or elsewhere (WriteTxnMarkers). A marker for a
//! partition of `__consumer_offsets` goes through the group coordinator, which makes the offsets of the transaction true or
//! forgets them; all others go straight into the log. Either is reported once it is replicated.
//!
//! Partitions led by other brokers are reported as NOT_LEADER_OR_FOLLOWER, to be tried again; those of topics that are gone as
//! written: there is nothing left to end.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use coordinator::{Coordinator, MarkerOrder, MarkerReport, Markers};
use metadata::Publisher;
use model::{BrokerId, ErrorCode, LeaderEpoch, Offset, Pending, TopicName, TopicPartition};
use records::control;
use replication::{Acks, Partition, ReplicaSet, Waiter};
use storage::Origin;
use world::{
    Clock,
    exec::{self, Sender},
};

/// Writes markers on this broker. Clones are the same.
#[derive(Clone)]
pub struct LocalMarkers {
    replicas: Arc<ReplicaSet>,
    publisher: Arc<Publisher>,
    groups: Coordinator,
    clock: Arc<dyn Clock>,
    node: BrokerId,
    /// To the thread that carries orders out. It ends with the last clone.
    orders: Option<Sender<(MarkerOrder, MarkerReport)>>,
}

/// Orders that may wait. One more is reported as not written, and ordered again.
const ORDERS_MAX: usize = 1_024;

/// How long a marker may take to be replicated before it is reported as not written.
const REPLICATION_MAX: Duration = Duration::from_secs(5);

/// A marker on its way.
enum Begun {
    Done(ErrorCode),
    /// Asked of the group coordinator, which always answers.
    Asked(Pending<ErrorCode>),
    /// Appended, in this reign; written once everything before the offset is replicated.
    Appended(Arc<Partition>, LeaderEpoch, Offset),
}

impl LocalMarkers {
    /// Over this node's `replicas` and its `groups`, with a thread of its own.
    ///
    /// # Errors
    /// The operating system has no thread to give.
    pub fn start(
        (replicas, publisher): (Arc<ReplicaSet>, Arc<Publisher>),
        groups: Coordinator,
        clock: Arc<dyn Clock>,
        node: BrokerId,
    ) -> io::Result<Self> {
        let mut this = Self { replicas, publisher, groups, clock, node, orders: None };
        let (sender, queue) = exec::channel(ORDERS_MAX);
        let writer = this.clone();
        exec::spawn("markers", move || {
            while let Ok((order, report)) = queue.recv() {
                let (order, report): (MarkerOrder, MarkerReport) = (order, report);
                report.send(exec::block_on(writer.write_all(order)));
            }
        })?;
        this.orders = Some(sender);
        Ok(this)
    }

    /// Writes `order` wherever it can be: a code for each partition.
    async fn write_all(&self, order: MarkerOrder) -> Vec<(TopicPartition, ErrorCode)> {
        let image = self.publisher.current();
        let (mut here, mut outcomes) = (Vec::new(), Vec::new());
        for place in &order.partitions {
            let topic = image.topic_named(&place.topic);
            match topic.and_then(|topic| topic.partition(place.partition)) {
                None => outcomes.push((place.clone(), ErrorCode::None)),
                Some(state) if state.leader == self.node => here.push(place.clone()),
                // The path to other brokers comes with the cluster: WriteTxnMarkers to `state.leader`.
                Some(_) => outcomes.push((place.clone(), ErrorCode::NotLeaderOrFollower)),
            }
        }
        outcomes.extend(self.write_here(&order, here).await);
        outcomes
    }

    /// Writes `order` into `places`, which are led here or refuse it: a code for each.
    pub(crate) async fn write_here(
        &self,
        order: &MarkerOrder,
        places: Vec<TopicPartition>,
    ) -> Vec<(TopicPartition, ErrorCode)> {
        let begin = |place: TopicPartition| {
            let begun = self.begin(order, &place).unwrap_or_else(Begun::Done);
            (place, begun)
        };
        let begun: Vec<_> = places.into_iter().map(begin).collect();
        let mut outcomes = Vec::with_capacity(begun.len());
        for (place, begun) in begun {
            outcomes.push((place, finish(begun).await));
        }
        outcomes
    }

    fn begin(&self, order: &MarkerOrder, place: &TopicPartition) -> Result<Begun, ErrorCode> {
        let MarkerOrder { producer_id, producer_epoch, marker, coordinator_epoch, .. } = *order;
        let partition = self.replicas.find(place).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if place.topic.as_str() == TopicName::CONSUMER_OFFSETS {
            let producer = (producer_id, producer_epoch);
            let groups = &self.groups;
            let ended =
                groups.end_transaction(place.partition, producer, marker, coordinator_epoch);
            return Ok(Begun::Asked(ended));
        }
        let now = self.clock.wall();
        let batch = control::marker(marker, coordinator_epoch, producer_id, producer_epoch, now);
        let placed = partition
            .append(batch, Acks::All, Origin::Coordinator)
            .map_err(|error| error.code())?;
        if placed.is_replicated() {
            return Ok(Begun::Done(ErrorCode::None));
        }
        Ok(Begun::Appended(partition, placed.reign, placed.appended.last.plus(1)))
    }
}

impl Markers for LocalMarkers {
    fn write(&self, order: MarkerOrder, report: MarkerReport) {
        if let Some(orders) = &self.orders {
            // Refused, the report says by its end that nothing is written.
            let _ = orders.try_send((order, report));
        }
    }
}

async fn finish(begun: Begun) -> ErrorCode {
    match begun {
        Begun::Done(code) => code,
        Begun::Asked(ended) => match ended.await {
            // The group coordinator's errors as a partition would say them: the same broker is asked again, or another.
            Some(
                ErrorCode::NotCoordinator
                | ErrorCode::CoordinatorLoadInProgress
                | ErrorCode::CoordinatorNotAvailable,
            )
            | None => ErrorCode::NotLeaderOrFollower,
            Some(code) => code,
        },
        Begun::Appended(partition, reign, until) => {
            let mut late = exec::delay(REPLICATION_MAX);
            let mut replicated = pin!(replicate(&partition, reign, until));
            poll_fn(|cx| match replicated.as_mut().poll(cx) {
                Poll::Pending => Pin::new(&mut late).poll(cx).map(|()| ErrorCode::RequestTimedOut),
                ready => ready,
            })
            .await
        }
    }
}

async fn replicate(partition: &Partition, reign: LeaderEpoch, until: Offset) -> ErrorCode {
    loop {
        match partition.is_replicated(reign, until) {
            Ok(true) => return ErrorCode::None,
            Ok(false) => {
                let waiter = Waiter::new();
                partition.park_produce(&waiter, until);
                waiter.woken().await;
            }
            Err(error) => return error.code(),
        }
    }
}
