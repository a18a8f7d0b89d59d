//! A follower who fetches: is it who it says, and what does the leader learn from its reading?
//!
//! Who fetches as a replica moves the high watermark and enters the ISR: a client that could would lose others' records (CVE-2018-1288).
//! Until listeners tell brokers from clients, a replica must name the epoch of its present life, which only it and the controller were told.

use metadata::{Broker, Image};
use model::{BrokerEpoch, BrokerId, ErrorCode, Offset};
use replication::{FetchRequest, Partition, PartitionError, ReplicaFetch};
use wire::messages;

use super::Outcome;

/// A follower in its present life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replica {
    id: BrokerId,
    epoch: BrokerEpoch,
}

impl Replica {
    /// Who asks; none: a client.
    ///
    /// # Errors
    /// `CLUSTER_AUTHORIZATION_FAILED` for who is no broker or does not say in which life it is; `STALE_BROKER_EPOCH` for a past
    /// one, or one that this node has not heard of yet.
    pub(crate) fn of(
        asked: &messages::FetchRequest,
        image: &Image,
    ) -> Result<Option<Self>, ErrorCode> {
        let (old, state) = (asked.replica_id.0, &asked.replica_state);
        if old.max(state.replica_id.0) < 0 {
            return Ok(None);
        }
        let (id, epoch) = (BrokerId(state.replica_id.0), BrokerEpoch(state.replica_epoch));
        let known = image.broker(id).ok_or(ErrorCode::ClusterAuthorizationFailed)?;
        if old >= 0 || epoch.0 < 0 {
            return Err(ErrorCode::ClusterAuthorizationFailed);
        }
        if known.epoch != epoch {
            return Err(ErrorCode::StaleBrokerEpoch);
        }
        Ok(Some(Self { id, epoch }))
    }

    /// Whether the controller would take it into an ISR.
    pub(crate) fn is_eligible(&self, image: &Image) -> bool {
        let is_its_life = |broker: &Broker| broker.epoch == self.epoch && broker.is_active();
        image.broker(self.id).is_some_and(|broker| is_its_life(broker))
    }

    /// Reads up to the log's end; by it the leader learns how far the follower is, and where its log begins.
    pub(super) fn read(
        &self,
        partition: &Partition,
        is_eligible: bool,
        log_start: Offset,
        read: FetchRequest,
    ) -> Outcome {
        let (replica, broker_epoch) = (self.id, self.epoch);
        let fetch = ReplicaFetch { replica, broker_epoch, is_eligible, log_start, read };
        match partition.read_for_replica(fetch) {
            Err(PartitionError::OffsetOutOfRange { start, .. }) => Outcome::OutOfRange(start),
            read => read.into(),
        }
    }
}
