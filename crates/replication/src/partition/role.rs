//! What a partition is on this node: led or followed, or not there. Either way there is one log, and offsets to show.

use std::collections::BTreeMap;

use model::{BrokerId, LeaderEpoch, Offset};
use storage::Log;

use super::Home;
use crate::{Follower, Leader, Offsets, OwnLog, PartitionError};

pub(super) enum State {
    /// Its log has not been needed yet.
    Unopened,
    /// Its log is open and this node leads.
    Led(Box<Led>),
    /// Its log is open and another node leads, or nobody.
    Followed(Box<Followed>),
    /// Its log cannot be opened.
    Offline(String),
    /// Deleted, or closed with the node.
    Gone,
}

pub(super) struct Led {
    pub(super) log: Log,
    pub(super) leader: Leader,
    /// Whether housekeeping looks at it each second, because somebody is behind.
    pub(super) is_watched: bool,
    /// Nobody knows what became of the proposal: to be sent again.
    pub(super) sends_again: bool,
    /// Up to where each follower was last given records: who asks for some of them again has found them damaged, or never got them.
    pub(super) served: BTreeMap<BrokerId, Offset>,
}

pub(super) struct Followed {
    pub(super) log: Log,
    pub(super) follower: Follower,
}

impl State {
    pub(super) fn log(&self) -> Option<&Log> {
        match self {
            Self::Led(led) => Some(&led.log),
            Self::Followed(followed) => Some(&followed.log),
            Self::Unopened | Self::Offline(_) | Self::Gone => None,
        }
    }

    pub(super) fn log_mut(&mut self) -> Option<&mut Log> {
        match self {
            Self::Led(led) => Some(&mut led.log),
            Self::Followed(followed) => Some(&mut followed.log),
            Self::Unopened | Self::Offline(_) | Self::Gone => None,
        }
    }

    pub(super) fn offsets(&self) -> Option<Offsets> {
        match self {
            Self::Led(led) => Some(led.offsets()),
            Self::Followed(followed) => Some(followed.offsets()),
            Self::Unopened | Self::Offline(_) | Self::Gone => None,
        }
    }

    /// The log and the high watermark, out of either role.
    pub(super) fn into_log(self) -> Result<(Log, Offset), Self> {
        match self {
            Self::Led(led) => {
                let high_watermark = led.leader.high_watermark();
                Ok((led.log, high_watermark))
            }
            Self::Followed(followed) => {
                let high_watermark = followed.follower.high_watermark();
                Ok((followed.log, high_watermark))
            }
            other => Err(other),
        }
    }
}

impl Led {
    pub(super) fn offsets(&self) -> Offsets {
        offsets(&self.log, self.leader.high_watermark(), self.leader.epoch())
    }

    /// Where the logs of all replicas begin that are alive.
    pub(super) fn low_watermark(&self, home: &Home) -> Offset {
        let visible = home.visible.lock();
        self.leader.low_watermark(self.log.start(), |id| visible.contains(&id))
    }

    /// A peer that names a reign must name this one.
    pub(super) fn check_epoch(&self, named: Option<LeaderEpoch>) -> Result<(), PartitionError> {
        let current = self.leader.epoch();
        match named {
            Some(found) if found < current => {
                Err(PartitionError::FencedLeaderEpoch { found, current })
            }
            Some(found) if found > current => {
                Err(PartitionError::UnknownLeaderEpoch { found, current })
            }
            _ => Ok(()),
        }
    }
}

impl Followed {
    pub(super) fn offsets(&self) -> Offsets {
        offsets(&self.log, self.follower.high_watermark(), self.follower.epoch())
    }

    pub(super) fn own_log(&self) -> OwnLog {
        let (start, end) = (self.log.start(), self.log.end());
        OwnLog { start, end, last_epoch: self.log.latest_epoch() }
    }
}

fn offsets(log: &Log, high_watermark: Offset, leader_epoch: LeaderEpoch) -> Offsets {
    let log_start = log.start();
    Offsets {
        log_start,
        last_stable: match model::mutant!("M16") {
            true => high_watermark,
            false => log.last_stable(high_watermark).max(log_start),
        },
        high_watermark,
        log_end: log.end(),
        leader_epoch,
    }
}
