//! What every step of the group machine is handed: the time, the shard's timers and settings, and the outcome it writes to.

use std::{convert::Infallible, sync::Arc, time::Duration};

use world::Chance;

use super::record::GroupRecord;
use crate::{
    asked::Answered,
    budget::Budget,
    options::{GroupOptions, Topics},
    runtime::{Now, Outcome, Ticket, Timers},
};

pub(crate) type GroupOutcome = Outcome<GroupRecord, Answered, Infallible>;

/// What a shard has beside its groups.
pub(crate) struct Core {
    pub(crate) options: Arc<GroupOptions>,
    pub(crate) topics: Topics,
    pub(crate) budget: Arc<Budget>,
    pub(crate) chance: Chance,
    pub(crate) timers: Timers<Timer>,
}

/// What may become due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The rebalance of this group has waited long enough for members to join.
    Join(Arc<str>),
    /// It has waited long enough for members to sync.
    Sync(Arc<str>),
    /// This member, or the one that was told this id, has been silent too long.
    Session(Arc<str>, Arc<str>),
    /// Look for offsets that nobody needs any more.
    Expiry,
}

pub(crate) struct Cx<'a> {
    pub(crate) now: Now,
    pub(crate) core: &'a mut Core,
    pub(crate) outcome: &'a mut GroupOutcome,
}

impl Cx<'_> {
    pub(crate) fn answer(&mut self, ticket: Ticket, answer: Answered) {
        self.outcome.answers.push((ticket, answer));
    }

    pub(crate) fn record(&mut self, record: GroupRecord) {
        self.outcome.records.push(record);
    }

    /// Sets `timer` to fire in `ms` (at once if that is negative).
    pub(crate) fn fire_in(&mut self, timer: Timer, ms: i32) {
        let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        self.core.timers.set(timer, self.now.instant.plus(wait));
    }

    pub(crate) fn cancel(&mut self, timer: &Timer) {
        self.core.timers.cancel(timer);
    }

    /// A random uuid in its usual spelling.
    pub(crate) fn uuid(&mut self) -> String {
        let hex = format!("{:032x}", self.core.chance.uuid());
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        parts.join("-")
    }
}
