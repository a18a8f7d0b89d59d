//! What a shard decided: records to append, answers and effects that may go once these are committed.

use model::{ProducerEpoch, ProducerId, Verification};
use records::control::Marker;

/// Stands for one asker who waits. The driver knows who it is; machines only carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

impl Ticket {
    /// Nobody waits: the driver itself asked.
    pub(crate) const NOBODY: Self = Self(0);
}

/// Records, answers and effects of one event.
#[derive(Debug)]
pub(crate) struct Outcome<R, A, E> {
    /// In the order in which they are appended and applied.
    pub(crate) records: Vec<R>,
    /// Released when `records` are committed; turned into errors if these are refused or not committed in time.
    pub(crate) answers: Vec<(Ticket, A)>,
    /// What is to be done elsewhere, once `records` are committed however late; dropped if these are refused.
    pub(crate) effects: Vec<E>,
    pub(crate) batching: Batching,
}

/// How an outcome's records lie in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Batching {
    /// All are appended or none: one batch, or RECORD_LIST_TOO_LARGE.
    Whole,
    /// In as many batches as it takes.
    Split,
    /// One batch, part of a producer's transaction.
    InTransaction(Producer, Verification),
    /// No records: the end of a producer's transaction. Its coordinator's epoch is the last.
    End(Producer, Marker, i32),
    /// No records: the answers tell of what is known, and go when it is sure that nobody else had led when they were asked for. A deposed coordinator
    /// that has not heard of it would tell of what is no longer so. A mark of its own shows it, once it is committed: whoever is in sync has then
    /// followed this reign past it.
    Barrier,
}

/// A producer, in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
}

impl<R, A, E> Outcome<R, A, E> {
    pub(crate) const fn new() -> Self {
        Self {
            records: Vec::new(),
            answers: Vec::new(),
            effects: Vec::new(),
            batching: Batching::Whole,
        }
    }
}
