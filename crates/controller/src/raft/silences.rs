//! Who of the quorum no longer answers its leader: the early hint that a process hangs or a machine has vanished, whose connections stay open.
//! A machine.
//!
//! ```text
//!                   patience without an answer, or the leader before this one ──▶ silent
//!   heard ◀──────────────── any later answer ──────────────── silent
//! ```
//! Told: when openraft was last answered by each member, `now`. Answers who has fallen silent and who is heard again; what follows from
//! it is for the sessions of the brokers. openraft sends its heartbeats apart from its log and is answered by the quorum's own
//! thread: neither a slow disk nor load on the data path makes a member silent.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::runtime::Moment;

pub(super) struct Silences {
    patience: Duration,
    reign: Option<Reign>,
    /// Who led before, as long as this node does not.
    led: Option<u64>,
}

struct Reign {
    term: u64,
    since: Moment,
    /// With the answer that was the last one when they fell silent.
    silent: BTreeMap<u64, Option<Moment>>,
}

/// What is new.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Turned {
    pub(super) silent: BTreeSet<u64>,
    /// The leader before, which is silent.
    pub(super) replaced: Option<u64>,
    pub(super) heard: BTreeSet<u64>,
}

impl Silences {
    pub(super) const fn new(patience: Duration) -> Self {
        Self { patience, reign: None, led: None }
    }

    /// This node does not lead; `leader` does, as far as it knows.
    pub(super) fn on_following(&mut self, leader: Option<u64>) {
        self.reign = None;
        self.led = leader.or(self.led);
    }

    /// This node leads in `term` and was last answered at `answers`, of everyone but itself.
    pub(super) fn on_leading(
        &mut self,
        term: u64,
        answers: &BTreeMap<u64, Option<Moment>>,
        now: Moment,
    ) -> Turned {
        let mut turned = Turned::default();
        if self.reign.as_ref().is_none_or(|reign| reign.term != term) {
            self.reign = Some(Reign { term, since: now, silent: BTreeMap::new() });
            // A leader is followed because nobody heard it any longer.
            turned.replaced = self.led.take().filter(|led| answers.get(led) == Some(&None));
        }
        let Some(reign) = &mut self.reign else { return turned };
        reign.silent.retain(|id, _| answers.contains_key(id));
        for (id, answered) in answers {
            match reign.silent.get(id) {
                Some(last) if answered > last => {
                    turned.heard.insert(*id);
                }
                Some(_) => {}
                None if now - answered.unwrap_or(reign.since) >= self.patience => {
                    turned.silent.insert(*id);
                }
                None => {}
            }
        }
        reign.silent.retain(|id, _| !turned.heard.contains(id));
        for id in turned.silent.iter().chain(&turned.replaced) {
            reign.silent.insert(*id, answers.get(id).copied().flatten());
        }
        turned
    }

    /// The connection to `id` has broken: until it answers again it is silent.
    pub(super) fn on_disconnected(&mut self, id: u64, answered: Option<Moment>) {
        if let Some(reign) = &mut self.reign {
            reign.silent.insert(id, answered);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(ms: u64) -> Moment {
        Moment::default() + Duration::from_millis(ms)
    }

    fn answers(of: &[(u64, Option<u64>)]) -> BTreeMap<u64, Option<Moment>> {
        of.iter().map(|(id, ms)| (*id, ms.map(at))).collect()
    }

    fn turned(silent: &[u64], heard: &[u64]) -> Turned {
        let heard = heard.iter().copied().collect();
        Turned { silent: silent.iter().copied().collect(), replaced: None, heard }
    }

    #[test]
    fn who_does_not_answer_for_so_long_is_silent_once_and_heard_with_the_next_answer() {
        let mut silences = Silences::new(SECOND);
        let mut look = |of: &[_], now| silences.on_leading(3, &answers(of), at(now));
        assert_eq!(look(&[(2, Some(100)), (3, None)], 200), turned(&[], &[]));
        assert_eq!(look(&[(2, Some(100)), (3, Some(900))], 1100), turned(&[2], &[]));
        assert_eq!(look(&[(2, Some(100)), (3, Some(1200))], 1300), turned(&[], &[]));
        assert_eq!(look(&[(2, Some(1250)), (3, Some(1200))], 1400), turned(&[], &[2]));
        assert_eq!(look(&[(2, Some(1250)), (3, Some(1200))], 2225), turned(&[3], &[]));
    }

    #[test]
    fn who_has_never_answered_has_as_long_from_the_beginning_of_the_reign() {
        let mut silences = Silences::new(SECOND);
        assert_eq!(silences.on_leading(3, &answers(&[(2, None)]), at(5000)), turned(&[], &[]));
        assert_eq!(silences.on_leading(3, &answers(&[(2, None)]), at(5999)), turned(&[], &[]));
        assert_eq!(silences.on_leading(3, &answers(&[(2, None)]), at(6000)), turned(&[2], &[]));
    }

    #[test]
    fn the_leader_before_is_silent_at_once_unless_it_has_answered() {
        for (answered, replaced) in [(None, Some(2)), (Some(5000), None)] {
            let mut silences = Silences::new(SECOND);
            silences.on_following(Some(2));
            silences.on_following(None);
            let of = answers(&[(2, answered), (3, None)]);
            let expected = Turned { replaced, ..Turned::default() };
            assert_eq!(silences.on_leading(4, &of, at(5000)), expected);
            assert_eq!(silences.on_leading(4, &of, at(5001)), turned(&[], &[]));
        }
    }

    #[test]
    fn who_was_disconnected_is_heard_again_with_a_later_answer() {
        let mut silences = Silences::new(SECOND);
        silences.on_leading(3, &answers(&[(2, Some(10))]), at(20));
        silences.on_disconnected(2, Some(at(10)));
        assert_eq!(silences.on_leading(3, &answers(&[(2, Some(10))]), at(30)), turned(&[], &[]));
        assert_eq!(silences.on_leading(3, &answers(&[(2, Some(210))]), at(220)), turned(&[], &[2]));
    }
}
