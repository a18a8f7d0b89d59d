//! What a shard decided: records to append, and answers that may go once these are committed.

/// Stands for one asker who waits. The driver knows who it is; machines only carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

impl Ticket {
    /// Nobody waits: the driver itself asked.
    pub(crate) const NOBODY: Self = Self(0);
}

/// Records and answers of one event.
#[derive(Debug)]
pub(crate) struct Outcome<R, A> {
    /// In the order in which they are appended and applied.
    pub(crate) records: Vec<R>,
    /// Released when `records` are committed; turned into errors if these are refused.
    pub(crate) answers: Vec<(Ticket, A)>,
    /// Whether the records are all appended or none: one batch, or RECORD_LIST_TOO_LARGE.
    pub(crate) is_atomic: bool,
}

impl<R, A> Outcome<R, A> {
    pub(crate) const fn new() -> Self {
        Self { records: Vec::new(), answers: Vec::new(), is_atomic: true }
    }
}
