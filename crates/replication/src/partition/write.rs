//! Appending: the first stage of a produce, which never waits for a replica.

use bytes::BytesMut;
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Verification, VerificationGuard};
use storage::{AppendError, Appended, Log, Origin};
use world::Instant;

use super::{Core, Led, Partition, State, wake};
use crate::PartitionError;

/// How many must have a record before its producer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Nobody; there is no answer.
    None,
    /// The leader.
    Leader,
    /// Everyone in sync, and at least `min.insync.replicas`.
    All,
}

impl Acks {
    /// Kafka's wire value; none for one that does not exist (INVALID_REQUIRED_ACKS).
    #[must_use]
    pub const fn from_wire(value: i16) -> Option<Self> {
        match value {
            0 => Some(Self::None),
            1 => Some(Self::Leader),
            -1 => Some(Self::All),
            _ => None,
        }
    }
}

/// A batch that has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where.
    pub appended: Appended,
    /// How far everything is replicated: with acks=all the answer is due once this passes the batch's last offset
    /// ([`Partition::park_produce`]).
    pub high_watermark: Offset,
    /// The reign in which it was appended.
    pub reign: LeaderEpoch,
}

/// What must hold for a batch to be appended.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Who appends.
    pub origin: Origin,
    /// The reign in which the appender believes this node to lead; none: any will do.
    pub reign: Option<LeaderEpoch>,
    /// Whether it may begin a transaction here.
    pub verification: Verification,
}

impl From<Origin> for Terms {
    fn from(origin: Origin) -> Self {
        Self { origin, reign: None, verification: Verification::Waived }
    }
}

impl Placed {
    /// Whether every in-sync replica has the batch.
    #[must_use]
    pub fn is_replicated(&self) -> bool {
        self.high_watermark > self.appended.last || model::mutant!("M13")
    }
}

/// To its producer a batch out of order is a loss of records, for good. A leader whom nobody follows yet may lack what another has acknowledged since: who really leads
/// is to be asked again.
fn refusal(led: &Led, error: AppendError) -> PartitionError {
    match error {
        AppendError::OutOfOrderSequence { .. } if !led.leader.is_followed() => {
            PartitionError::NotLeader
        }
        error => error.into(),
    }
}

impl Partition {
    /// Appends one batch. With `flush.messages` reached it is synced before this returns, and before any reader sees it.
    ///
    /// # Errors
    /// [`PartitionError`]; nothing is appended then, unless the sync failed.
    pub fn append(
        &self,
        batch: BytesMut,
        acks: Acks,
        terms: impl Into<Terms>,
    ) -> Result<Placed, PartitionError> {
        let Terms { origin, reign, verification } = terms.into();
        let (wall, now) = (self.home.wall(), self.home.now());
        let mut core = self.lock();
        let led = self.led(&mut core)?;
        led.check_epoch(reign)?;
        if acks == Acks::All && !led.leader.has_enough_replicas() {
            let in_sync = led.leader.isr().count();
            let required = led.leader.min_insync_replicas();
            return Err(PartitionError::NotEnoughReplicas { in_sync, required });
        }
        if let Verification::Asked(guard) = verification {
            led.log.check_verified(&batch, guard).map_err(|error| refusal(led, error))?;
        }
        let before = led.log.end();
        let appended = led.log.append(batch, led.leader.epoch(), origin, wall);
        let appended = appended.map_err(|error| refusal(led, error))?;
        let (end, reign) = (led.log.end(), led.leader.epoch());
        assert!(end >= before, "an append never shortens the log");
        let is_news = !appended.duplicate
            && self.note_unsynced(&mut core, appended.size_bytes, end.since(before), now);
        let is_sync_due = core.unsynced.records >= core.options.topic.flush_messages;
        core.unsynced.awaited += u64::from(is_sync_due);
        self.note_appended(&mut core, now);
        let high_watermark = core.state.offsets().unwrap_or_default().high_watermark;
        self.watch(&mut core);
        // Followers may have it at once.
        let woken = self.settle(&mut core);
        drop(core);
        wake(woken);
        if is_news {
            self.home.note_written(self.me.clone());
        }
        match is_sync_due {
            true => Ok(Placed { appended, high_watermark: self.flush_appended()?, reign }),
            false => Ok(Placed { appended, high_watermark, reign }),
        }
    }

