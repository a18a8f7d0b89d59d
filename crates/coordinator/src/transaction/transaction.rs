//! One transactional id: its producer, and the transaction that this producer has open or ended last.
//!
//! The steps are pure: each makes the next value of a transaction out of this one, or says why not. A step becomes true when the
//! record of its value is applied.
//!
//! Epochs fence. Every InitProducerId takes the next one; in version 2 (KIP-890) every end of a transaction does too, so that a
//! request of an earlier transaction that comes late finds its epoch gone. The last epoch is the coordinator's own: it fences a producer
//! of the last but one, and a producer at the last but one is given a new id.

use std::collections::BTreeSet;

use model::{ErrorCode, ProducerEpoch, ProducerId, TimestampMs, TopicPartition};

use super::state::{TransactionResult, TransactionState};

/// The transaction version a client speaks: 2 has an epoch for each transaction (KIP-890).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientVersion(pub i16);

/// What is known of a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Of the producer that uses the id now.
    pub producer_id: ProducerId,
    /// Of the one before the last change, or none.
    pub previous_producer_id: ProducerId,
    /// What its id will be once the markers are written, or none: it has used up its epochs.
    pub next_producer_id: ProducerId,
    /// The newest epoch; smaller ones are fenced.
    pub producer_epoch: ProducerEpoch,
    /// The epoch before, if whoever asks in it may have missed an answer. In no record.
    pub last_producer_epoch: ProducerEpoch,
    /// How long a transaction may take.
    pub timeout_ms: i32,
    /// Where it stands.
    pub state: TransactionState,
    /// Where it has written, or is about to.
    pub partitions: BTreeSet<TopicPartition>,
    /// When it began, or none.
    pub started: TimestampMs,
    /// When this last changed.
    pub updated: TimestampMs,
    /// What the client speaks.
    pub client_version: ClientVersion,
}

/// The last epoch that a client may hold.
const EPOCH_LAST: ProducerEpoch = ProducerEpoch(i16::MAX - 1);

impl ClientVersion {
    /// The first with an epoch for each transaction.
    pub const TWO: Self = Self(2);

    pub(crate) fn has_epoch_per_transaction(self) -> bool {
        self >= Self::TWO
    }
}

impl Transaction {
    /// A transactional id that nobody has used.
    pub(crate) const fn new(producer_id: ProducerId) -> Self {
        Self {
            producer_id,
            previous_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            last_producer_epoch: ProducerEpoch::NONE,
            timeout_ms: 0,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            started: TimestampMs::NONE,
            updated: TimestampMs::NONE,
            client_version: ClientVersion(0),
        }
    }

    /// Whether its client cannot be given another epoch.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.producer_epoch >= EPOCH_LAST
    }

    /// The producer is initialised: the next epoch (one that has used up its epochs is [rotated](Self::rotate) instead). `expected` is the epoch that it believes to have (KIP-360).
    ///
    /// # Errors
    /// PRODUCER_FENCED: it believes wrongly.
    pub(crate) fn initialise(
        &self,
        timeout_ms: i32,
        expected: Option<ProducerEpoch>,
        now: TimestampMs,
    ) -> Result<Self, ErrorCode> {
        let current = self.producer_epoch;
        let (producer_epoch, last_producer_epoch) = match expected {
            None => (next(current), ProducerEpoch::NONE),
            Some(expected) if current == ProducerEpoch::NONE || expected == current => {
                (next(current), current)
            }
            // Its answer was lost: the same again.
            Some(expected) if expected == self.last_producer_epoch => (current, expected),
            Some(_) => return Err(ErrorCode::ProducerFenced),
        };
        Ok(Self { producer_epoch, last_producer_epoch, ..self.emptied(timeout_ms, now) })
    }

    /// The producer is initialised with a new id: it has used up its epochs.
    pub(crate) fn rotate(
        &self,
        producer_id: ProducerId,
        timeout_ms: i32,
        is_epoch_expected: bool,
        now: TimestampMs,
    ) -> Self {
        Self {
            producer_id,
            producer_epoch: ProducerEpoch(0),
            last_producer_epoch: if is_epoch_expected {
                self.producer_epoch
            } else {
                ProducerEpoch::NONE
            },
            ..self.emptied(timeout_ms, now)
        }
    }

    fn emptied(&self, timeout_ms: i32, now: TimestampMs) -> Self {
        Self {
            previous_producer_id: self.producer_id,
            next_producer_id: ProducerId::NONE,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            started: TimestampMs::NONE,
            updated: now,
            ..self.clone()
        }
    }

    /// It writes to `added`.
    pub(crate) fn add(
        &self,
        added: impl IntoIterator<Item = TopicPartition>,
        client_version: ClientVersion,
        now: TimestampMs,
    ) -> Self {
        let is_begun = self.state == TransactionState::Ongoing;
        let mut next = self.clone();
        next.previous_producer_id = self.producer_id;
        next.state = TransactionState::Ongoing;
        next.partitions.extend(added);
        next.started = if is_begun { self.started } else { now };
        next.updated = now;
        next.client_version = client_version;
        next
    }

    /// It ends: from here on there is no way back. `next_producer_id` is its id from then on, if it has used up its epochs.
    pub(crate) fn prepare(
        &self,
        result: TransactionResult,
        client_version: ClientVersion,
        next_producer_id: ProducerId,
        now: TimestampMs,
    ) -> Self {
        let mut next = self.clone();
        if client_version.has_epoch_per_transaction() {
            next.last_producer_epoch = self.producer_epoch;
            next.producer_epoch = self::next(self.producer_epoch);
        }
        if self.state != TransactionState::Ongoing {
            next.started = now; // aborted with nothing in it
        }
        next.previous_producer_id = self.producer_id;
        next.next_producer_id = next_producer_id;
        next.state = result.prepare();
        next.updated = now;
        next.client_version = client_version;
        next
    }

    /// It is aborted over its producer's head, which is fenced by that.
    pub(crate) fn fence(&self, now: TimestampMs) -> Self {
        assert!(self.state == TransactionState::Ongoing, "there is something to abort");
        let mut next =
            self.prepare(TransactionResult::Abort, self.client_version, ProducerId::NONE, now);
        next.producer_epoch = self::next(self.producer_epoch);
        next.last_producer_epoch = ProducerEpoch::NONE;
        next
    }

    /// Every marker is written.
    pub(crate) fn complete(&self, now: TimestampMs) -> Self {
        let result = self.state.result().expect("only what is prepared is completed");
        let mut next = self.clone();
        if self.next_producer_id.is_some() {
            next.producer_id = self.next_producer_id;
            next.producer_epoch = ProducerEpoch(0);
        }
        next.previous_producer_id = self.producer_id;
        next.next_producer_id = ProducerId::NONE;
        next.state = result.complete();
        next.partitions = BTreeSet::new();
        next.updated = now;
        next
    }

    /// The producer as it will be once this transaction is complete.
    pub(crate) fn successor(&self) -> (ProducerId, ProducerEpoch) {
        if self.next_producer_id.is_some() {
            (self.next_producer_id, ProducerEpoch(0))
        } else {
            (self.producer_id, self.producer_epoch)
        }
    }

    /// Whether InitProducerId may come from this producer: from this id, from the one before if that has just been replaced, or from
    /// anybody while the id is unused.
    pub(crate) fn may_initialise(&self, id: ProducerId, epoch: ProducerEpoch) -> bool {
        self.producer_epoch == ProducerEpoch::NONE
            || id == self.producer_id
            || (id == self.previous_producer_id && epoch >= EPOCH_LAST)
    }

    /// Whether an EndTxn of version 2 has been answered before: its epoch is the one before, or its id the one that was replaced.
    pub(crate) fn is_end_retried(&self, id: ProducerId, epoch: ProducerEpoch) -> bool {
        let is_rotated = id == self.previous_producer_id
            && id != self.producer_id
            && epoch == EPOCH_LAST
            && self.producer_epoch == ProducerEpoch(0);
        let is_before = epoch.0.checked_add(1) == Some(self.producer_epoch.0);
        is_rotated || (is_before && id == self.producer_id)
    }
}

