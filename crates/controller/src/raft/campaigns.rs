//! When this node asks for votes without waiting for openraft's timeout: as it starts, and when the leader's connection is gone.
//!
//! Told: that it starts, who is disconnected. Answers nothing; it triggers elections. Each is a pre-vote first, so where somebody leads the
//! others refuse and nobody is disturbed. A campaign asks a few times, each time after a random wait that may be longer than the last: so
//! that the others, who decide by what they have lost themselves, have noticed too, and so that two who asked at once and tied, each with its
//! own vote, do not tie again.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use openraft::{
    async_runtime::{AsyncRuntime, Instant, WatchReceiver},
    raft::TransferLeaderRequest,
};
use world::Chance;

use super::{
    runtime::{Moment, Runtime},
    types::{Raft, Vote},
};

/// A node's campaigns.
pub(super) struct Campaigns {
    raft: Raft,
    own_id: u64,
    election_timeout: Duration,
    chance: RefCell<Chance>,
    /// When the last one for a lost leader began, and which reign had been lost.
    begun: Cell<Option<(Moment, Vote)>>,
}

impl Campaigns {
    pub(super) fn new(raft: Raft, own_id: u64, election_timeout: Duration, seed: u64) -> Self {
        let chance = RefCell::new(Chance::from_seed(seed));
        Self { raft, own_id, election_timeout, chance, begun: Cell::new(None) }
    }

    /// Whoever starts has heard no leader yet. The votes that openraft asks for at once are lost where the other voters are not up, and tie
    /// where all ask in the same moment. One that led before this node ended is not waited for.
    pub(super) fn on_start(&self) {
        let led = self.reign().1.filter(|leader| *leader != self.own_id);
        let longest = (0..FIRST_TIMES).map(|times| FIRST_WAIT * (1 << times));
        let waits = longest.map(|longest| longest / 2 + self.below(longest)).collect();
        self.begin(led, waits);
    }

    /// The connection to a node has broken, or is refused. Of the leader, that begins one campaign in an election's timeout for each reign:
    /// what it sends to the lost leader is refused as well, and must not make it ask ever more often while nobody can be elected.
    pub(super) fn on_disconnected(&self, id: u64) {
        let (lost, leader) = self.reign();
        if leader != Some(id) || id == self.own_id {
            return;
        }
        let now = Moment::now();
        let is_asked = |(at, of)| of == lost && now - at < self.election_timeout;
        if self.begun.get().is_some_and(is_asked) {
            return;
        }
        self.begun.set(Some((now, lost)));
        let waits = (1..=TIMES).map(|times| self.below(WAIT * times)).collect();
        self.begin(Some(id), waits);
    }

    /// Asks after each of these waits, until somebody leads.
    fn begin(&self, lost_leader: Option<u64>, waits: Vec<Duration>) {
        let raft = self.raft.clone();
        let lost = self.reign().0;
        drop(Runtime::spawn(async move {
            for wait in waits {
                if let Some(id) = lost_leader {
                    // Handed to the lost leader itself, a transfer of leadership only ends this node's lease.
                    let release = TransferLeaderRequest::new(lost, id, None);
                    if raft.handle_transfer_leader(release).await.is_err() {
                        return;
                    }
                }
                Runtime::sleep(wait).await;
                // Another vote without a leader is no end: it may be a tie.
                let (vote, leader) = reign(&raft);
                let is_led = vote != lost && leader.is_some();
                if is_led || raft.trigger().elect(true).await.is_err() {
                    return;
                }
            }
        }));
    }

    fn reign(&self) -> (Vote, Option<u64>) {
        reign(&self.raft)
    }

    fn below(&self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.chance.borrow_mut().below(micros))
    }
}

/// The vote that holds here, and who leads by it.
fn reign(raft: &Raft) -> (Vote, Option<u64>) {
    let metrics = raft.metrics();
    let metrics = metrics.borrow_watched();
    (metrics.vote, metrics.current_leader)
}

/// The first wait of a node that starts, about; each next one is about twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(15);
/// With them it has tried for a second and a half; from then on openraft's own timeout counts.
const FIRST_TIMES: u32 = 6;
/// How often a node that has lost its leader asks the others whether they have lost it too.
const TIMES: u32 = 8;
/// How long it waits before the first, at most; before the second at most twice as long, and so on.
const WAIT: Duration = Duration::from_millis(12);
