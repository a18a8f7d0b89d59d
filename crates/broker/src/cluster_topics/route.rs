//! Who is to be asked about a partition, and asking again while that moves.

use std::time::Duration;

use metadata::NO_LEADER;
use model::{BrokerId, ErrorCode, LeaderEpoch, TopicId, TopicPartition};
use world::exec;

use super::ClusterTopics;

/// Where a partition is led.
#[derive(Clone, Copy, Debug)]
pub(super) enum Route {
    /// On this node.
    Here,
    /// On another.
    Elsewhere(Led),
}

/// A partition that another broker leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Led {
    pub(super) leader: BrokerId,
    pub(super) epoch: LeaderEpoch,
    pub(super) topic: TopicId,
    /// Whether a replica on this node is in sync.
    pub(super) is_followed: bool,
}

/// How long a call is tried again while leadership moves: an election, and a broker that is found dead by its silence.
const MOVING_MAX: Duration = Duration::from_secs(15);
/// The first pause between two tries, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(200);

impl ClusterTopics {
    /// Where `partition` is led, by the image.
    pub(super) fn route(&self, partition: &TopicPartition) -> Result<Route, ErrorCode> {
        let image = self.publisher.current();
        let topic =
            image.topic_named(&partition.topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let state =
            topic.partition(partition.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        match state.leader {
            NO_LEADER => Err(ErrorCode::LeaderNotAvailable),
            leader if leader == self.node => Ok(Route::Here),
            leader => Ok(Route::Elsewhere(Led {
                leader,
                epoch: state.leader_epoch,
                topic: topic.id,
                is_followed: state.isr.contains(&self.node),
            })),
        }
    }

    /// Has `attempt` ask who leads `partition`, again while what it is told will pass.
    pub(super) fn at_leader<T>(
        &self,
        partition: &TopicPartition,
        mut attempt: impl FnMut(Route) -> Result<T, ErrorCode>,
    ) -> Result<T, ErrorCode> {
        self.while_moving(|| self.route(partition).and_then(&mut attempt))
    }

    /// Makes `attempt` again while what it is told will pass.
    pub(super) fn while_moving<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, ErrorCode>,
    ) -> Result<T, ErrorCode> {
        let deadline = self.clock.now().plus(MOVING_MAX);
        let mut pause = PAUSE_MIN;
        loop {
            match attempt() {
                Err(code) if is_moving(code) && self.clock.now() < deadline => {}
                settled => return settled,
            }
            exec::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// What passes once the cluster has settled.
const fn is_moving(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::OffsetNotAvailable
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::BrokerNotAvailable
            | ErrorCode::NetworkException
            | ErrorCode::NotEnoughReplicas
            | ErrorCode::NotEnoughReplicasAfterAppend
            | ErrorCode::RequestTimedOut
            | ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress
    )
}
