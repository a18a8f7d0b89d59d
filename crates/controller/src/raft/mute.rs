//! When a leader that hears nobody stops talking: it may be deaf, its link broken in one direction only. A machine.
//!
//! The others would hear its heartbeats, trust it and elect nobody, and nothing it decides would ever be committed (openraft's leader goes on
//! without a majority). Silent, it is like one that is cut off: they elect another, whose first word ends its reign once it hears again.
//!
//! ```text
//!   hears ──neither a majority's answers nor anybody's message for 1.5 election timeouts──▶ mute for 3, talks for 1, mute for 3 …
//!     ▲                                                                                      │
//!     └──────────────────────────── an answer of a majority, a message of anybody ───────────┘
//! ```
//! It talks now and then, because the others may need it: one whose log is behind cannot be elected.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::runtime::Moment;

pub(super) struct Mute {
    election_timeout: Duration,
    /// The last message of anybody, or the beginning.
    heard: Moment,
}

impl Mute {
    pub(super) const fn new(election_timeout: Duration, now: Moment) -> Self {
        Self { election_timeout, heard: now }
    }

    /// Another node has sent a message, or this node has begun to lead.
    pub(super) fn on_heard(&mut self, now: Moment) {
        self.heard = now;
    }

    /// Whether the leader `own` is to be silent now; `answers` are the last ones of everyone else.
    pub(super) fn is_mute(
        &self,
        own: u64,
        voters: &BTreeSet<u64>,
        answers: &BTreeMap<u64, Option<Moment>>,
        now: Moment,
    ) -> bool {
        let mut answered: Vec<Option<Moment>> = voters
            .iter()
            .map(|id| if *id == own { Some(now) } else { answers.get(id).copied().flatten() })
            .collect();
        answered.sort_unstable_by(|left, right| right.cmp(left));
        let of_majority = answered.get(voters.len() / 2).copied().flatten();
        let heard = of_majority.map_or(self.heard, |at| at.max(self.heard));
        let Some(alone) = (now - heard).checked_sub(self.election_timeout * 3 / 2) else {
            return false;
        };
        let cycle = (self.election_timeout * 4).as_nanos().max(1);
        alone.as_nanos() % cycle < (self.election_timeout * 3).as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    fn at(ms: u64) -> Moment {
        Moment::default() + Duration::from_millis(ms)
    }

    fn is_mute(mute: &Mute, answers: [Option<u64>; 2], now: u64) -> bool {
        let answers = [(2, answers[0].map(at)), (3, answers[1].map(at))];
        mute.is_mute(1, &BTreeSet::from([1, 2, 3]), &BTreeMap::from(answers), at(now))
    }

    #[test]
    fn whom_a_majority_answers_talks() {
        let mute = Mute::new(TIMEOUT, at(0));
        assert!(!is_mute(&mute, [Some(9_000), None], 10_000));
        assert!(!is_mute(&mute, [Some(1_000), Some(9_000)], 10_000));
        assert!(is_mute(&mute, [Some(1_000), Some(2_000)], 4_000));
    }

    #[test]
    fn whom_nobody_answers_is_mute_and_talks_now_and_then() {
        let mute = Mute::new(TIMEOUT, at(0));
        let answers = [Some(500), None];
        assert!(!is_mute(&mute, answers, 1_999));
        assert!(is_mute(&mute, answers, 2_000));
        assert!(is_mute(&mute, answers, 4_999));
        assert!(!is_mute(&mute, answers, 5_000));
        assert!(!is_mute(&mute, answers, 5_999));
        assert!(is_mute(&mute, answers, 6_000));
    }

    #[test]
    fn whoever_is_heard_is_answered() {
        let mut mute = Mute::new(TIMEOUT, at(0));
        assert!(is_mute(&mute, [None, None], 2_000));
        mute.on_heard(at(2_000));
        assert!(!is_mute(&mute, [None, None], 3_000));
    }

    #[test]
    fn a_lone_voter_is_never_mute() {
        let mute = Mute::new(TIMEOUT, at(0));
        assert!(!mute.is_mute(1, &BTreeSet::from([1]), &BTreeMap::new(), at(100_000)));
    }
}
