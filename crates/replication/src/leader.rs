//! The leader of a partition, pure: who is in sync, and how far the high watermark is.
//!
//! Told: that the log has grown, what followers fetch, the time, the controller's word. Answers [`Effects`]: a new high watermark, a new ISR
//! to propose. Used by `partition`, which holds the log; a lone node's leader has no followers and takes the same path.
//!
//! A reign may outlive its replicas: a reassignment adds some without a new leader epoch, and each image is told ([`Leader::on_committed`]).
//!
//! ```text
//!        epoch_start                 high_watermark              log_end
//!    ────┼───── this reign ──────────┼────── not yet in all ─────┤
//!         high_watermark = the least log end over the maximal ISR, and over those who have caught up and are about to join it;
//!                          it stands still while the ISR is smaller than min.insync.replicas, and while somebody is eligible (KIP-966):
//!                          whoever is has all below it
//!         invariant        high_watermark ≤ log_end; both only grow; the ISR holds the leader
//! ```
//! ```text
//!    replicas ─┬─ the leader
//!              └─ followers ──fetches──▶ caught up ──proposed──▶ in sync     added by an image: as at the beginning, nothing known of it
//!                                                                           gone by an image: forgotten, nobody waits for it
//!         invariant        the followers are the replicas but the leader, and whoever is in sync is one of them: none is passed over
//! ```

use std::{collections::BTreeMap, time::Duration};

use metadata::PartitionState;
use model::{BrokerEpoch, BrokerId, LeaderEpoch, Offset};
use world::Instant;

use crate::{Isr, watermark::high_watermark};

/// One leader in one reign.
#[derive(Clone, Debug)]
pub struct Leader {
    me: BrokerId,
    epoch: LeaderEpoch,
    epoch_start: Offset,
    log_end: Offset,
    high_watermark: Offset,
    isr: Isr,
    /// Somebody who is not in sync would be let lead: until it is, nothing may be committed without it.
    commits_nothing: bool,
    /// All replicas but the leader.
    followers: BTreeMap<BrokerId, Follower>,
    rules: LeaderRules,
}

/// What a leader begins with.
#[derive(Clone, Debug)]
pub struct Reign<'a> {
    /// The leader.
    pub me: BrokerId,
    /// Its reign.
    pub epoch: LeaderEpoch,
    /// The controller's word on who takes part.
    pub state: Committed<'a>,
    /// The end of its log.
    pub log_end: Offset,
    /// As this node knew it last.
    pub high_watermark: Offset,
}

/// What the controller has committed within a reign.
#[derive(Clone, Copy, Debug)]
pub struct Committed<'a> {
    /// All replicas, those that a reassignment adds or removes among them.
    pub replicas: &'a [BrokerId],
    /// Those in sync.
    pub isr: &'a [BrokerId],
    /// Those that are eligible to lead although they are not.
    pub elr: &'a [BrokerId],
}

impl<'a> From<&'a PartitionState> for Committed<'a> {
    fn from(state: &'a PartitionState) -> Self {
        Self { replicas: &state.replicas, isr: &state.isr, elr: &state.elr }
    }
}

/// What the topic and the broker ask of a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderRules {
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
    /// `replica.lag.time.max.ms`.
    pub lag_max: Duration,
}

/// A follower's fetch.
#[derive(Clone, Copy, Debug)]
pub struct FollowerFetch {
    /// Who.
    pub follower: BrokerId,
    /// The life in which it fetches.
    pub broker_epoch: BrokerEpoch,
    /// From where: the end of its log.
    pub at: Offset,
    /// Where its log begins.
    pub log_start: Offset,
    /// Whether the controller would take it into the ISR: registered in this life, not fenced, not going.
    pub is_eligible: bool,
}

/// What a leader wants done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// It has moved here: those who wait for it may be woken.
    pub high_watermark: Option<Offset>,
    /// To propose to the controller.
    pub propose_isr: Option<Vec<BrokerId>>,
    /// The follower has less than it had: it has cut its log, or its log begins earlier, or this is an older request of its own that was still
    /// under way when it had sent another. Whichever is its last is to be looked at again, or what it said before counts no more.
    pub has_less: bool,
}

#[derive(Clone, Debug)]
struct Follower {
    /// None before it has fetched in this reign.
    log_end: Option<Offset>,
    /// Likewise.
    log_start: Option<Offset>,
    broker_epoch: Option<BrokerEpoch>,
    is_eligible: bool,
    /// When it last had all that the leader had; none: never in this reign, and it did not begin in sync.
    caught_up_at: Option<Instant>,
    fetched_at: Instant,
    /// The leader's log end when it last fetched: who reaches it had caught up then.
    leader_end_then: Offset,
}

