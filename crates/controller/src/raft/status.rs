//! What can be said of the quorum: who leads, how far everyone is (`DescribeQuorum`).

use ::bytes::Bytes;
use model::{BrokerId, Offset};
use openraft::async_runtime::{Instant, WatchReceiver};
use serde::{Deserialize, Serialize};

use super::types::Raft;

/// The quorum as this node sees it; only the leader knows how far the others are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumStatus {
    /// The node that was asked.
    pub node: BrokerId,
    /// Who leads, if known.
    pub leader: Option<BrokerId>,
    /// Raft's term.
    pub leader_epoch: i32,
    /// The offset after the last entry known to be committed.
    pub high_watermark: Offset,
    /// Who votes.
    pub voters: Vec<ReplicaStatus>,
    /// Who only follows.
    pub observers: Vec<ReplicaStatus>,
}

/// One node of the quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaStatus {
    /// Its `node.id`.
    pub id: BrokerId,
    /// The offset after the last entry it is known to have; -1 unless the leader is asked.
    pub log_end: Offset,
    /// Milliseconds since the leader knows it to be there; -1 unless the leader is asked.
    pub silent_ms: i64,
}

pub(super) fn of(raft: &Raft) -> QuorumStatus {
    let metrics = raft.metrics().borrow_watched().clone();
    let end = |index: Option<u64>| {
        Offset(index.map_or(0, |index| i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1)))
    };
    let replica = |id: u64| {
        let is_self = id == metrics.id;
        let replication = metrics.replication.as_ref();
        let matched = replication.and_then(|nodes| nodes.get(&id));
        let log_end = match (is_self, replication) {
            (true, _) => end(metrics.last_log_index),
            (false, Some(_)) => end(matched.and_then(|id| *id).map(|id| id.index)),
            (false, None) => Offset::NONE,
        };
        let beat = metrics.heartbeat.as_ref().and_then(|nodes| nodes.get(&id)).and_then(|at| *at);
        let silent_ms = match (is_self, beat) {
            (true, _) => 0,
            (false, Some(at)) => i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX),
            (false, None) => -1,
        };
        ReplicaStatus { id: broker(id), log_end, silent_ms }
    };
    let membership = metrics.membership_config.membership();
    QuorumStatus {
        node: broker(metrics.id),
        leader: metrics.current_leader.map(broker),
        leader_epoch: i32::try_from(metrics.current_term).unwrap_or(i32::MAX),
        high_watermark: end(metrics.local_committed.map(|id| id.index)),
        voters: membership.voter_ids().map(replica).collect(),
        observers: membership.learner_ids().map(replica).collect(),
    }
}

/// For another node.
pub(super) fn encode(status: &QuorumStatus) -> Bytes {
    serde_json::to_vec(status).expect("numbers are always JSON").into()
}

/// What another node's [`encode`] wrote.
pub(super) fn decode(bytes: &[u8]) -> Option<QuorumStatus> {
    serde_json::from_slice(bytes).ok()
}

fn broker(id: u64) -> BrokerId {
    BrokerId(i32::try_from(id).unwrap_or(i32::MAX))
}
