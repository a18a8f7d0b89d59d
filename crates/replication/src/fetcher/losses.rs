//! Leaders that this node has just lost, as its own fetchers find: a moment before the image says who leads in their place.
//!
//! ```text
//!   heard ──the link fails──▶ lost ──[`LOSS_MAX`], or an answer──▶ heard        failing again does not make it longer
//! ```

use std::{collections::BTreeMap, time::Duration};

use model::BrokerId;
use world::{
    Instant,
    exec::{Mutex, MutexGuard},
};

/// Which, and since when.
#[derive(Default)]
pub struct Losses {
    since: Mutex<BTreeMap<BrokerId, Instant>>,
}

/// How long it is worth to wait for others to lead: who died is fenced by then, who is not has only lost a connection.
pub const LOSS_MAX: Duration = Duration::from_millis(300);

impl Losses {
    pub(super) fn note_failure(&self, leader: BrokerId, now: Instant) {
        self.lock().entry(leader).or_insert(now);
    }

    pub(super) fn note_answer(&self, leader: BrokerId) {
        self.lock().remove(&leader);
    }

    /// Those that were lost less than [`LOSS_MAX`] ago.
    #[must_use]
    pub fn recent(&self, now: Instant) -> Vec<BrokerId> {
        let since = self.lock();
        let recent = since.iter().filter(|(_, since)| now.since(**since) < LOSS_MAX);
        recent.map(|(leader, _)| *leader).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<BrokerId, Instant>> {
        self.since.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEADER: BrokerId = BrokerId(1);

    #[test]
    fn one_that_keeps_failing_is_a_recent_loss_once_until_it_answers() {
        let losses = Losses::default();
        let start = Instant(0);
        losses.note_failure(LEADER, start);
        losses.note_failure(LEADER, start.plus(LOSS_MAX / 2));
        assert_eq!(losses.recent(start.plus(LOSS_MAX / 2)), [LEADER]);
        assert!(losses.recent(start.plus(LOSS_MAX)).is_empty());
        losses.note_failure(LEADER, start.plus(LOSS_MAX));
        assert!(losses.recent(start.plus(LOSS_MAX)).is_empty(), "it has never come back");
        losses.note_answer(LEADER);
        losses.note_failure(LEADER, start.plus(LOSS_MAX));
        assert_eq!(losses.recent(start.plus(LOSS_MAX)), [LEADER]);
    }
}