impl Leader {
    /// Takes over. The effects hold the first watermark, if it is beyond the one known.
    ///
    /// # Panics
    /// If the high watermark is beyond the log: acknowledged records would be missing.
    #[must_use]
    pub fn new(reign: &Reign<'_>, rules: LeaderRules, now: Instant) -> (Self, Effects) {
        assert!(reign.high_watermark <= reign.log_end, "replicated means here too");
        let mut leader = Self {
            me: reign.me,
            epoch: reign.epoch,
            epoch_start: reign.log_end,
            log_end: reign.log_end,
            high_watermark: reign.high_watermark,
            isr: Isr::committed(reign.state.isr),
            commits_nothing: false,
            followers: BTreeMap::new(),
            rules,
        };
        leader.follow(&reign.state, now);
        let effects = leader.advance(now);
        (leader, effects)
    }

    /// The log now ends at `end`.
    ///
    /// # Panics
    /// If the leader's log has shrunk.
    pub fn on_append(&mut self, end: Offset, now: Instant) -> Effects {
        assert!(end >= self.log_end, "a leader's log never shrinks");
        if end > self.log_end {
            let had_all = |follower: &&mut Follower| follower.log_end == Some(self.log_end);
            for follower in self.followers.values_mut().filter(had_all) {
                // Until now: who has everything need not say so again and again.
                follower.caught_up_at = Some(now);
            }
        }
        self.log_end = end;
        self.advance(now)
    }

    /// A follower has all before `fetch.at`.
    pub fn on_follower_fetch(&mut self, fetch: FollowerFetch, now: Instant) -> Effects {
        let leader_end = self.log_end;
        let Some(follower) = self.followers.get_mut(&fetch.follower) else {
            return Effects::default(); // no replica: the handler has told it so
        };
        if fetch.at >= leader_end {
            follower.caught_up_at = Some(now);
        } else if fetch.at >= follower.leader_end_then {
            follower.caught_up_at = follower.caught_up_at.max(Some(follower.fetched_at));
        }
        let has_less =
            follower.log_end > Some(fetch.at) || follower.log_start > Some(fetch.log_start);
        follower.log_end = Some(fetch.at);
        follower.log_start = Some(fetch.log_start);
        follower.broker_epoch = Some(fetch.broker_epoch);
        follower.is_eligible = fetch.is_eligible;
        follower.fetched_at = now;
        follower.leader_end_then = leader_end;
        let joins = fetch.is_eligible
            && !self.isr.is_pending()
            && !self.isr.is_maximal(fetch.follower)
            && fetch.at >= self.high_watermark.max(self.epoch_start);
        let propose_isr = joins.then(|| self.isr.expand(fetch.follower));
        Effects { propose_isr, has_less, ..self.advance(now) }
    }

    /// Who has not had everything for too long is proposed to go.
    pub fn on_tick(&mut self, now: Instant) -> Effects {
        let lagging: Vec<BrokerId> = self
            .isr
            .members()
            .iter()
            .filter(|id| self.followers.get(id).is_some_and(|follower| self.lags(follower, now)))
            .copied()
            .collect();
        let shrinks = !lagging.is_empty() && !self.isr.is_pending();
        let propose_isr = shrinks.then(|| self.isr.shrink(&lagging));
        Effects { propose_isr, ..self.advance(now) }
    }

    /// The controller has committed another state: an ISR (ours, or one of its own), other replicas, or both.
    pub fn on_committed(&mut self, state: &Committed<'_>, now: Instant) -> Effects {
        for (id, follower) in &mut self.followers {
            if self.isr.members().contains(id) && !state.isr.contains(id) {
                // Nobody waits for who is gone, until it fetches again and is found eligible.
                follower.is_eligible = false;
            }
        }
        self.isr.commit(state.isr);
        self.follow(state, now);
        self.advance(now)
    }

    /// The controller has refused the proposal; the next fetch or tick may make another.
    pub fn on_isr_refused(&mut self) {
        self.isr.withdraw();
    }

    /// The topic's options have changed.
    pub fn on_rules(&mut self, rules: LeaderRules, now: Instant) -> Effects {
        self.rules = rules;
        self.advance(now)
    }

