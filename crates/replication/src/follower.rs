//! A follower of a partition, pure: what it asks its leader, and what it does with the answer.
//!
//! Told: what the leader answered, how the log became, the time. Answers a [`Step`] for whoever holds the log (`partition/follow.rs`).
//!
//! ```text
//!        log_start        high_watermark              log_end
//!    ────┼────────────────┼───────────────────────────┤  asks from here, naming the epoch of its last record
//!         as the leader   as the leader says,            the leader says where the two part (KIP-595's rule): cut there, ask again;
//!         says, within    within this log                it never cuts at the high watermark (KIP-101), nor by epoch alone (KIP-279)
//!         this log
//!
//!         invariant        log_start ≤ high_watermark ≤ log_end; within a reign the watermark goes back only with the log itself
//! ```
//! ```text
//!    fetching ──refused──▶ resting (twice as long each time) ──its time, or a new reign──▶ fetching
//!       └──damaged twice at one offset──▶ failed ──a new reign──▶ fetching
//! ```

use std::time::Duration;

use model::{BrokerId, ErrorCode, LeaderEpoch, Offset};
use world::Instant;

use crate::backoff::Backoff;

/// One follower under one leader in one reign.
#[derive(Clone, Debug)]
pub struct Follower {
    leader: BrokerId,
    epoch: LeaderEpoch,
    high_watermark: Offset,
    state: State,
    backoff: Backoff,
    /// Where the last answer was damaged.
    damaged_at: Option<Offset>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Fetching,
    Resting(Instant),
    Failed,
}

/// What a follower knows of its own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnLog {
    /// The first offset that is kept.
    pub start: Offset,
    /// Where the next record goes.
    pub end: Offset,
    /// The epoch of the last record.
    pub last_epoch: Option<LeaderEpoch>,
}

/// What to ask the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// From where: the end of the log.
    pub from: Offset,
    /// The epoch of the record before it.
    pub last_epoch: Option<LeaderEpoch>,
    /// The reign that the leader is believed to be in.
    pub epoch: LeaderEpoch,
    /// Where the follower's log starts.
    pub log_start: Offset,
}

/// What the leader answered, but for the records themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaderSays {
    /// Records, or none.
    Records {
        /// Its high watermark.
        high_watermark: Offset,
        /// Where its log starts.
        log_start: Offset,
    },
    /// The logs part: the largest epoch that both may know, and where it ends there.
    Diverging(LeaderEpoch, Offset),
    /// It has nothing at the offset; where its log starts.
    OutOfRange {
        /// Where its log starts.
        log_start: Offset,
    },
    /// It refuses.
    Refused(ErrorCode),
}

/// What is to be done with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Append the records, then tell [`Follower::on_appended`].
    Append,
    /// Cut the log there, then tell [`Follower::on_cut`].
    Truncate(Offset),
    /// Drop all of it and start at this offset, then tell [`Follower::on_cut`].
    StartAnew(Offset),
    /// Nothing.
    Rest,
}

/// Where the log is to stand after an append, as the leader says and this log allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The new high watermark.
    pub high_watermark: Offset,
    /// Where the log is to start.
    pub log_start: Offset,
}

impl Follower {
    /// Begins to follow. The log ends at `log_end`, and `high_watermark` is as this node knew it last.
    ///
    /// # Panics
    /// If the high watermark is beyond the log.
    #[must_use]
    pub fn new(
        (leader, epoch): (BrokerId, LeaderEpoch),
        high_watermark: Offset,
        log_end: Offset,
    ) -> Self {
        let follower = Self {
            leader,
            epoch,
            high_watermark,
            state: State::Fetching,
            backoff: Backoff::new(BACKOFF_MAX),
            damaged_at: None,
        };
        follower.check_invariant(log_end);
        follower
    }

    /// What to ask now; none while it rests, or has failed.
    #[must_use]
    pub fn ask(&self, log: &OwnLog, now: Instant) -> Option<Ask> {
        match self.state {
            State::Fetching => {}
            State::Resting(until) if until <= now => {}
            State::Resting(_) | State::Failed => return None,
        }
        Some(Ask {
            from: log.end,
            last_epoch: log.last_epoch,
            epoch: self.epoch,
            log_start: log.start,
        })
    }

