//! Who has shown itself lately: the controller's soft state about brokers.
//!
//! Told: heartbeats, suspicions and `now`. It lives in the memory of the controller that leads and begins anew with its reign: every broker
//! then has a full session to show itself.
//!
//! ```text
//!   heartbeat ──▶ deadline = now + session       suspicion ──▶ deadline = min(deadline, now + grace)       deadline ──▶ over
//! ```

use std::{collections::BTreeMap, time::Duration};

use model::{BrokerEpoch, BrokerId, Offset};
use world::Instant;

/// How long a broker whose connection broke may be silent: a process that has died is noticed at once, one that only
/// connects anew shows itself within this time.
pub const SUSPICION_GRACE: Duration = Duration::from_millis(500);

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
        let (applied, catch_up, hand_over) = (Offset::NONE, None, None);
        let fresh = Session { epoch, deadline, applied, catch_up, hand_over };
        let session = self.all.entry(broker).or_insert(fresh);
        if session.epoch != epoch {
            *session = Session { epoch, deadline, applied, catch_up, hand_over };
        }
        session.deadline = deadline;
        session
    }

    /// Gives `broker` a session if it has none.
    pub(crate) fn ensure(&mut self, broker: BrokerId, epoch: BrokerEpoch, now: Instant) {
        if !self.all.contains_key(&broker) {
            self.touch(broker, epoch, now);
        }
    }

    /// The broker may be gone.
    pub(crate) fn suspect(&mut self, broker: BrokerId, now: Instant) {
        if let Some(session) = self.all.get_mut(&broker) {
            session.deadline = session.deadline.min(now.plus(SUSPICION_GRACE));
        }
    }

    pub(crate) fn end(&mut self, broker: BrokerId) {
        self.all.remove(&broker);
    }

    /// Whether the broker has shown itself in this life and has time left.
    pub(crate) fn is_live(&self, broker: BrokerId, epoch: BrokerEpoch, now: Instant) -> bool {
        self.all
            .get(&broker)
            .is_some_and(|session| session.epoch == epoch && now < session.deadline)
    }

    /// What the broker has applied for sure.
    pub(crate) fn applied(&self, broker: BrokerId) -> Offset {
        self.all.get(&broker).map_or(Offset::NONE, |session| session.applied)
    }

    /// Ends the sessions that are over; answers whose they were.
    pub(crate) fn take_over(&mut self, now: Instant) -> Vec<BrokerId> {
        let over = self.all.iter().filter(|(_, session)| session.deadline <= now);
        let over: Vec<BrokerId> = over.map(|(broker, _)| *broker).collect();
        over.iter().for_each(|broker| self.end(*broker));
        over
    }

    /// When the first of them is over.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.all.values().map(|session| session.deadline).min()
    }
}
