//! Questions about a partition, and the removal of records from its front.

use model::{Isolation, LeaderEpoch, Offset, TimestampMs};
use storage::ProducerSummary;

use super::{Partition, State, role::Led, wake};
use crate::{PartitionError, standing::Facts};

/// What ListOffsets may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The end of what may be read (-1).
    Latest,
    /// The first offset that is kept (-2).
    Earliest,
    /// The first record with the largest timestamp (-3).
    MaxTimestamp,
    /// The first offset that is kept on this disk (-4): as there is no other, the earliest.
    EarliestLocal,
    /// The last offset in tiered storage (-5): there is none.
    LatestTiered,
    /// The first offset that waits to be copied there (-6): there is none.
    EarliestPendingUpload,
    /// The first record at or after this time.
    Time(TimestampMs),
}

impl OffsetSpec {
    /// Kafka's wire value.
    ///
    /// # Errors
    /// A negative value that is none (UNSUPPORTED_VERSION).
    pub const fn from_wire(value: i64) -> Result<Self, PartitionError> {
        match value {
            -1 => Ok(Self::Latest),
            -2 => Ok(Self::Earliest),
            -3 => Ok(Self::MaxTimestamp),
            -4 => Ok(Self::EarliestLocal),
            -5 => Ok(Self::LatestTiered),
            -6 => Ok(Self::EarliestPendingUpload),
            0.. => Ok(Self::Time(TimestampMs(value))),
            _ => Err(PartitionError::UnknownQuery(value)),
        }
    }
}

/// What ListOffsets is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// [`Offset::NONE`] when there is none.
    pub offset: Offset,
    /// Of the record; [`TimestampMs::NONE`] where no record was asked for.
    pub timestamp: TimestampMs,
    /// The epoch of the offset; [`LeaderEpoch::NONE`] when it is not known.
    pub leader_epoch: LeaderEpoch,
}

/// What became of records that are to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Those before it.
    pub until: Offset,
    /// Those before it are gone from every replica that is alive.
    pub low_watermark: Offset,
}

/// What a partition takes of the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionUsage {
    /// Bytes of records.
    pub size_bytes: u64,
    /// Files of records.
    pub segments: usize,
}

impl ListedOffset {
    const NOTHING: Self = Self {
        offset: Offset::NONE,
        timestamp: TimestampMs::NONE,
        leader_epoch: LeaderEpoch::NONE,
    };
}

impl Partition {
    /// The offset that `spec` asks for, within what `isolation` may read.
    ///
    /// # Errors
    /// Not led here, another reign, not known yet, the disk.
    pub fn list_offsets(
        &self,
        spec: OffsetSpec,
        isolation: Isolation,
        current_leader_epoch: Option<LeaderEpoch>,
    ) -> Result<ListedOffset, PartitionError> {
        let mut core = self.lock();
        let led = self.led(&mut core)?;
        led.check_epoch(current_leader_epoch)?;
        let found = match spec {
            OffsetSpec::Earliest | OffsetSpec::EarliestLocal => {
                let offset = led.log.start();
                let timestamp = TimestampMs::NONE;
                return Ok(ListedOffset { offset, timestamp, leader_epoch: led.epoch_of(offset) });
            }
            OffsetSpec::LatestTiered | OffsetSpec::EarliestPendingUpload => {
                return Ok(ListedOffset::NOTHING);
            }
            OffsetSpec::Latest => {
                let offset = led.readable_end(isolation)?;
                let leader_epoch = led.leader.epoch();
                return Ok(ListedOffset { offset, timestamp: TimestampMs::NONE, leader_epoch });
            }
            OffsetSpec::MaxTimestamp => led.log.max_timestamp()?,
            OffsetSpec::Time(target) => led.log.offset_for_time(target)?,
        };
        let end = led.readable_end(isolation)?;
        Ok(match found {
            Some((offset, timestamp)) if offset < end => {
                ListedOffset { offset, timestamp, leader_epoch: led.epoch_of(offset) }
            }
            _ => ListedOffset::NOTHING,
        })
    }

    /// The largest epoch up to `epoch` that is known here, and where it ends. None when nothing is known of it.
    ///
    /// # Errors
    /// Not led here, another reign.
    pub fn offsets_for_epoch(
        &self,
        epoch: LeaderEpoch,
        current_leader_epoch: Option<LeaderEpoch>,
    ) -> Result<Option<(LeaderEpoch, Offset)>, PartitionError> {
        let mut core = self.lock();
        let led = self.led(&mut core)?;
        led.check_epoch(current_leader_epoch)?;
        Ok(led.end_of_epoch(epoch))
    }

