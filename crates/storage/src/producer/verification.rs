//! Transactions that are about to begin in a log (KIP-890, part 1).
//!
//! Between the question to the coordinator ("is this partition in the transaction?") and the append lies time, in which the
//! transaction may end. So the log hands out a guard with the question and asks for it with the append; a marker of that producer, or
//! the first batch of its transaction, takes the guard away. A delayed batch can thus begin no transaction that nobody will end.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use model::{ProducerEpoch, ProducerId, TimestampMs, VerificationGuard};

use crate::{
    AppendError, Log,
    producer::{Entry, Verdict, check_epoch},
    segment::head::Head,
};

/// The last guard of the process. No two are alike: a log that was cut or opened again must not take a guard of before for its own.
static LAST_GUARD: AtomicU64 = AtomicU64::new(0);

/// The guards that are out, one per producer.
#[derive(Debug, Default)]
pub(crate) struct Verifications {
    asked: BTreeMap<ProducerId, Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    guard: VerificationGuard,
    epoch: ProducerEpoch,
    /// The first batch of the transaction begins no later than here.
    lowest_sequence: i32,
    at: TimestampMs,
}

impl Verifications {
    /// The guard under which `producer` is verified: one for all who ask before its transaction begins.
    fn begin(
        &mut self,
        (producer, epoch): (ProducerId, ProducerEpoch),
        first_sequence: i32,
        at: TimestampMs,
    ) -> VerificationGuard {
        if let Some(asked) = self.asked.get_mut(&producer).filter(|asked| asked.epoch == epoch) {
            asked.lowest_sequence = asked.lowest_sequence.min(first_sequence);
            return asked.guard;
        }
        let guard = VerificationGuard(LAST_GUARD.fetch_add(1, Ordering::Relaxed) + 1);
        self.asked.insert(producer, Asked { guard, epoch, lowest_sequence: first_sequence, at });
        guard
    }

    /// Its transaction has begun or ended: the guard is worth nothing any more.
    pub(crate) fn end(&mut self, producer: ProducerId) {
        self.asked.remove(&producer);
    }

    pub(crate) fn expire(&mut self, now: TimestampMs, expiration_ms: i64) {
        self.asked.retain(|_, asked| now.since(asked.at) < expiration_ms);
    }
}

impl Log {
    /// The right to begin a transaction here, to be shown again with the append; none where it is open already.
    pub fn begin_verification(
        &mut self,
        (producer, epoch): (ProducerId, ProducerEpoch),
        first_sequence: i32,
        now: TimestampMs,
    ) -> Option<VerificationGuard> {
        if self.producers.is_open(producer, epoch) {
            return None;
        }
        // A straggler, whose batch lies in the log already, does not begin what comes next.
        let known = self.producers.find(producer).filter(|entry| entry.epoch == epoch);
        let next = known.and_then(Entry::last).map(|seen| seen.last_sequence.checked_add(1));
        let first_sequence =
            next.map_or(first_sequence, |next| first_sequence.max(next.unwrap_or(0)));
        Some(self.producers.verifications.begin((producer, epoch), first_sequence, now))
    }

    /// Whether a transactional batch may be appended under `guard`.
    ///
    /// # Errors
    /// A newer producer has taken its place, or it begins a transaction without the right to, or not with its first batch.
    pub fn check_verified(
        &self,
        batch: &[u8],
        guard: Option<VerificationGuard>,
    ) -> Result<(), AppendError> {
        let Some(head) = Head::parse(batch) else { return Ok(()) }; // the append says what is wrong
        let producer = head.producer.0;
        let known = self.producers.find(head.producer);
        if let Verdict::StaleEpoch { current } = check_epoch(known, head.producer_epoch) {
            let found = head.producer_epoch.0;
            return Err(AppendError::StaleProducerEpoch { producer, found, current: current.0 });
        }
        if self.producers.is_open(head.producer, head.producer_epoch) {
            return Ok(());
        }
        let asked = self.producers.verifications.asked.get(&head.producer);
        match asked.filter(|asked| Some(asked.guard) == guard && asked.epoch == head.producer_epoch)
        {
            None => Err(AppendError::NotVerified { producer }),
            Some(asked) if head.base_sequence > asked.lowest_sequence => {
                let (found, last) = (head.base_sequence, asked.lowest_sequence - 1);
                Err(AppendError::OutOfOrderSequence { producer, found, last })
            }
            Some(_) => Ok(()),
        }
    }
}
