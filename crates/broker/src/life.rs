//! A broker's life with the controller: registered, shown, left. A machine.
//!
//! ```text
//!   absent ──register──▶ fenced ──told that it is not──▶ active ──leave──▶ leaving ──told to stop──▶ left
//!     ▲                    │ ▲                              │                 │
//!     └── epoch is stale ──┴─┴──────── told that it is ─────┴─────────────────┘
//! ```
//! A fenced broker asks to stay so until it is ready: its logs are open, its listener is bound. One whose disk has failed asks to be fenced: it
//! cannot lead, and would be chosen.
//!
//! Told: the version of the image that this node has applied, what the controller answers, `now`. Answers what to ask next and when. A
//! registration that is lost (the controller knows another life, or none) is made again; one that another process holds is
//! waited for, as its session ends by itself; one that is refused for good ends the node.

use std::time::Duration;

use controller::{Heartbeat, HeartbeatAnswer, Refusal};
use model::{BrokerEpoch, BrokerId, ErrorCode, Offset};
use world::Instant;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask to be registered.
    Register,
    /// Show that the broker is alive.
    Beat(Heartbeat),
    /// Nothing until then, or until a newer image is applied.
    RestUntil(Instant),
    /// Nothing any more.
    Ended,
}

/// Where the broker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Absent,
    Fenced(BrokerEpoch),
    Active(BrokerEpoch),
    Leaving(BrokerEpoch),
    Left,
}

pub(crate) struct Life {
    broker: BrokerId,
    interval: Duration,
    state: State,
    /// Whether it could serve if it were let.
    is_ready: bool,
    /// Whether its disk has failed while there are others to lead.
    is_broken: bool,
    wants_to_leave: bool,
    next_at: Instant,
    /// Heartbeats in a row without an answer.
    unanswered: u32,
    /// What the controller was told last.
    told: Offset,
}

impl Life {
    /// A broker that shows itself every `interval` once it is active.
    pub(crate) const fn new(broker: BrokerId, interval: Duration, now: Instant) -> Self {
        let (state, told) = (State::Absent, Offset::NONE);
        Self {
            broker,
            interval,
            state,
            is_ready: false,
            is_broken: false,
            wants_to_leave: false,
            next_at: now,
            unanswered: 0,
            told,
        }
    }

    /// Logs are open and the listener is bound: the broker may be unfenced.
    pub(crate) fn ready(&mut self, now: Instant) {
        self.is_ready = true;
        self.next_at = now;
    }

    /// Its disk has failed, for good: others are to lead. Answers whether that is news.
    pub(crate) fn on_broken(&mut self, now: Instant) -> bool {
        if self.is_broken {
            return false;
        }
        (self.is_broken, self.next_at) = (true, now);
        true
    }

    pub(crate) const fn is_ready(&self) -> bool {
        self.is_ready
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// The node is to stop.
    pub(crate) fn leave(&mut self, now: Instant) {
        self.wants_to_leave = true;
        self.next_at = now;
        match self.state {
            State::Absent => self.state = State::Left,
            State::Active(epoch) | State::Fenced(epoch) => self.state = State::Leaving(epoch),
            State::Leaving(_) | State::Left => {}
        }
    }

    /// What to do at `now`, when everything below `applied` is applied here. `is_urgent`: somebody waits for what this broker has
    /// applied.
    pub(crate) fn next(&mut self, applied: Offset, is_urgent: bool, now: Instant) -> Step {
        let has_news = applied > self.told;
        let is_due = self.next_at <= now;
        match self.state {
            State::Left => Step::Ended,
            State::Absent if is_due => Step::Register,
            State::Fenced(epoch) if is_due || has_news => self.beat(epoch, applied),
            State::Active(epoch) if is_due || (has_news && is_urgent) => self.beat(epoch, applied),
            State::Leaving(epoch) if is_due => self.beat(epoch, applied),
            _ => Step::RestUntil(self.next_at),
        }
    }

    /// The answer to [`Step::Register`]; none: it did not come.
    ///
    /// # Errors
    /// It is refused for good.
    pub(crate) fn on_registered(
        &mut self,
        answer: Option<Result<BrokerEpoch, Refusal>>,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.next_at = now.plus(RETRY_AFTER);
        match answer {
            Some(Ok(epoch)) => {
                self.next_at = now;
                self.told = Offset::NONE;
                self.state =
                    if self.wants_to_leave { State::Leaving(epoch) } else { State::Fenced(epoch) };
            }
            None => {}
            Some(Err(refusal)) if may_pass(refusal.code) => {}
            Some(Err(refusal)) => return Err(refusal),
        }
        Ok(())
    }

    /// The answer to [`Step::Beat`]; none: it did not come.
    pub(crate) fn on_told(
        &mut self,
        answer: Option<Result<HeartbeatAnswer, Refusal>>,
        now: Instant,
    ) {
        let told = match answer {
            None => {
                self.next_at = now.plus(RETRY_AFTER.min(self.interval));
                self.unanswered += 1;
                // The last of a cluster that stops has nobody to hand over to.
                if self.wants_to_leave && self.unanswered >= UNANSWERED_MAX {
                    self.state = State::Left;
                }
                return;
            }
            Some(Err(refusal)) => {
                self.next_at = now.plus(RETRY_AFTER.min(self.interval));
                if is_lost(refusal.code) {
                    self.state = if self.wants_to_leave { State::Left } else { State::Absent };
                }
                return;
            }
            Some(Ok(told)) => told,
        };
        self.unanswered = 0;
        self.state = match self.state {
            State::Leaving(_) if told.should_shut_down => State::Left,
            State::Active(epoch) | State::Fenced(epoch) if told.is_fenced => State::Fenced(epoch),
            State::Active(epoch) | State::Fenced(epoch) => State::Active(epoch),
            same => same,
        };
        self.next_at = now.plus(match self.state {
            State::Fenced(_) => self.interval.min(FENCED_BEAT_AFTER),
            State::Leaving(_) => self.interval.min(LEAVING_BEAT_AFTER),
            _ => self.interval,
        });
    }

    fn beat(&mut self, epoch: BrokerEpoch, applied: Offset) -> Step {
        self.told = applied;
        Step::Beat(Heartbeat {
            broker: self.broker,
            epoch,
            applied,
            wants_fence: !self.is_ready || self.is_broken,
            wants_shutdown: self.wants_to_leave,
        })
    }
}

/// Whether a registration that is refused with this may succeed later.
fn may_pass(code: ErrorCode) -> bool {
    // The session of the life before, or of another process, is over in a while.
    matches!(
        code,
        ErrorCode::DuplicateBrokerRegistration
            | ErrorCode::NotController
            | ErrorCode::RequestTimedOut
            | ErrorCode::StaleBrokerEpoch
    )
}

/// Whether the controller does not know this life (any more).
fn is_lost(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::StaleBrokerEpoch | ErrorCode::BrokerIdNotRegistered)
}

/// A broker that leaves and hears nothing after so many heartbeats goes without a word.
const UNANSWERED_MAX: u32 = 2;
/// Between two tries of what was not answered or refused for now.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// A fenced broker serves nobody: it shows itself more often.
const FENCED_BEAT_AFTER: Duration = Duration::from_millis(100);
/// A broker that leaves holds up its process: it shows itself more often.
const LEAVING_BEAT_AFTER: Duration = Duration::from_millis(50);

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
