//! What is on its way to one partition, in order.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use model::{ErrorCode, Offset, PartitionId};
use records::{BatchBuilder, stamp};
use tokio::time::Instant;

use super::{Outgoing, ProducerOptions, delivery::Delivery, delivery::Outcome};
use crate::{ClientError, ProducerIdentity};

/// The batches of one partition.
///
/// Invariant: `ready` is in the order in which records came, and so are the batches in flight, all of them older. While `is_draining`
/// none is sent: those in flight come back first, and those that failed take their old places.
#[derive(Default)]
pub(super) struct Queue {
    open: Option<Open>,
    ready: VecDeque<Batch>,
    /// Their places in that order.
    in_flight: BTreeSet<u64>,
    next_order: u64,
    next_sequence: i32,
    is_draining: bool,
    /// The broker has accepted a batch of this sequence. Until then one is in flight at a time: a broker takes any sequence number from a
    /// producer that it does not know, so if the first batch met a leader in the making, the second would begin the sequence.
    is_known: bool,
    not_before: Option<Instant>,
}

/// A batch that takes more records.
struct Open {
    builder: BatchBuilder,
    outcome: Arc<Outcome>,
    room: u32,
    since: Instant,
}

/// What became of a record.
pub(super) struct Appended {
    pub(super) delivery: Delivery,
    /// It began a batch, whose time runs now.
    pub(super) opens: bool,
    /// A batch is full and ready.
    pub(super) fills: bool,
}

/// A batch that takes no more.
pub(super) struct Batch {
    pub(super) bytes: Bytes,
    /// What it holds of the producer's buffer.
    pub(super) room: u32,
    outcome: Arc<Outcome>,
    order: u64,
    count: i32,
    sequence: Option<(ProducerIdentity, i32)>,
    /// It was sent and not answered, so that the broker may have it. Only the same sequence under the same identity can tell.
    is_in_doubt: bool,
    born: Instant,
}

impl Queue {
    /// Adds a record.
    pub(super) fn append(
        &mut self,
        partition: PartitionId,
        record: &Outgoing<'_>,
        room: u32,
        options: &ProducerOptions,
    ) -> Appended {
        let lacks_room =
            |open: &Open| open.builder.size_bytes() + record.size_bytes() > options.batch_bytes;
        let mut fills = self.open.as_ref().is_some_and(lacks_room);
        if fills {
            self.shut();
        }
        let opens = self.open.is_none();
        let open = self.open.get_or_insert_with(|| Open {
            builder: BatchBuilder::new(options.codec),
            outcome: Outcome::new(partition),
            room: 0,
            since: Instant::now(),
        });
        let delivery = open.outcome.delivery(open.builder.record_count());
        open.builder.append(record.timestamp, record.key, record.value, record.headers);
        open.room = open.room.saturating_add(room);
        if open.builder.size_bytes() >= options.batch_bytes {
            self.shut();
            fills = true;
        }
        Appended { delivery, opens, fills }
    }

    /// Makes the open batch ready, if there is one.
    pub(super) fn shut(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        let order = self.next_order;
        self.next_order += 1;
        self.ready.push_back(Batch {
            count: open.builder.record_count(),
            bytes: open.builder.finish().freeze(),
            room: open.room,
            outcome: open.outcome,
            order,
            sequence: None,
            is_in_doubt: false,
            born: open.since,
        });
    }

    /// Makes the open batch ready if it has waited for `linger`; else says when it will have.
    pub(super) fn shut_if_due(&mut self, now: Instant, linger: Duration) -> Option<Instant> {
        let due = self.open.as_ref()?.since + linger;
        if due > now {
            return Some(due);
        }
        self.shut();
        None
    }

    /// Whether the next batch may be sent; else, if time alone hinders it, when it may.
    pub(super) fn is_sendable(&self, now: Instant) -> Result<bool, Instant> {
        let awaits_first = !self.is_known && self.has_in_flight();
        if self.ready.is_empty() || self.is_draining || awaits_first {
            return Ok(false);
        }
        match self.not_before {
            Some(instant) if instant > now => Err(instant),
            _ => Ok(true),
        }
    }

    /// The size of the batch that is next to be sent.
    pub(super) fn next_size_bytes(&self) -> usize {
        self.ready.front().map_or(0, |batch| batch.bytes.len())
    }

    /// Takes the next batch, which gets its place in the producer's sequence if it has none.
    pub(super) fn take(&mut self, identity: Option<ProducerIdentity>) -> Option<Batch> {
        let mut batch = self.ready.pop_front()?;
        self.not_before = None;
        self.in_flight.insert(batch.order);
        if let Some(identity) = identity
            && batch.sequence.is_none_or(|(known, _)| known != identity)
        {
            let sequence = self.next_sequence;
            self.next_sequence = sequence.wrapping_add(batch.count) & i32::MAX;
            batch.sequence = Some((identity, sequence));
            let mut bytes = BytesMut::from(std::mem::take(&mut batch.bytes));
            stamp::producer(&mut bytes, identity.id, identity.epoch, sequence);
            batch.bytes = bytes.freeze();
        }
        Some(batch)
    }

    /// A batch has come back and is accepted.
    pub(super) fn on_accepted(&mut self, batch: &Batch, now: Instant, backoff: Duration) {
        self.is_known = true;
        self.on_settled(batch, now, backoff);
    }