    /// When [`Self::on_tick`] may have something to say; never for a leader alone, nor while all have everything.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let waited_for = self.followers.iter().filter(|(id, follower)| {
            self.isr.members().contains(id) || (follower.is_eligible && !self.isr.is_maximal(**id))
        });
        let behind = waited_for.filter(|(_, follower)| follower.log_end != Some(self.log_end));
        let lags_from = |follower: &Follower| Some(follower.caught_up_at?.plus(self.rules.lag_max));
        behind.filter_map(|(_, follower)| lags_from(follower)).min()
    }

    /// The life in which a replica last fetched in this reign; none: it has not.
    #[must_use]
    pub fn broker_epoch_of(&self, id: BrokerId) -> Option<BrokerEpoch> {
        self.followers.get(&id)?.broker_epoch
    }

    /// Where the logs of all replicas begin that `is_alive` (the leader's own begins at `own`): no record before it is left on any of them.
    /// [`Offset::NONE`] while one of them has not fetched in this reign.
    #[must_use]
    pub fn low_watermark(&self, own: Offset, is_alive: impl Fn(BrokerId) -> bool) -> Offset {
        let alive = self.followers.iter().filter(|(id, _)| is_alive(**id));
        let theirs = alive.map(|(_, follower)| follower.log_start.unwrap_or(Offset::NONE));
        theirs.fold(own, Offset::min)
    }

    /// Whether there is anyone to wait for.
    #[must_use]
    pub fn has_followers(&self) -> bool {
        !self.followers.is_empty()
    }

    /// Whether another in sync has fetched in this reign, or there is no other. Until then the next reign may have begun without this leader having heard of it.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        let mut others = self.isr.members().iter().filter(|id| **id != self.me).peekable();
        let has_fetched =
            |id: &BrokerId| self.followers.get(id).is_some_and(|it| it.log_end.is_some());
        others.peek().is_none() || others.any(has_fetched)
    }

    /// Whether it is in sync alone, and will be for as long as it proposes nobody.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.isr.members() == [self.me] && !self.isr.is_pending()
    }

    /// Whether acks=all may be given.
    #[must_use]
    pub fn has_enough_replicas(&self) -> bool {
        self.isr.count() >= self.min_insync_replicas() && !self.commits_nothing
    }

    /// `min.insync.replicas`, or the number of replicas where that is less.
    #[must_use]
    pub fn min_insync_replicas(&self) -> usize {
        self.rules.min_insync_replicas.min(self.followers.len() + 1)
    }

    /// Who is in sync.
    #[must_use]
    pub fn isr(&self) -> &Isr {
        &self.isr
    }

    /// The reign.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// Where the log ended when the reign began.
    #[must_use]
    pub fn epoch_start(&self) -> Offset {
        self.epoch_start
    }

    /// Where the log ends.
    #[must_use]
    pub fn log_end(&self) -> Offset {
        self.log_end
    }

    /// How far everyone in sync has the log.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Takes over who the replicas are: who stays keeps what is known of it.
    fn follow(&mut self, state: &Committed<'_>, now: Instant) {
        self.commits_nothing = !state.elr.is_empty();
        // Who is in sync is a replica; were it not so, the watermark must not pass it over.
        let is_replica = |id: &BrokerId| state.replicas.contains(id) || state.isr.contains(id);
        self.followers.retain(|id, _| is_replica(id));
        for id in state.replicas.iter().chain(state.isr).filter(|id| **id != self.me) {
            let new = || Follower::new(state.isr.contains(id), now);
            self.followers.entry(*id).or_insert_with(new);
        }
    }

    fn lags(&self, follower: &Follower, now: Instant) -> bool {
        follower.log_end != Some(self.log_end)
            && follower.caught_up_at.is_none_or(|at| now.since(at) > self.rules.lag_max)
    }

    fn advance(&mut self, now: Instant) -> Effects {
        let before = self.high_watermark;
        if self.has_enough_replicas() {
            let counted = self.followers.iter().filter(|(id, follower)| {
                self.isr.is_maximal(**id) || (follower.is_eligible && !self.lags(follower, now))
            });
            // Who counts and has not fetched in this reign may have nothing of it.
            let theirs = counted.map(|(_, follower)| follower.log_end.unwrap_or(Offset::ZERO));
            let theirs = theirs.filter(|_| !model::mutant!("M14"));
            let positions = theirs.chain([self.log_end]);
            self.high_watermark = high_watermark(before, positions);
        }
        self.assert_invariant();
        let moved = self.high_watermark > before;
        Effects { high_watermark: moved.then_some(self.high_watermark), ..Effects::default() }
    }

    fn assert_invariant(&self) {
        assert!(self.high_watermark <= self.log_end, "replicated means here too");
        debug_assert!(
            self.isr.members().is_empty() || self.isr.members().contains(&self.me),
            "a leader is in sync with itself"
        );
    }
}

impl Follower {
    /// One of whom nothing is known but whether it is in sync by the controller's word.
    fn new(is_in_sync: bool, now: Instant) -> Self {
        Self {
            log_end: None,
            log_start: None,
            broker_epoch: None,
            is_eligible: false,
            caught_up_at: is_in_sync.then_some(now),
            fetched_at: now,
            leader_end_then: Offset(i64::MAX),
        }
    }
}

#[cfg(test)]
#[path = "leader_tests.rs"]
mod tests;
