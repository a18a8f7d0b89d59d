//! A voter that has nothing: it is new, or it has lost its disk.
//!
//! What it had acknowledged, and whom it voted for, it does not know any more. With its vote a candidate could win that lacks what a majority
//! had, this voter being one of it. So for a while it votes only for who has nothing either, as all voters of a cluster that begins;
//! meanwhile the others elect a leader, which tells it everything. If none does, one of them may be dead and this one new indeed: from then
//! on it votes as Raft has it.

use std::time::Duration;

use openraft::{Instant, async_runtime::WatchReceiver, raft::VoteRequest};

use super::{
    runtime::Moment,
    types::{Raft, Types},
};

/// Election timeouts for which it waits to be told: two others have elected a leader within three.
const TIMEOUTS: u32 = 10;

/// See the file's head.
#[derive(Clone)]
pub(super) struct Newcomer {
    raft: Raft,
    until: Moment,
}

impl Newcomer {
    pub(super) fn new(raft: Raft, election_timeout: Duration) -> Self {
        Self { raft, until: Moment::now() + election_timeout * TIMEOUTS }
    }

    /// Whether this node may vote for the candidate, as far as this goes.
    pub(super) fn may_vote(&self, request: &VoteRequest<Types>) -> bool {
        // The first entry is the same on all voters: each writes it itself.
        let is_nothing = |last: Option<u64>| last.is_none_or(|index| index == 0);
        let own = self.raft.metrics().borrow_watched().last_log_index;
        let theirs = request.last_log_id.map(|last| last.index());
        !is_nothing(own) || is_nothing(theirs) || Moment::now() >= self.until
    }
}
