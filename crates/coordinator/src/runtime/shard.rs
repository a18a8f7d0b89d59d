//! The replicated state machine of one partition of an internal topic.

use model::{ErrorCode, LeaderEpoch, Offset, ProducerId, TimestampMs};
use records::control::Marker;
use world::{Clock, Instant};

use super::{Outcome, Ticket};

/// Both clocks, read once per event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// For deadlines.
    pub(crate) instant: Instant,
    /// For timestamps in records.
    pub(crate) wall: TimestampMs,
}

impl Now {
    pub(crate) fn read(clock: &dyn Clock) -> Self {
        Self { instant: clock.now(), wall: clock.wall() }
    }
}

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) offset: Offset,
    /// Whose transaction it is part of: it is not true before the marker says so.
    pub(crate) transaction: Option<ProducerId>,
}

/// What a shard decided.
pub(crate) type OutcomeOf<S> =
    Outcome<<S as Shard>::Record, <S as Shard>::Answer, <S as Shard>::Effect>;

/// Synchronous; owns its state; deterministic given `now` and its seed.
///
/// Durable state changes in [`Shard::apply`] alone, for a record just appended and for a record loaded alike. Who waits
/// and until when is in no record; it changes where it is decided.
pub(crate) trait Shard: Send + Sized + 'static {
    /// One record of the partition.
    type Record: Send;
    /// What can be asked.
    type Request: Send;
    /// What is answered.
    type Answer: Send;
    /// What is done elsewhere.
    type Effect: Send;

    /// A record's key, and its value or none for a tombstone.
    fn encode(record: &Self::Record) -> (Vec<u8>, Option<Vec<u8>>);
    /// The record that these bytes are; none if it is of a kind this shard does not keep, or no record at all.
    fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Option<Self::Record>;
    /// The key of a tombstone of nothing: what a [barrier](super::Batching::Barrier) leaves in the log. No record has it.
    fn barrier() -> Vec<u8>;
    /// Makes a record true.
    fn apply(&mut self, record: &Self::Record, at: At);
    /// Makes true, or forgets, what was part of a transaction.
    fn apply_marker(&mut self, _producer: ProducerId, _marker: Marker) {}

    /// Every record is applied; from now on the shard is asked, as coordinator of this epoch.
    fn on_loaded(&mut self, epoch: LeaderEpoch, now: Now) -> OutcomeOf<Self>;
    /// `ticket` asks.
    fn on_request(&mut self, ticket: Ticket, request: Self::Request, now: Now) -> OutcomeOf<Self>;
    /// The first due timer fires. Called again while [`Shard::next_deadline`] is past.
    fn on_timer(&mut self, now: Now) -> OutcomeOf<Self>;
    /// When [`Shard::on_timer`] is to be called.
    fn next_deadline(&self) -> Option<Instant>;
    /// The log refused `records`: none is applied. Their askers are told by the runtime; whoever else must be, here.
    fn on_append_failed(
        &mut self,
        records: Vec<Self::Record>,
        code: ErrorCode,
        now: Now,
    ) -> OutcomeOf<Self>;
    /// The partition is lost: whoever is parked is told so.
    fn on_resigned(self, code: ErrorCode) -> Vec<(Ticket, Self::Answer)>;

    /// The answer to a request that no shard sees.
    fn refuse(request: &Self::Request, code: ErrorCode) -> Self::Answer;
    /// An answer whose records were refused or not committed in time.
    fn fail(answer: Self::Answer, code: ErrorCode) -> Self::Answer;
}
