//! What every step of the transaction machine is handed: the time, the shard's timers and settings, and the outcome it writes to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use model::{LeaderEpoch, TopicPartition};

use super::{
    asked::Answered,
    markers::{Attempt, MarkerOrder},
    options::{ProducerIds, TransactionOptions},
    record::TransactionRecord,
    transaction::Transaction,
};
use crate::{
    budget::Budget,
    runtime::{Now, Outcome, Ticket, Timers},
};

/// Markers to be written, once the record before is committed.
#[derive(Debug)]
pub(crate) struct WriteMarkers {
    pub(crate) attempt: Attempt,
    pub(crate) order: MarkerOrder,
}

pub(crate) type TransactionOutcome = Outcome<TransactionRecord, Answered, WriteMarkers>;

/// What a shard has beside its transactions.
pub(crate) struct Core {
    pub(crate) options: Arc<TransactionOptions>,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) budget: Arc<Budget>,
    pub(crate) timers: Timers<Timer>,
    /// Of the reign it was loaded in: what its markers carry.
    pub(crate) epoch: LeaderEpoch,
    pub(crate) last_attempt: u64,
    /// Markers that are being written, by transactional id. In no record: who loads a prepared transaction writes all of them again.
    pub(crate) sending: BTreeMap<Arc<str>, Sending>,
}

/// The newest attempt to write a transaction's markers.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) number: u64,
    /// Where no marker is known to be written.
    pub(crate) left: BTreeSet<TopicPartition>,
}

/// What may become due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// This transaction has been open for too long.
    Timeout(Arc<str>),
    /// Markers of this transaction are to be tried again.
    Markers(Arc<str>),
    /// Look for ids that nobody uses any more.
    Expiry,
}

pub(crate) struct Cx<'a> {
    pub(crate) now: Now,
    pub(crate) core: &'a mut Core,
    pub(crate) outcome: &'a mut TransactionOutcome,
}

impl Cx<'_> {
    pub(crate) fn answer(&mut self, ticket: Ticket, answer: Answered) {
        self.outcome.answers.push((ticket, answer));
    }

    pub(crate) fn record(&mut self, id: &Arc<str>, value: Option<Transaction>) {
        self.outcome.records.push(TransactionRecord { id: Arc::clone(id), value });
    }

    /// Sets `timer` to fire in `ms` (at once if that is negative).
    pub(crate) fn fire_in(&mut self, timer: Timer, ms: i64) {
        let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        self.core.timers.set(timer, self.now.instant.plus(wait));
    }
}
