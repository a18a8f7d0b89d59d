//! Who has shown itself lately: the controller's soft state about brokers.
//!
//! Told: heartbeats, suspicions and their ends, and `now`. It lives in the memory of the controller that leads and begins anew with its reign: every broker
//! then has a full session to show itself. A new life of a broker that has not done so need not wait that long: a node has one life at a time (its
//! data directory is locked), so it waits only in case the old one's heartbeat is under way.
//!
//! ```text
//!   heartbeat ──▶ deadline = now + session, not suspected       suspicion ──▶ suspected until now + grace
//!   its node answers the quorum ──▶ not suspected               deadline, or suspected so long ──▶ over
//! ```
//! That a node answers the quorum does not show which life it is that answers: a new life need not wait for the session of one that has
//! been suspected since its last heartbeat.

use std::{collections::BTreeMap, time::Duration};

use model::{BrokerEpoch, BrokerId, Offset};
use world::Instant;

/// How long a broker is suspected before it is taken for gone: one that only connects anew answers the quorum within this time.
pub const SUSPICION_GRACE: Duration = Duration::from_millis(300);

/// Sessions of brokers, by id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    timeout: Duration,
    all: BTreeMap<BrokerId, Session>,
}

/// One broker's.
#[derive(Debug)]
pub(crate) struct Session {
    epoch: BrokerEpoch,
    deadline: Instant,
    /// When a suspicion that nothing contradicts ends it.
    suspected_until: Option<Instant>,
    /// Until when a broker that this controller has not heard, or not since it was suspected, bars a new life of its own.
    unheard_until: Option<Instant>,
    /// What it has applied, as it said last; [`Offset::NONE`] before it has.
    pub(crate) applied: Offset,
    /// What it must have applied to be unfenced: all that was committed when it showed itself first.
    pub(crate) catch_up: Option<Offset>,
    /// What all others must have applied before it may stop: all that was committed when its leaders had moved.
    pub(crate) hand_over: Option<Offset>,
}

impl Sessions {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, all: BTreeMap::new() }
    }

    /// Forgets all and gives each of `brokers` a full session.
    pub(crate) fn begin(
        &mut self,
        brokers: impl Iterator<Item = (BrokerId, BrokerEpoch)>,
        now: Instant,
    ) {
        self.all.clear();
        brokers.for_each(|(broker, epoch)| self.ensure(broker, epoch, now));
    }

    /// The broker has shown itself.
    pub(crate) fn touch(
        &mut self,
        broker: BrokerId,
        epoch: BrokerEpoch,
        now: Instant,
    ) -> &mut Session {
        let deadline = now.plus(self.timeout);
        let session = self.all.entry(broker).or_insert_with(|| Session::new(epoch, deadline));
        if session.epoch != epoch {
            *session = Session::new(epoch, deadline);
        }
        session.deadline = deadline;
        session.suspected_until = None;
        session.unheard_until = None;
        session
    }

    /// Gives `broker` a session if it has none, though it has not shown itself.
    pub(crate) fn ensure(&mut self, broker: BrokerId, epoch: BrokerEpoch, now: Instant) {
        let mut unheard = Session::new(epoch, now.plus(self.timeout));
        unheard.unheard_until = Some(now.plus(SUSPICION_GRACE));
        self.all.entry(broker).or_insert(unheard);
    }

    /// The broker may be gone.
    pub(crate) fn suspect(&mut self, broker: BrokerId, grace: Duration, now: Instant) {
        if let Some(session) = self.all.get_mut(&broker) {
            let until = now.plus(grace);
            session.suspected_until =
                Some(session.suspected_until.map_or(until, |at| at.min(until)));
            session.unheard_until = Some(session.unheard_until.map_or(until, |at| at.min(until)));
        }
    }

    /// The suspicion was wrong.
    pub(crate) fn trust(&mut self, broker: BrokerId) {
        if let Some(session) = self.all.get_mut(&broker) {
            session.suspected_until = None;
        }
    }

    pub(crate) fn end(&mut self, broker: BrokerId) {
        self.all.remove(&broker);
    }

    /// Whether the broker has shown itself in this life and has time left, or may still show itself.
    pub(crate) fn is_live(&self, broker: BrokerId, epoch: BrokerEpoch, now: Instant) -> bool {
        self.all.get(&broker).is_some_and(|session| {
            let until = session.unheard_until.unwrap_or(session.deadline).min(session.end());
            session.epoch == epoch && now < until
        })
    }

    /// What the broker has applied for sure.
    pub(crate) fn applied(&self, broker: BrokerId) -> Offset {
        self.all.get(&broker).map_or(Offset::NONE, |session| session.applied)
    }

    /// Ends the sessions that are over; answers whose they were.
    pub(crate) fn take_over(&mut self, now: Instant) -> Vec<BrokerId> {
        let over = self.all.iter().filter(|(_, session)| session.end() <= now);
        let over: Vec<BrokerId> = over.map(|(broker, _)| *broker).collect();
        over.iter().for_each(|broker| self.end(*broker));
        over
    }

    /// When the first of them is over.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.all.values().map(Session::end).min()
    }
}

