//! Transaction markers, written into the partitions that this broker leads.
//!
//! Who orders them is the transaction coordinator here (by way of [`crate::Outgoing`]) or elsewhere (WriteTxnMarkers). A marker for a partition of
//! `__consumer_offsets` goes through the group coordinator, which makes the offsets of the transaction true or forgets them; all
//! others go straight into the log. Either is reported once it is replicated.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use coordinator::{Coordinator, MarkerOrder};
use model::{ErrorCode, LeaderEpoch, Offset, Pending, TopicName, TopicPartition};
use records::control;
use replication::{Acks, Partition, ReplicaSet, Waiter};
use storage::Origin;
use world::{
    Clock,
    exec::{self, Delay},
};

use super::Codes;

/// Writes markers on this broker. Clones are the same.
#[derive(Clone)]
pub struct LocalMarkers {
    replicas: Arc<ReplicaSet>,
    groups: Coordinator,
    clock: Arc<dyn Clock>,
}

/// How long markers may take to be replicated before they are reported as not written.
const REPLICATION_MAX: Duration = Duration::from_secs(5);

/// Markers of one order on their way.
#[must_use]
pub(crate) struct Writing(Vec<(TopicPartition, Begun)>);

enum Begun {
    Done(ErrorCode),
    /// Asked of the group coordinator, which always answers.
    Asked(Pending<ErrorCode>),
    /// Appended, in this reign; written once everything before the offset is replicated.
    Appended(Arc<Partition>, LeaderEpoch, Offset),
}

impl LocalMarkers {
    pub(crate) fn new(
        replicas: Arc<ReplicaSet>,
        groups: Coordinator,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { replicas, groups, clock }
    }

    /// Appends the markers of `order` in each of its partitions, which are led here or refuse it.
    pub(crate) fn begin(&self, order: &MarkerOrder) -> Writing {
        let begin = |place: &TopicPartition| {
            let begun = self.append(order, place).unwrap_or_else(Begun::Done);
            (place.clone(), begun)
        };
        Writing(order.partitions.iter().map(begin).collect())
    }

    fn append(&self, order: &MarkerOrder, place: &TopicPartition) -> Result<Begun, ErrorCode> {
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

impl Writing {
    /// When those who wait give up: for all orders of a request the same time.
    pub(crate) fn late() -> Delay {
        exec::delay(REPLICATION_MAX)
    }

    /// Returns once every marker is replicated, or refused, or `late`.
    pub(crate) async fn finish(self, late: &mut Delay) -> Codes {
        let mut codes = Vec::with_capacity(self.0.len());
        for (place, begun) in self.0 {
            codes.push((place, begun.finish(late).await));
        }
        codes
    }
}

impl Begun {
    async fn finish(self, late: &mut Delay) -> ErrorCode {
        match self {
            Self::Done(code) => code,
            Self::Asked(ended) => match ended.await {
                // The group coordinator's errors as a partition would say them: the same broker is asked again, or another.
                Some(
                    ErrorCode::NotCoordinator
                    | ErrorCode::CoordinatorLoadInProgress
                    | ErrorCode::CoordinatorNotAvailable,
                )
                | None => ErrorCode::NotLeaderOrFollower,
                Some(code) => code,
            },
            Self::Appended(partition, reign, until) => {
                let mut replicated = pin!(replicate(&partition, reign, until));
                poll_fn(|cx| match replicated.as_mut().poll(cx) {
                    Poll::Pending => {
                        Pin::new(&mut *late).poll(cx).map(|()| ErrorCode::RequestTimedOut)
                    }
                    ready => ready,
                })
                .await
            }
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