    /// A batch has come back and is settled.
    pub(super) fn on_settled(&mut self, batch: &Batch, now: Instant, backoff: Duration) {
        self.in_flight.remove(&batch.order);
        self.stop_draining(now, backoff);
    }

    /// A batch has come back and is to be sent again, before all that are younger.
    pub(super) fn on_retry(
        &mut self,
        mut batch: Batch,
        error: &ClientError,
        now: Instant,
        backoff: Duration,
    ) {
        batch.is_in_doubt = match error.code() {
            // Out of order it was not taken, whatever was thought of it before.
            Some(ErrorCode::OutOfOrderSequenceNumber) => false,
            Some(ErrorCode::RequestTimedOut | ErrorCode::NotEnoughReplicasAfterAppend) | None => {
                true
            }
            Some(_) => batch.is_in_doubt,
        };
        self.in_flight.remove(&batch.order);
        let place = self.ready.partition_point(|other| other.order < batch.order);
        self.ready.insert(place, batch);
        self.is_draining = true;
        self.stop_draining(now, backoff);
    }

    /// Whether an older batch has failed or may yet turn out to have (answers are not looked at in order): then that this one is out of
    /// order is no fault of its own.
    pub(super) fn may_follow_failure(&self, batch: &Batch) -> bool {
        self.is_draining || self.in_flight.first().is_some_and(|oldest| *oldest < batch.order)
    }

    /// Begins the sequence anew, under another identity. Gives up the batches that the broker may have under the old one: sent again they
    /// might be doubled.
    pub(super) fn restart_sequence(&mut self) -> VecDeque<Batch> {
        assert!(self.in_flight.is_empty(), "a batch in flight has the old identity");
        self.next_sequence = 0;
        self.is_known = false;
        let (in_doubt, ready) = self.ready.drain(..).partition(|batch| batch.is_in_doubt);
        self.ready = ready;
        in_doubt
    }

    /// Gives up the batches that are older than `timeout`, if none is in flight.
    pub(super) fn expire(&mut self, now: Instant, timeout: Duration) -> Vec<Batch> {
        let mut expired = Vec::new();
        let is_due = |batch: &Batch| batch.is_expired(now, timeout);
        while self.in_flight.is_empty() && self.ready.front().is_some_and(is_due) {
            expired.extend(self.ready.pop_front());
        }
        expired
    }

    /// Gives up everything that is not in flight.
    pub(super) fn take_all(&mut self) -> Vec<Batch> {
        self.shut();
        self.ready.drain(..).collect()
    }

    pub(super) fn has_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none() && self.ready.is_empty() && self.in_flight.is_empty()
    }

    fn stop_draining(&mut self, now: Instant, backoff: Duration) {
        if self.is_draining && self.in_flight.is_empty() {
            self.is_draining = false;
            self.not_before = Some(now + backoff);
        }
    }
}

impl Batch {
    pub(super) fn settle(&self, result: Result<Offset, ClientError>) {
        self.outcome.settle(result);
    }

    pub(super) fn is_expired(&self, now: Instant, timeout: Duration) -> bool {
        now.duration_since(self.born) > timeout
    }

    /// Whether it has been sent under an identity, so that giving it up leaves a hole in the sequence.
    pub(super) const fn has_sequence(&self) -> bool {
        self.sequence.is_some()
    }
}

impl Drop for Batch {
    /// Nobody waits for a batch that is gone.
    fn drop(&mut self) {
        self.outcome.settle(Err(ClientError::ProducerClosed));
    }
}

#[cfg(test)]
mod tests {
    use model::{ProducerEpoch, ProducerId, TimestampMs};

    use super::*;

    fn identity(id: i64) -> Option<ProducerIdentity> {
        Some(ProducerIdentity { id: ProducerId(id), epoch: ProducerEpoch(0) })
    }

    #[test]
    fn what_the_broker_may_have_is_not_sent_under_another_identity() {
        let mut queue = Queue::default();
        let options = ProducerOptions { batch_bytes: 1, ..ProducerOptions::default() };
        for _ in 0..3 {
            let record = Outgoing::new(TimestampMs(0)).value(b"v");
            drop(queue.append(PartitionId(0), &record, 1, &options));
        }
        let (now, pause) = (Instant::now(), Duration::ZERO);
        let unanswered = ClientError::Closed(String::new());
        let refused = ClientError::refused("", ErrorCode::OutOfOrderSequenceNumber);
        let first = queue.take(identity(1)).unwrap();
        let second = queue.take(identity(1)).unwrap();
        queue.on_retry(second, &unanswered, now, pause);
        queue.on_retry(first, &unanswered, now, pause);
        // The second one is cleared by the broker; the first is not.
        let first = queue.take(identity(1)).unwrap();
        let second = queue.take(identity(1)).unwrap();
        assert_eq!((first.order, second.order), (0, 1), "retries keep their order");
        queue.on_retry(first, &unanswered, now, pause);
        queue.on_retry(second, &refused, now, pause);
        let given_up: Vec<_> = queue.restart_sequence().iter().map(|batch| batch.order).collect();
        assert_eq!(given_up, [0]);
        let next = queue.take(identity(2)).unwrap();
        assert_eq!((next.order, next.sequence.map(|(_, number)| number)), (1, Some(0)));
    }
}