    /// Counts this node's log for the high watermark; not while a sync is awaited that `flush.messages` asks for: readers must not see what
    /// a power cut may still take.
    fn note_appended(&self, core: &mut Core, now: Instant) {
        if core.unsynced.awaited > 0 && !model::mutant!("M28") {
            return;
        }
        let State::Led(led) = &mut core.state else { return };
        let effects = led.leader.on_append(led.log.end(), now);
        debug_assert!(effects.propose_isr.is_none(), "an append says nothing of followers");
    }

    /// Syncs, and answers the high watermark that comes of it.
    fn flush_appended(&self) -> Result<Offset, PartitionError> {
        let flushed = self.flush();
        let now = self.home.now();
        let mut core = self.lock();
        core.unsynced.awaited -= 1;
        if flushed.is_ok() {
            self.note_appended(&mut core, now);
        }
        self.watch(&mut core);
        let high_watermark = core.state.offsets().unwrap_or_default().high_watermark;
        let woken = self.settle(&mut core);
        drop(core);
        wake(woken);
        flushed.map(|_| high_watermark)
    }

    /// Asks for the right to begin a transaction here with a batch of `producer` from `first_sequence` on. None is needed
    /// where its transaction is open already.
    ///
    /// # Errors
    /// Not led here.
    pub fn begin_verification(
        &self,
        producer: ProducerId,
        epoch: ProducerEpoch,
        first_sequence: i32,
    ) -> Result<Option<VerificationGuard>, PartitionError> {
        let now = self.home.wall();
        let mut core = self.lock();
        let led = self.led(&mut core)?;
        Ok(led.log.begin_verification((producer, epoch), first_sequence, now))
    }

    /// Makes everything appended so far outlive a power cut; answers up to where. Those who ask together share one sync.
    ///
    /// # Errors
    /// The disk: the log directory is offline then.
    pub fn flush(&self) -> Result<Offset, PartitionError> {
        let target = self.log(&mut self.lock())?.end();
        let _turn = self.sync_gate.lock();
        let mut core = self.lock();
        let log = self.log(&mut core)?;
        if log.recovery_point() >= target {
            return Ok(log.recovery_point());
        }
        let handle = log.flush_handle()?;
        (core.unsynced.bytes, core.unsynced.records) = (0, 0);
        drop(core);
        let synced = handle.run()?;
        if let Some(log) = self.lock().state.log_mut() {
            log.note_flushed(synced);
        }
        Ok(synced)
    }

    /// Makes the records appended so far outlive a power cut, and leaves the rest (indexes, recovery point) to
    /// [`Self::flush`]: what a writer asks who waits for each of its records.
    ///
    /// # Errors
    /// The disk: the log directory is offline then.
    pub fn sync(&self) -> Result<(), PartitionError> {
        let target = self.log(&mut self.lock())?.end();
        let _turn = self.sync_gate.lock();
        let mut core = self.lock();
        let log = self.log(&mut core)?;
        if log.synced() >= target {
            return Ok(());
        }
        let handle = log.sync_handle()?;
        drop(core);
        let synced = handle.run()?;
        if let Some(log) = self.lock().state.log_mut() {
            log.note_synced(synced);
        }
        Ok(())
    }

    /// The log, in whichever role.
    fn log<'core>(&self, core: &'core mut Core) -> Result<&'core mut Log, PartitionError> {
        self.opened(core)?.log_mut().ok_or(PartitionError::Gone)
    }
}
