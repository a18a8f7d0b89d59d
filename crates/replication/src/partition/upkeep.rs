//! What time asks of a partition. Called by housekeeping; none of it under the lock for long.

use std::{mem, time::Duration};

use model::{Offset, TopicPartition};
use storage::{Checkpoint, Log};
use world::Instant;

use super::{Partition, role::State, wake};
use crate::{PartitionError, dirty_set::Urgency};

/// When a partition's log is synced in the background, besides `flush.ms`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SyncRules {
    /// Recovery after a kill reads what is not synced: this bounds it.
    pub(crate) bytes_max: u64,
    /// Also of a log that is hardly written.
    pub(crate) age_max: Duration,
}

impl Partition {
    /// Removes segments that are too old or too many; answers how many went.
    pub(crate) fn enforce_retention(&self) -> Result<usize, PartitionError> {
        let mut core = self.lock();
        let Some(offsets) = core.state.offsets() else { return Ok(0) };
        let Some(log) = core.state.log_mut() else { return Ok(0) };
        let removed = log.enforce_retention(self.home.wall(), offsets.high_watermark)?;
        // A roll may have happened too; neither moves the end.
        assert_eq!(log.end(), offsets.log_end, "retention takes from the front");
        let leader = core.assigned.leader;
        let woken = self.settle(&mut core);
        drop(core);
        wake(woken);
        if removed > 0 && leader != self.home.node {
            // Where its log begins is part of what it asks; nobody hurries.
            self.home.assignments.left(&self.me, leader);
        }
        Ok(removed)
    }

    /// Compacts one range, if one is due; answers whether there was one. The work is done without the lock.
    pub(crate) fn compact(&self) -> Result<bool, PartitionError> {
        let planned = {
            let core = self.lock();
            let (Some(log), Some(offsets)) = (core.state.log(), core.state.offsets()) else {
                return Ok(false);
            };
            if !log.options().compact {
                return Ok(false);
            }
            log.plan_compaction(self.home.wall(), offsets.last_stable)
        };
        let Some(planned) = planned else { return Ok(false) };
        let compacted = planned.run().map_err(PartitionError::from);
        let compacted = self.noting(&mut self.lock(), compacted)?;
        if let Some(log) = self.lock().state.log_mut() {
            log.install_compaction(compacted)?;
        }
        Ok(true)
    }

    /// Syncs what has waited long enough; answers when to look again, if anything waits still.
    pub(crate) fn sync_if_due(
        &self,
        rules: SyncRules,
        now: Instant,
    ) -> Result<Option<Instant>, PartitionError> {
        let due = {
            let mut core = self.lock();
            let flush_ms = u64::try_from(core.options.log.flush_ms).unwrap_or(0);
            let age_max = Duration::from_millis(flush_ms).min(rules.age_max);
            let unsynced = &mut core.unsynced;
            if unsynced.records == 0 {
                unsynced.is_noted = false;
                return Ok(None);
            }
            if unsynced.bytes >= rules.bytes_max { now } else { unsynced.since.plus(age_max) }
        };
        if due > now {
            return Ok(Some(due));
        }
        self.flush()?;
        let mut core = self.lock();
        core.unsynced.is_noted = core.unsynced.records > 0;
        Ok(core.unsynced.is_noted.then(|| core.unsynced.since.plus(rules.age_max)))
    }

    /// What a restart wants to know; none while the log is not open.
    pub(crate) fn checkpoint(&self) -> Option<(TopicPartition, Checkpoint)> {
        let core = self.lock();
        let checkpoint = checkpoint(core.state.log()?, core.state.offsets()?.high_watermark);
        Some((self.name.clone(), checkpoint))
    }

    /// Gives back what a log that is not written does not need.
    pub(crate) fn give_back(&self) {
        let wall = self.home.wall();
        if let Some(log) = self.lock().state.log_mut() {
            log.idle(wall);
        }
    }

    /// Closes the log cleanly; the partition answers nobody any more.
    pub(crate) fn close(
        &self,
    ) -> (Option<(TopicPartition, Checkpoint)>, Result<(), PartitionError>) {
        let mut core = self.lock();
        let state = mem::replace(&mut core.state, State::Gone);
        let mut woken = core.waiters.all();
        woken.extend(core.subscriptions.all(Urgency::Urgent));
        let closed = match state.into_log() {
            Ok((mut log, high_watermark)) => {
                let closed = log.close().map_err(PartitionError::from);
                (Some((self.name.clone(), checkpoint(&log, high_watermark))), closed)
            }
            Err(State::Offline(why)) => (None, Err(PartitionError::Offline(why))),
            Err(_) => (None, Ok(())),
        };
        drop(core);
        wake(woken);
        closed
    }
}

fn checkpoint(log: &Log, high_watermark: Offset) -> Checkpoint {
    let (recovery_point, log_start) = (log.recovery_point(), log.start());
    Checkpoint { recovery_point, log_start, high_watermark }
}
