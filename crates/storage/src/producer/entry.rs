//! One producer, as one log knows it.

use model::{Offset, ProducerEpoch, TimestampMs};

use crate::segment::head::Head;

/// Batches remembered of each producer: as many as a client may have in flight.
pub(crate) const BATCHES_MAX: usize = 5;

/// A producer's newest epoch and its newest batches in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) epoch: ProducerEpoch,
    /// Of the newest marker; -1 before the first.
    pub(crate) coordinator_epoch: i32,
    /// Oldest first.
    batches: [Seen; BATCHES_MAX],
    count: usize,
    /// The largest timestamp of its newest batch.
    pub(crate) last_timestamp: TimestampMs,
    /// When it was last heard of, by the broker's clock.
    pub(crate) heard: TimestampMs,
    /// Where its open transaction begins.
    pub(crate) transaction_start: Option<Offset>,
    /// Whether earlier batches of this epoch may lie in the log and not here: a snapshot keeps the last one only.
    pub(crate) is_cut: bool,
}

/// A batch that was appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) last_sequence: i32,
    pub(crate) last_offset: Offset,
    /// Last offset minus first.
    pub(crate) delta: i32,
    pub(crate) timestamp: TimestampMs,
}

impl Seen {
    pub(crate) fn of(head: &Head) -> Self {
        Self {
            last_sequence: head.last_sequence(),
            last_offset: head.last,
            delta: head.delta(),
            timestamp: head.max_timestamp,
        }
    }

    /// After `i32::MAX` came 0, so before 0 was `i32::MAX`.
    pub(crate) const fn first_sequence(&self) -> i32 {
        self.last_sequence.wrapping_sub(self.delta) & i32::MAX
    }

    pub(crate) fn first_offset(&self) -> Offset {
        self.last_offset.plus(-i64::from(self.delta))
    }
}

impl Entry {
    pub(crate) const fn new(epoch: ProducerEpoch, heard: TimestampMs) -> Self {
        const NOTHING: Seen = Seen {
            last_sequence: -1,
            last_offset: Offset::NONE,
            delta: 0,
            timestamp: TimestampMs::NONE,
        };
        Self {
            epoch,
            coordinator_epoch: -1,
            batches: [NOTHING; BATCHES_MAX],
            count: 0,
            last_timestamp: TimestampMs::NONE,
            heard,
            transaction_start: None,
            is_cut: false,
        }
    }

    /// Its newest batches in this epoch, oldest first.
    pub(crate) fn batches(&self) -> &[Seen] {
        &self.batches[..self.count]
    }

    pub(crate) fn last(&self) -> Option<&Seen> {
        self.batches().last()
    }

    /// Notes a batch of `epoch`; batches of another epoch are forgotten.
    pub(crate) fn add(&mut self, epoch: ProducerEpoch, seen: Seen) {
        self.begin_epoch(epoch);
        if self.count == BATCHES_MAX {
            self.batches.rotate_left(1);
            self.count -= 1;
        }
        self.batches[self.count] = seen;
        self.count += 1;
        self.last_timestamp = seen.timestamp;
    }

    pub(crate) fn begin_epoch(&mut self, epoch: ProducerEpoch) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.count = 0;
            self.is_cut = false;
        }
    }

    /// Puts older batches, found in the log, before the ones known.
    pub(crate) fn complete(&mut self, older: &[Seen]) {
        let known: Vec<Seen> = self.batches().to_vec();
        let first = known.first().map_or(Offset(i64::MAX), Seen::first_offset);
        let room = BATCHES_MAX - known.len();
        let older: Vec<Seen> =
            older.iter().filter(|seen| seen.last_offset < first).copied().collect();
        let all = older[older.len().saturating_sub(room)..].iter().chain(&known);
        let mut count = 0;
        for (place, seen) in self.batches.iter_mut().zip(all) {
            *place = *seen;
            count += 1;
        }
        self.count = count;
        self.is_cut = false;
    }
}