    /// The leader has answered. `own_end` tells the largest epoch of this log up to the one named, and where it ends here.
    pub fn on_answer(
        &mut self,
        said: LeaderSays,
        log: &OwnLog,
        own_end: impl Fn(LeaderEpoch) -> Option<(LeaderEpoch, Offset)>,
        now: Instant,
    ) -> Step {
        assert!(self.state != State::Failed, "who has failed asks nothing");
        match said {
            LeaderSays::Records { .. } => {
                self.go_on();
                Step::Append
            }
            LeaderSays::Diverging(epoch, end) => {
                let cut = cut_for((epoch, end), own_end(epoch), log);
                if cut < log.end {
                    self.go_on();
                    return Step::Truncate(cut);
                }
                // Nothing to cut: asking the same again would be answered the same.
                self.rest(now)
            }
            LeaderSays::OutOfRange { log_start } if log_start < Offset::ZERO => self.rest(now),
            // It has deleted what comes next here; or nothing is here, and what it has begins elsewhere.
            LeaderSays::OutOfRange { log_start }
                if log_start > log.end || (log.start == log.end && log_start != log.end) =>
            {
                self.go_on();
                Step::StartAnew(log_start)
            }
            LeaderSays::OutOfRange { .. } | LeaderSays::Refused(_) => self.rest(now),
        }
    }

    /// The records are in the log, which now stands at `log`. Answers where it is to stand further.
    pub fn on_appended(
        &mut self,
        (high_watermark, log_start): (Offset, Offset),
        log: &OwnLog,
    ) -> Advance {
        let within = high_watermark.min(log.end);
        self.high_watermark = self.high_watermark.max(within);
        // What lies before the damage was appended; the damage is still to come.
        self.damaged_at = self.damaged_at.filter(|at| *at >= log.end);
        self.check_invariant(log.end);
        let log_start = log_start.min(self.high_watermark).max(log.start);
        Advance { high_watermark: self.high_watermark, log_start }
    }

    /// The log was cut, or begun anew. Answers whether records went that were called replicated: with a sound leader they only do when an
    /// unclean one was elected, or this log was damaged.
    pub fn on_cut(&mut self, log: &OwnLog) -> bool {
        let is_below = log.end < self.high_watermark;
        self.high_watermark = self.high_watermark.min(log.end).max(log.start);
        self.check_invariant(log.end);
        is_below
    }

    /// What came was damaged at `at`. The first time it may have been the way: it is asked for once more. Answers whether that was the
    /// second time: it has failed then.
    pub fn on_damage(&mut self, at: Offset, now: Instant) -> bool {
        if self.damaged_at == Some(at) {
            self.state = State::Failed;
            return true;
        }
        self.damaged_at = Some(at);
        self.rest(now);
        false
    }

    /// Whether what comes at `at` has been asked for once more: what looks odd again is what the leader has, and not the way's doing.
    #[must_use]
    pub fn has_asked_again_at(&self, at: Offset) -> bool {
        self.damaged_at == Some(at)
    }

    /// What came could not be written: it tries again.
    pub fn on_disk_error(&mut self, now: Instant) {
        self.rest(now);
    }

    /// Whether it has given up until the next reign.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.state == State::Failed
    }

    /// When it asks again; none while it asks, or has failed.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Resting(until) => Some(until),
            State::Fetching | State::Failed => None,
        }
    }

    /// Whom it follows.
    #[must_use]
    pub fn leader(&self) -> BrokerId {
        self.leader
    }

    /// The leader's reign.
    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// How far everyone in sync has the log, as far as is known here.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    fn go_on(&mut self) {
        self.state = State::Fetching;
        self.backoff.reset();
    }

    fn rest(&mut self, now: Instant) -> Step {
        self.state = State::Resting(now.plus(self.backoff.rest()));
        Step::Rest
    }

    fn check_invariant(&self, log_end: Offset) {
        assert!(self.high_watermark <= log_end, "replicated means here too");
    }
}

/// Where to cut, when the leader's largest common epoch ends at `end` there and at `own` here (KIP-279: if the epoch is not known here,
/// the next smaller one is asked about in the next round).
fn cut_for(
    (epoch, end): (LeaderEpoch, Offset),
    own: Option<(LeaderEpoch, Offset)>,
    log: &OwnLog,
) -> Offset {
    match own {
        Some((known, own_end)) if known == epoch => own_end.min(end).min(log.end),
        Some((_, own_end)) => own_end.min(log.end),
        None => end.min(log.end),
    }
}

/// The longest rest after a refusal: `replica.fetch.backoff.ms`.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "follower_tests.rs"]
mod tests;
