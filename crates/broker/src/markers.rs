//! Transaction markers: written into the partitions that this broker leads.
//!
//! Who orders them is the transaction coordinator here ([`LocalMarkers`] is its seam) or elsewhere (WriteTxnMarkers). A marker for a
//! partition of `__consumer_offsets` goes through the group coordinator, which makes the offsets of the transaction true or
//! forgets them; all others go straight into the log. Either is reported once it is replicated.
//!
//! Partitions led by other brokers are reported as NOT_LEADER_OR_FOLLOWER, to be tried again; those of topics that are gone as
//! written: there is nothing left to end.

use std::{sync::Arc, time::Duration};

use coordinator::{Coordinator, MarkerOrder, MarkerReport, Markers};
use metadata::Publisher;
use model::{BrokerId, ErrorCode, LeaderEpoch, Offset, Pending, TopicName, TopicPartition};
use records::control;
use replication::{Acks, Partition, ReplicaSet, Waiter};
use storage::Origin;
use tokio::{runtime::Handle, time::timeout};
use world::Clock;

use crate::resolve;

/// Writes markers on this broker. Clones are the same.
#[derive(Clone)]
pub struct LocalMarkers {
    replicas: Arc<ReplicaSet>,
    publisher: Arc<Publisher>,
    groups: Coordinator,
    clock: Arc<dyn Clock>,
    node: BrokerId,
    runtime: Handle,
}

/// How long a marker may take to be replicated before it is reported as not written.
const REPLICATION_MAX: Duration = Duration::from_secs(30);

/// A marker on its way.
enum Begun {
    Done(ErrorCode),
    /// Asked of the group coordinator, which always answers.
    Asked(Pending<ErrorCode>),
    /// Appended, in this reign; written once everything before the offset is replicated.
    Appended(Arc<Partition>, LeaderEpoch, Offset),
}

impl LocalMarkers {
    /// Over this node's `replicas` and its `groups`; waits for replication on `runtime`.
    #[must_use]
    pub fn new(
        (replicas, publisher): (Arc<ReplicaSet>, Arc<Publisher>),
        groups: Coordinator,
        clock: Arc<dyn Clock>,
        node: BrokerId,
        runtime: Handle,
    ) -> Self {
        Self { replicas, publisher, groups, clock, node, runtime }
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
        let reign = partition.offsets().leader_epoch;
        Ok(Begun::Appended(partition, reign, placed.appended.last.plus(1)))
    }
}

impl Markers for LocalMarkers {
    fn write(&self, order: MarkerOrder, report: MarkerReport) {
        let this = self.clone();
        self.runtime.spawn(async move { report.send(this.write_all(order).await) });
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
            let replicated = timeout(REPLICATION_MAX, replicate(&partition, reign, until)).await;
            replicated.unwrap_or(ErrorCode::RequestTimedOut)
        }
    }
}

async fn replicate(partition: &Partition, reign: LeaderEpoch, until: Offset) -> ErrorCode {
    loop {
        match resolve::is_replicated(partition, reign, until) {
            Ok(true) => return ErrorCode::None,
            Ok(false) => {
                let waiter = Waiter::new();
                partition.park_produce(&waiter, until);
                waiter.woken().await;
            }
            Err(code) => return code,
        }
    }
}
