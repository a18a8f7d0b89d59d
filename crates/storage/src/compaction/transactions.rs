//! Which transactions a walk over a log is in the middle of, and which of their batches and markers may go.
//!
//! A marker stays as long as a batch of its transaction does: a reader needs it to know where the transaction ends. A batch
//! of an aborted transaction goes at once: no committed reader ever sees it, and the others have been told of the abort.

use std::collections::{BTreeMap, BTreeSet};

use model::{Offset, ProducerId};
use records::{Batch, control::Marker};

use crate::{index::transaction::Aborted, segment::recover::marker_in};

/// The state of a walk, from the first offset up.
#[derive(Debug)]
pub(crate) struct Transactions {
    /// Those that the walk has not come to, by where they begin; the earliest last.
    ahead: Vec<Aborted>,
    aborted: BTreeMap<ProducerId, Ongoing>,
    committed: BTreeSet<ProducerId>,
    /// Aborted transactions whose marker stays: the transaction index of what is written.
    kept: Vec<Aborted>,
}

#[derive(Clone, Copy, Debug)]
struct Ongoing {
    aborted: Aborted,
    has_batch: bool,
}

impl Transactions {
    /// A walk over a log with these aborted transactions.
    pub(crate) fn new(mut aborted: Vec<Aborted>) -> Self {
        aborted.sort_by_key(|one| std::cmp::Reverse(one.first));
        Self {
            ahead: aborted,
            aborted: BTreeMap::new(),
            committed: BTreeSet::new(),
            kept: Vec::new(),
        }
    }

    /// Tells of the next batch; answers whether its records may go because of its transaction.
    pub(crate) fn on_batch(&mut self, batch: &Batch<'_>) -> bool {
        self.go_to(batch.last_offset());
        let id = batch.producer_id();
        if batch.is_control() {
            return match marker_in(batch) {
                Some((Marker::Abort, _)) => self.on_abort(id),
                Some((Marker::Commit, _)) => !self.committed.remove(&id),
                None => false,
            };
        }
        if !batch.is_transactional() {
            return false;
        }
        if let Some(ongoing) = self.aborted.get_mut(&id) {
            ongoing.has_batch = true;
            return true;
        }
        self.committed.insert(id);
        false
    }

    /// The index entries of the markers met since the last call.
    pub(crate) fn take_kept(&mut self) -> Vec<Aborted> {
        std::mem::take(&mut self.kept)
    }

    fn on_abort(&mut self, id: ProducerId) -> bool {
        match self.aborted.remove(&id) {
            Some(ongoing) if ongoing.has_batch => {
                self.kept.push(ongoing.aborted);
                false
            }
            _ => true,
        }
    }

    fn go_to(&mut self, offset: Offset) {
        while let Some(next) = self.ahead.pop_if(|next| next.first <= offset) {
            self.aborted
                .entry(next.producer)
                .or_insert(Ongoing { aborted: next, has_batch: false });
        }
    }
}