impl Session {
    const fn new(epoch: BrokerEpoch, deadline: Instant) -> Self {
        Self {
            epoch,
            deadline,
            suspected_until: None,
            unheard_until: None,
            applied: Offset::NONE,
            catch_up: None,
            hand_over: None,
        }
    }

    /// When it is over.
    fn end(&self) -> Instant {
        self.suspected_until.map_or(self.deadline, |until| until.min(self.deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Loss;

    const BROKER: BrokerId = BrokerId(1);
    const SECOND: Duration = Duration::from_secs(1);

    /// All three nodes were killed and started again, or the one that led the quorum: nobody could take part, and nobody else led what it had led, before the
    /// session of the life before was over.
    #[test]
    fn a_life_that_a_new_reign_has_not_heard_does_not_bar_the_next_for_a_whole_session() {
        let (start, epoch) = (Instant::default(), BrokerEpoch(7));
        let mut sessions = Sessions::new(9 * SECOND);
        sessions.begin([(BROKER, epoch)].into_iter(), start);
        assert!(
            sessions.is_live(BROKER, epoch, start.plus(SUSPICION_GRACE / 2)),
            "it may be heard"
        );
        assert!(!sessions.is_live(BROKER, epoch, start.plus(SUSPICION_GRACE)), "it has not been");
        assert!(sessions.take_over(start.plus(3 * SECOND)).is_empty(), "it is not fenced for that");
        sessions.touch(BROKER, epoch, start.plus(3 * SECOND));
        assert!(sessions.is_live(BROKER, epoch, start.plus(11 * SECOND)), "it has shown itself");
        assert_eq!(sessions.take_over(start.plus(12 * SECOND)), [BROKER]);
    }

    /// A link that was reset had a live broker fenced: its next heartbeat may be two seconds away.
    #[test]
    fn a_suspect_that_answers_the_quorum_keeps_its_session() {
        let (start, epoch) = (Instant::default(), BrokerEpoch(7));
        let mut sessions = Sessions::new(9 * SECOND);
        sessions.touch(BROKER, epoch, start);
        sessions.suspect(BROKER, SUSPICION_GRACE, start.plus(SECOND));
        assert_eq!(sessions.next_deadline(), Some(start.plus(SECOND + SUSPICION_GRACE)));
        sessions.trust(BROKER);
        assert!(sessions.take_over(start.plus(2 * SECOND)).is_empty());
        assert!(!sessions.is_live(BROKER, epoch, start.plus(2 * SECOND)), "who answers may be new");
        assert_eq!(sessions.take_over(start.plus(9 * SECOND)), [BROKER]);
    }

    #[test]
    fn one_whose_process_has_ended_is_over_at_once() {
        let (start, epoch) = (Instant::default(), BrokerEpoch(7));
        let mut sessions = Sessions::new(9 * SECOND);
        sessions.touch(BROKER, epoch, start);
        sessions.suspect(BROKER, Loss::Broken.grace(), start.plus(SECOND));
        assert!(sessions.take_over(start.plus(SECOND)).is_empty());
        sessions.suspect(BROKER, Loss::Refused.grace(), start.plus(SECOND));
        assert_eq!(sessions.take_over(start.plus(SECOND)), [BROKER]);
    }

    #[test]
    fn a_suspect_that_nobody_hears_is_over_within_the_grace() {
        let (start, epoch) = (Instant::default(), BrokerEpoch(7));
        let mut sessions = Sessions::new(9 * SECOND);
        sessions.touch(BROKER, epoch, start);
        sessions.suspect(BROKER, SUSPICION_GRACE, start.plus(SECOND));
        sessions.suspect(BROKER, SUSPICION_GRACE, start.plus(SECOND).plus(SUSPICION_GRACE / 2));
        assert_eq!(sessions.take_over(start.plus(SECOND + SUSPICION_GRACE)), [BROKER]);
    }
}