/// The last epoch has no next. Only a foreign log holds an open transaction in it.
fn next(epoch: ProducerEpoch) -> ProducerEpoch {
    ProducerEpoch(epoch.0.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimestampMs = TimestampMs(5);

    fn ongoing(epoch: i16, version: ClientVersion) -> Transaction {
        let mut transaction = Transaction::new(ProducerId(1));
        transaction.producer_epoch = ProducerEpoch(epoch);
        transaction.add([], version, NOW)
    }

    #[test]
    fn a_lost_answer_to_init_is_given_again_and_no_third() {
        let first = Transaction::new(ProducerId(1)).initialise(1, None, NOW).unwrap();
        assert_eq!(first.producer_epoch, ProducerEpoch(0));
        let second = first.initialise(1, Some(ProducerEpoch(0)), NOW).unwrap();
        let again = second.initialise(1, Some(ProducerEpoch(0)), NOW).unwrap();
        assert_eq!(
            (second.producer_epoch, again.producer_epoch),
            (ProducerEpoch(1), ProducerEpoch(1))
        );
        let third = again.initialise(1, None, NOW).unwrap();
        assert_eq!(
            third.initialise(1, Some(ProducerEpoch(0)), NOW),
            Err(ErrorCode::ProducerFenced)
        );
    }

    #[test]
    fn an_end_of_version_two_takes_an_epoch_and_at_the_last_an_id() {
        let ended = ongoing(3, ClientVersion::TWO).prepare(
            TransactionResult::Commit,
            ClientVersion::TWO,
            ProducerId::NONE,
            NOW,
        );
        assert_eq!(ended.successor(), (ProducerId(1), ProducerEpoch(4)));
        let last = ongoing(EPOCH_LAST.0, ClientVersion::TWO);
        assert!(last.is_exhausted());
        let ended = last.prepare(TransactionResult::Commit, ClientVersion::TWO, ProducerId(9), NOW);
        assert_eq!(ended.producer_epoch, ProducerEpoch(i16::MAX), "the coordinator's own");
        let complete = ended.complete(NOW);
        assert_eq!(
            (complete.producer_id, complete.producer_epoch),
            (ProducerId(9), ProducerEpoch(0))
        );
        assert!(complete.is_end_retried(ProducerId(1), EPOCH_LAST));
        assert!(!complete.is_end_retried(ProducerId(2), EPOCH_LAST));
    }

    #[test]
    fn a_fence_is_one_epoch_in_every_version() {
        for version in [0, 2].map(ClientVersion) {
            let fenced = ongoing(3, version).fence(NOW);
            assert_eq!(fenced.producer_epoch, ProducerEpoch(4));
        }
        let last = ongoing(EPOCH_LAST.0, ClientVersion(0)).fence(NOW);
        assert_eq!(last.producer_epoch, ProducerEpoch(i16::MAX));
        assert!(last.is_exhausted());
    }
}
