//! The follower's side: what it asks its leader, and the log that becomes of the answers.

use bytes::Bytes;
use model::BrokerId;
use storage::{CopyRules, StorageError};
use world::Instant;

use super::{Core, Partition, State, read::Fetched, role::Followed, wake};
use crate::{Ask, FetchRequest, LeaderSays, PartitionError, Step};

/// Whether, and what, a fetcher is to ask for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followable {
    /// This.
    Ask(Ask),
    /// Nothing before this time.
    Rests(Instant),
    /// Nothing until it is told of again: it has failed, or its log is not open yet.
    Idle,
    /// Nothing: it does not follow that leader.
    Elsewhere,
}

impl Partition {
    /// What to ask `leader`.
    #[must_use]
    pub fn to_ask(&self, leader: BrokerId, now: Instant) -> Followable {
        let core = self.lock();
        if core.assigned.leader != leader {
            return Followable::Elsewhere;
        }
        if core.damage.is_some() {
            // What it would ask says how far its log goes; it is to count no more.
            return Followable::Idle;
        }
        match &core.state {
            State::Followed(followed) => match followed.follower.ask(&followed.own_log(), now) {
                Some(ask) => Followable::Ask(ask),
                None => {
                    followed.follower.next_deadline().map_or(Followable::Idle, Followable::Rests)
                }
            },
            State::Unopened => Followable::Idle,
            State::Led(_) | State::Offline(_) | State::Gone => Followable::Elsewhere,
        }
    }

    /// The leader has answered what was asked. An answer from another reign, or to what is asked no more, is dropped.
    pub fn on_leader_answer(&self, asked: &Ask, said: LeaderSays, records: &Bytes) {
        let now = self.home.now();
        let mut core = self.lock();
        let is_damaged = core.damage.is_some();
        let State::Followed(followed) = &mut core.state else { return };
        let is_current = followed.follower.epoch() == asked.epoch
            && followed.log.end() == asked.from
            && !followed.follower.has_failed();
        if !is_current || is_damaged {
            return;
        }
        let before = followed.log.end();
        let done = self.perform(followed, said, records, now);
        if let Err(error) = done {
            eprintln!("error: {}: not replicated: {error}", self.name);
            followed.follower.on_disk_error(now);
            self.note_damage(&mut core, &error.into());
        }
        let State::Followed(followed) = &mut core.state else { return };
        let grown = followed.log.end().since(before);
        let is_news = grown > 0 && self.note_unsynced(&mut core, records.len(), grown, now);
        let is_sync_due = core.unsynced.records >= core.options.topic.flush_messages;
        let woken = self.settle(&mut core);
        drop(core);
        wake(woken);
        if is_news {
            self.home.note_written(self.me.clone());
        }
        if is_sync_due {
            // An error has put the directory offline: everyone who asks is told.
            let _ = self.flush();
        }
    }

    fn perform(
        &self,
        followed: &mut Followed,
        said: LeaderSays,
        records: &Bytes,
        now: Instant,
    ) -> Result<(), StorageError> {
        let own = followed.own_log();
        let Followed { log, follower } = followed;
        let step = follower.on_answer(said, &own, |epoch| log.end_of_epoch(epoch), now);
        match (step, said) {
            (Step::Append, LeaderSays::Records { high_watermark, log_start }) => {
                self.copy(followed, records, now)?;
                let own = followed.own_log();
                let advance = followed.follower.on_appended((high_watermark, log_start), &own);
                if advance.log_start > own.start {
                    followed.log.advance_start(advance.log_start, advance.high_watermark)?;
                    self.home.note_written(self.me.clone());
                }
            }
            (Step::Truncate(to), _) => {
                let done = log.truncate_to(to);
                self.on_cut(followed);
                return done;
            }
            (Step::StartAnew(at), _) => {
                let done = log.truncate_fully(at);
                self.on_cut(followed);
                return done;
            }
            (Step::Append | Step::Rest, _) => {}
        }
        Ok(())
    }

    fn copy(
        &self,
        followed: &mut Followed,
        records: &Bytes,
        now: Instant,
    ) -> Result<(), StorageError> {
        if records.is_empty() {
            return Ok(());
        }
        let Followed { log, follower } = followed;
        let rules = CopyRules {
            reign: follower.epoch(),
            may_have_gaps: log.options().compact || follower.has_asked_again_at(log.end()),
        };
        let copied = log.append_copies(records, rules, self.home.wall())?;
        self.home.figures.observe_copied(copied.size_bytes);
        if let Some(damage) = copied.damage {
            let has_failed = follower.on_damage(damage.at, now);
            self.home.figures.observe_damage(has_failed);
            let then = if has_failed { "not followed any more" } else { "asked for once more" };
            let (leader, at, why) = (follower.leader(), damage.at, damage.why);
            eprintln!(
                "error: {}: broker {leader} sent damaged records at {at}: {why}; {then}",
                self.name
            );
        }
        Ok(())
    }

    /// Also when the disk has failed in its midst: the log may be cut already, and what is shown of it must be in order.
    fn on_cut(&self, followed: &mut Followed) {
        let high_watermark = followed.follower.high_watermark();
        let own = followed.own_log();
        let is_below = followed.follower.on_cut(&own);
        self.home.figures.observe_truncation(is_below);
        if is_below {
            let (leader, end) = (followed.follower.leader(), own.end);
            eprintln!(
                "error: {}: cut to {end}, below its high watermark {high_watermark}, as its leader {leader} does not have what followed",
                self.name
            );
        }
    }

    /// Reads what is here up to the high watermark that is known here, whoever leads: for jobs beside the log. It may lag behind the
    /// leader's.
    ///
    /// # Errors
    /// [`PartitionError`]: an offset that is not there, the disk.
    pub fn read_followed(&self, request: FetchRequest) -> Result<Fetched, PartitionError> {
        let mut core = self.lock();
        let state = self.opened(&mut core)?;
        let (Some(offsets), Some(log)) = (state.offsets(), state.log()) else {
            return Err(PartitionError::Gone);
        };
        let read = super::read::read_committed(log, &request, &offsets);
        self.noting(&mut core, read)
    }

    /// What was written since the last sync; answers whether housekeeping is to be told.
    pub(super) fn note_unsynced(
        &self,
        core: &mut Core,
        bytes: usize,
        records: i64,
        now: Instant,
    ) -> bool {
        let unsynced = &mut core.unsynced;
        if unsynced.records == 0 {
            unsynced.since = now;
        }
        unsynced.bytes += bytes as u64;
        unsynced.records = unsynced.records.saturating_add(records);
        !std::mem::replace(&mut unsynced.is_noted, true)
    }
}
