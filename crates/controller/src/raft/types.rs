//! The types that openraft is told: what an entry holds, who is a node, where time, tasks and chance come from.
//!
//! Terms have one leader each (standard Raft), so a log id is a term and an index, and maps onto Kafka's leader epoch and
//! offset. A node's address is not in the membership: voters' come from `controller.quorum.voters`, brokers' from the image.

use std::fmt;

use ::bytes::Bytes;
use openraft::{alias, impls::leader_id_std, vote::RaftLeaderId};
use openraft_rt::deterministic_rng::DeterministicRng;
use openraft_rt_tokio::TokioRuntime;

openraft::declare_raft_types!(
    /// See the file's head.
    pub(crate) Types:
        D = Group,
        R = bool,
        NodeId = u64,
        Node = (),
        Term = u64,
        LeaderId = leader_id_std::LeaderId<u64, u64>,
        AsyncRuntime = Runtime,
);

/// Tasks and time are those of the tokio runtime of the thread that the quorum runs on (one thread; its clock can be
/// paused); chance grows from one seed, from task to task, so that a run can be had again.
pub(crate) type Runtime = DeterministicRng<TokioRuntime>;

pub(crate) type Raft = openraft::Raft<Types, super::state_machine::StateMachine>;
pub(crate) type Entry = alias::EntryOf<Types>;
pub(crate) type LogId = alias::LogIdOf<Types>;
pub(crate) type Vote = alias::VoteOf<Types>;
pub(crate) type StoredMembership = alias::StoredMembershipOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, ()>;
pub(crate) type SnapshotMeta = alias::SnapshotMetaOf<Types>;
pub(crate) type Snapshot = alias::SnapshotOf<Types, Bytes>;

/// Facts that commit together: they were decided on the image as the leader of `term` had it after all entries before this
/// one. In an entry of another term they mean nothing: see [`super::state_machine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) term: u64,
    /// As `metadata::Fact` encodes each.
    pub(crate) facts: Vec<Bytes>,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} facts of term {}", self.facts.len(), self.term)
    }
}

pub(crate) fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(leader_id_std::LeaderId::new(term, 0).to_committed(), index)
}

pub(crate) fn term_of(log_id: &LogId) -> u64 {
    **log_id.committed_leader_id()
}

pub(crate) fn vote(term: u64, node: u64, committed: bool) -> Vote {
    openraft::Vote { leader_id: leader_id_std::LeaderId::new(term, node), committed }
}
