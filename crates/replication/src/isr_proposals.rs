//! The seam to the controller: a leader proposes who is in sync.
//!
//! The broker implements it (batched, over the controller's `AlterPartition`); tests implement it in memory. What is committed comes back
//! through the image, as everything that the controller decides; the answer only says that it has been refused, or that nobody knows.

use model::{BrokerEpoch, BrokerId, ErrorCode, LeaderEpoch, PartitionEpoch, PartitionId, TopicId};

/// Who is to be in sync, by the word of a partition's leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrProposal {
    /// The topic.
    pub topic_id: TopicId,
    /// Its partition.
    pub partition: PartitionId,
    /// The leader's reign.
    pub leader_epoch: LeaderEpoch,
    /// The version of the partition's state that this is to change.
    pub partition_epoch: PartitionEpoch,
    /// The members, the leader among them, with the life in which each was last seen; none: it has not fetched in this reign, or is the
    /// leader itself.
    pub isr: Vec<(BrokerId, Option<BrokerEpoch>)>,
}

/// Told once, from any thread: committed, or why not.
pub type IsrAnswer = Box<dyn FnOnce(Result<(), ErrorCode>) + Send>;

/// Where leaders send their proposals.
pub trait IsrProposals: Send + Sync {
    /// Sends one. Must not wait: the caller is on a request's way.
    fn propose(&self, proposal: IsrProposal, answer: IsrAnswer);
}

/// What a leader makes of a proposal's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was not done, and will not be: what is committed holds.
    Withdrawn,
    /// It may have been done, or something newer has: the image will say. Until then whoever it adds counts.
    AwaitImage,
    /// Nobody knows: it is sent again, and whoever it adds counts meanwhile.
    SendAgain,
}

impl Verdict {
    pub(crate) fn of(answer: Result<(), ErrorCode>) -> Self {
        match answer {
            Err(ErrorCode::IneligibleReplica | ErrorCode::OperationNotAttempted) => Self::Withdrawn,
            Ok(())
            | Err(
                ErrorCode::InvalidUpdateVersion
                | ErrorCode::FencedLeaderEpoch
                | ErrorCode::InvalidRequest
                | ErrorCode::UnknownTopicId
                | ErrorCode::UnknownTopicOrPartition,
            ) => Self::AwaitImage,
            Err(_) => Self::SendAgain,
        }
    }
}
