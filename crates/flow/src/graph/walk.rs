//! Walks the offsets of one feed, so that each is accounted for exactly once, whatever the batches claim.
//!
//! Invariant: `from ≤ next ≤ until`; every offset of `from..next` has been counted as skipped or bad here, or handed on as a row.

use std::collections::HashSet;

use model::{Offset, ProducerId};
use records::{Batch, Record, control};

/// Where a feed is.
#[derive(Debug)]
pub(super) struct Walk {
    next: i64,
    until: i64,
    /// Aborted transactions that have not begun yet, the next one last.
    aborted: Vec<(ProducerId, Offset)>,
    /// Producers whose transaction at hand was aborted.
    undone: HashSet<ProducerId>,
    /// The offset of the record before, within the batch at hand.
    before: Option<i64>,
    pub(super) skipped: u64,
    pub(super) bad: u64,
}

/// What is to be done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Nothing of it is asked for.
    Pass,
    /// Its records are rows.
    Rows,
    /// It is a control batch: its marker may end a transaction.
    Control,
}

/// What is to be done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It lies before what is asked for.
    Before,
    /// It is a row, and counted by whoever takes it.
    Row,
    /// It lies behind what is asked for.
    Behind,
    /// It cannot lie where it says.
    Wrong,
}

impl Walk {
    pub(super) fn new(from: Offset, until: Offset, aborted: &[(ProducerId, Offset)]) -> Self {
        let mut aborted = aborted.to_vec();
        aborted.sort_by_key(|(_, first)| std::cmp::Reverse(*first));
        Self {
            next: from.0,
            until: until.0.max(from.0),
            aborted,
            undone: HashSet::new(),
            before: None,
            skipped: 0,
            bad: 0,
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        self.next >= self.until
    }

    /// Comes to a batch: what lies before it is gone from the log.
    pub(super) fn enter(&mut self, batch: &Batch<'_>) -> Entry {
        self.before = None;
        let last = last_offset(batch);
        while let Some((producer, _)) = self.aborted.pop_if(|(_, first)| first.0 <= last) {
            self.undone.insert(producer);
        }
        if batch.is_control() {
            // Even one that lies before `from` may end a transaction.
            return Entry::Control;
        }
        if last < self.next {
            return Entry::Pass;
        }
        self.skip_to(batch.base_offset().0);
        if batch.is_transactional() && self.undone.contains(&batch.producer_id()) {
            self.leave(batch);
            return Entry::Pass;
        }
        if self.is_done() { Entry::Pass } else { Entry::Rows }
    }

    /// Takes in a control batch's record.
    pub(super) fn on_marker(&mut self, batch: &Batch<'_>, record: &Record<'_>) {
        if let Some((control::Marker::Abort, _)) = control::parse(record) {
            self.undone.remove(&batch.producer_id());
        }
    }

    /// Comes to a record of the batch entered.
    #[inline]
    pub(super) fn place(&mut self, batch: &Batch<'_>, offset: Offset) -> Place {
        let offset = offset.0;
        let is_growing = self.before.is_none_or(|before| before < offset);
        if !is_growing || offset < batch.base_offset().0 || offset > last_offset(batch) {
            return Place::Wrong;
        }
        self.before = Some(offset);
        if offset < self.next {
            return Place::Before;
        }
        self.skip_to(offset);
        if self.is_done() { Place::Behind } else { Place::Row }
    }

    /// Hands the offset at hand on as a row (or what is counted like one).
    #[inline]
    pub(super) const fn hand_on(&mut self) {
        self.next += 1;
    }

    /// Leaves a batch: what remains of its offsets has no record.
    pub(super) fn leave(&mut self, batch: &Batch<'_>) {
        self.skip_to(last_offset(batch).saturating_add(1));
    }

    /// What remains of a batch cannot be read. Answers the first offset of it, if any is asked for.
    pub(super) fn fail_batch(&mut self, batch: &Batch<'_>) -> Option<Offset> {
        self.fail_to(last_offset(batch).saturating_add(1))
    }

    /// Nothing of what remains can be read.
    pub(super) fn fail_rest(&mut self) -> Option<Offset> {
        self.fail_to(self.until)
    }

    /// What remains is not in the log.
    pub(super) fn skip_rest(&mut self) {
        self.skip_to(self.until);
    }

    fn fail_to(&mut self, offset: i64) -> Option<Offset> {
        let first = self.next;
        let count = self.move_to(offset);
        self.bad += count;
        (count > 0).then_some(Offset(first))
    }

    #[inline]
    fn skip_to(&mut self, offset: i64) {
        self.skipped += self.move_to(offset);
    }

    /// Moves on to `offset`, within the feed; answers by how many offsets.
    #[inline]
    fn move_to(&mut self, offset: i64) -> u64 {
        let to = offset.min(self.until).max(self.next);
        let count = to.abs_diff(self.next);
        self.next = to;
        count
    }
}

/// The last offset that a batch may hold. A hostile header says less than its first.
fn last_offset(batch: &Batch<'_>) -> i64 {
    batch.last_offset().max(batch.base_offset()).0
}