    /// Removes all records before `before` ([`Offset::NONE`]: all that are replicated). Followers do so as they hear of it
    /// ([`Self::park_deletion`]).
    ///
    /// # Errors
    /// Not led here, an offset beyond the high watermark, a topic that is never deleted from, the disk.
    pub fn delete_records(&self, before: Offset) -> Result<Deleted, PartitionError> {
        let mut core = self.lock();
        let is_deleted = core.options.topic.is_deleted;
        let led = self.led(&mut core)?;
        if !is_deleted {
            return Err(PartitionError::NotDeletable);
        }
        let until = self.advance_start(led, before)?;
        let low_watermark = led.low_watermark(&self.home);
        let woken = self.settle(&mut core);
        drop(core);
        wake(woken);
        Ok(Deleted { until, low_watermark })
    }

    /// Before which no replica that is alive has anything.
    ///
    /// # Errors
    /// Not led here.
    pub fn low_watermark(&self) -> Result<Offset, PartitionError> {
        Ok(self.led(&mut self.lock())?.low_watermark(&self.home))
    }

    /// As [`Self::delete_records`], for whoever owns the partition: whatever the topic's cleanup.policy says. Answers the first offset that is
    /// kept here.
    ///
    /// # Errors
    /// As [`Self::delete_records`].
    pub fn trim(&self, before: Offset) -> Result<Offset, PartitionError> {
        let mut core = self.lock();
        let led = self.led(&mut core)?;
        self.advance_start(led, before)?;
        let woken = self.settle(&mut core);
        drop(core);
        wake(woken);
        Ok(self.offsets().log_start)
    }

    /// Answers what `before` stands for.
    fn advance_start(&self, led: &mut Led, before: Offset) -> Result<Offset, PartitionError> {
        let end = led.leader.high_watermark();
        let before = if before == Offset::NONE { end } else { before };
        if before < Offset::ZERO || before > end {
            let start = led.log.start();
            return Err(PartitionError::OffsetOutOfRange { offset: before, start, end });
        }
        if before > led.log.start() {
            led.log.advance_start(before, end)?;
            self.home.note_written(self.me.clone());
        }
        Ok(before)
    }

    /// Idempotent producers that are known here, whoever leads: a follower may not have heard of the last ones.
    ///
    /// # Errors
    /// It is gone, or its log cannot be opened.
    pub fn producers(&self) -> Result<Vec<ProducerSummary>, PartitionError> {
        let mut core = self.lock();
        let log = self.opened(&mut core)?.log().ok_or(PartitionError::Gone)?;
        Ok(log.producers())
    }

    /// What it takes of the disk; nothing while its log is not open.
    #[must_use]
    pub fn usage(&self) -> PartitionUsage {
        let core = self.lock();
        core.state.log().map_or(PartitionUsage::default(), |log| PartitionUsage {
            size_bytes: log.size_bytes(),
            segments: log.segment_count(),
        })
    }

    /// How it stands.
    pub(crate) fn facts(&self) -> Facts {
        let core = self.lock();
        let assigned = &core.assigned;
        let min = core.options.topic.min_insync_replicas;
        Facts {
            leader: assigned.leader,
            is_offline: core.damage.is_some() || matches!(core.state, State::Offline(_)),
            replicas: assigned.replicas.len(),
            adding: assigned.adding.len(),
            in_sync: assigned.isr.len(),
            min_insync_replicas: usize::try_from(min).unwrap_or(1),
            is_reassigned: assigned.is_reassigned(),
        }
    }

    /// Who is in sync, by the controller's word.
    #[must_use]
    pub fn in_sync_count(&self) -> usize {
        self.lock().assigned.isr.len()
    }
}

impl Led {
    /// The end of what `isolation` may read. Right after an election it is not known: what the last leader had committed may lie beyond the high
    /// watermark that this one has heard of.
    fn readable_end(&self, isolation: Isolation) -> Result<Offset, PartitionError> {
        let offsets = self.offsets();
        if offsets.high_watermark < self.leader.epoch_start() {
            return Err(PartitionError::OffsetNotAvailable);
        }
        Ok(match isolation {
            Isolation::ReadUncommitted => offsets.high_watermark,
            Isolation::ReadCommitted => offsets.last_stable,
        })
    }

    /// As the log has it, and this reign too while it has no record yet.
    pub(super) fn end_of_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let current = self.leader.epoch();
        if epoch > current {
            return None;
        }
        if epoch == current {
            return Some((epoch, self.log.end()));
        }
        match self.log.latest_epoch() {
            // This reign has no record yet, and none since `latest` had one: `latest` ends where the log does.
            Some(latest) if epoch >= latest => {
                assert!(latest < current, "the log has no record of a reign to come");
                Some((latest, self.log.end()))
            }
            Some(_) => self.log.end_of_epoch(epoch),
            // Nothing was ever written: this reign is the first that is known.
            None => Some((epoch, self.log.end())),
        }
    }

    fn epoch_of(&self, offset: Offset) -> LeaderEpoch {
        self.log.epoch_of(offset).unwrap_or_else(|| {
            if offset >= self.leader.epoch_start() {
                self.leader.epoch()
            } else {
                LeaderEpoch::NONE
            }
        })
    }
}
