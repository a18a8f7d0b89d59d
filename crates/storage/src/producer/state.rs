//! All producers of a log, and the transactions that they have open.
//!
//! ```text
//!   completed, marker above the high watermark ┐          ┌ open
//!   ──────────────[ first … marker ]───────[ first …──────┴─▶ end
//!                  └ the earliest of these is the first unstable offset
//! ```

use std::collections::{BTreeMap, VecDeque};

use model::{Offset, ProducerEpoch, ProducerId, TimestampMs};
use records::control::Marker;

use super::{Entry, Seen, verification::Verifications};
use crate::{index::transaction::Aborted, segment::head::Head};

/// Producers by id, transactions by where they begin. Empty it holds no memory.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    pub(crate) entries: BTreeMap<ProducerId, Box<Entry>>,
    open: BTreeMap<Offset, ProducerId>,
    /// Ended transactions, in the order of their markers, until the markers are known to be replicated.
    completed: VecDeque<Completed>,
    /// Transactions that are about to begin. In no snapshot: a guard of before a restart is worth nothing.
    pub(crate) verifications: Verifications,
}

#[derive(Clone, Copy, Debug)]
struct Completed {
    first: Offset,
    marker: Offset,
}

/// What a marker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It ended nothing.
    Nothing,
    /// It made a transaction visible.
    Committed,
    /// It undid one: this goes into the transaction index.
    Aborted(Aborted),
}

impl Producers {
    /// What a snapshot said.
    pub(crate) fn from_snapshot(entries: BTreeMap<ProducerId, Box<Entry>>) -> Self {
        let open = entries
            .iter()
            .filter_map(|(id, entry)| entry.transaction_start.map(|start| (start, *id)))
            .collect();
        Self { entries, open, ..Self::default() }
    }

    pub(crate) fn find(&self, id: ProducerId) -> Option<&Entry> {
        self.entries.get(&id).map(|entry| &**entry)
    }

    pub(crate) fn find_mut(&mut self, id: ProducerId) -> Option<&mut Entry> {
        self.entries.get_mut(&id).map(|entry| &mut **entry)
    }

    /// Notes a batch of records that was appended.
    pub(crate) fn on_batch(&mut self, head: &Head, now: TimestampMs) {
        assert!(head.producer.is_some(), "the caller asks");
        let entry = self
            .entries
            .entry(head.producer)
            .or_insert_with(|| Box::new(Entry::new(head.producer_epoch, now)));
        entry.heard = now;
        if head.base_sequence >= 0 {
            entry.add(head.producer_epoch, Seen::of(head));
        } else {
            // The group coordinator's transactional batches have no sequence, and an epoch all the same.
            entry.begin_epoch(head.producer_epoch);
            entry.last_timestamp = head.max_timestamp;
        }
        if head.is_transactional() && entry.transaction_start.is_none() {
            self.verifications.end(head.producer);
            entry.transaction_start = Some(head.base);
            self.open.insert(head.base, head.producer);
        }
    }

    /// Notes a marker that was appended.
    pub(crate) fn on_marker(
        &mut self,
        head: &Head,
        (marker, coordinator_epoch): (Marker, i32),
        now: TimestampMs,
    ) -> Ended {
        self.verifications.end(head.producer);
        let entry = self
            .entries
            .entry(head.producer)
            .or_insert_with(|| Box::new(Entry::new(head.producer_epoch, now)));
        entry.begin_epoch(head.producer_epoch);
        entry.coordinator_epoch = coordinator_epoch;
        entry.last_timestamp = head.max_timestamp;
        entry.heard = now;
        // A marker without data before it ends nothing.
        let Some(first) = entry.transaction_start.take() else { return Ended::Nothing };
        self.open.remove(&first);
        self.completed.push_back(Completed { first, marker: head.last });
        match marker {
            Marker::Commit => Ended::Committed,
            Marker::Abort => {
                let last_stable = self.open.keys().next().copied().unwrap_or(head.next());
                Ended::Aborted(Aborted {
                    producer: head.producer,
                    first,
                    last: head.last,
                    last_stable,
                })
            }
        }
    }

    /// Where the earliest transaction begins that is open, or whose marker is not below `replicated`.
    pub(crate) fn first_unstable(&self, replicated: Offset) -> Option<Offset> {
        let open = self.open.keys().next().copied();
        let completed = self
            .completed
            .iter()
            .filter(|completed| completed.marker >= replicated)
            .map(|completed| completed.first)
            .min();
        match (open, completed) {
            (Some(open), Some(completed)) => Some(open.min(completed)),
            (open, completed) => open.or(completed),
        }
    }

    /// Forgets transactions whose markers lie below `replicated`.
    pub(crate) fn on_replicated(&mut self, replicated: Offset) {
        while self.completed.front().is_some_and(|completed| completed.marker < replicated) {
            self.completed.pop_front();
        }
    }

    /// Forgets producers without a transaction that were not heard of for `expiration_ms`.
    pub(crate) fn expire(&mut self, now: TimestampMs, expiration_ms: i64) {
        self.entries.retain(|_, entry| {
            let newest = entry.heard.max(entry.last_timestamp);
            entry.transaction_start.is_some() || now.since(newest) < expiration_ms
        });
        self.verifications.expire(now, expiration_ms);
    }

    /// Whether the transaction of this producer in this epoch has begun here.
    pub(crate) fn is_open(&self, id: ProducerId, epoch: ProducerEpoch) -> bool {
        self.find(id).is_some_and(|entry| entry.epoch == epoch && entry.transaction_start.is_some())
    }
}
