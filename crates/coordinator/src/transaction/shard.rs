//! The transactional ids of one partition of `__transaction_state`: finds the transaction, lets it decide, applies what it decided.

use std::{collections::BTreeMap, sync::Arc};

use model::{ErrorCode, LeaderEpoch};

use super::{
    add,
    asked::{Answered, Asked},
    cx::{Core, Cx, Timer, TransactionOutcome, WriteMarkers},
    describe, end, expiry, init,
    record::TransactionRecord,
    state::TransactionState,
    transaction::Transaction,
};
use crate::{
    budget::Charge,
    limits,
    runtime::{At, Batching, Now, Outcome, Shard, Ticket},
};

pub(crate) struct TransactionShard {
    transactions: BTreeMap<Arc<str>, Kept>,
    core: Core,
}

struct Kept {
    transaction: Transaction,
    _charge: Charge,
}

type Transactions = BTreeMap<Arc<str>, Kept>;

impl TransactionShard {
    pub(crate) fn new(core: Core) -> Self {
        Self { transactions: BTreeMap::new(), core }
    }

    #[cfg(test)]
    pub(crate) fn find(&self, id: &str) -> Option<&Transaction> {
        find(&self.transactions, id)
    }

    #[cfg(test)]
    pub(crate) fn ids(&self) -> Vec<Arc<str>> {
        self.transactions.keys().cloned().collect()
    }

    /// Runs `step` with a context that writes to a fresh outcome.
    fn decide(
        &mut self,
        now: Now,
        step: impl FnOnce(&Transactions, &mut Cx<'_>),
    ) -> TransactionOutcome {
        let mut outcome = Outcome::new();
        let mut cx = Cx { now, core: &mut self.core, outcome: &mut outcome };
        step(&self.transactions, &mut cx);
        self.check(&outcome);
        outcome
    }

    /// Every record steps from the state before it to one that may follow.
    fn check(&self, outcome: &TransactionOutcome) {
        let mut states = BTreeMap::new();
        for record in &outcome.records {
            let known = find(&self.transactions, &record.id).map(|known| known.state);
            let before = states.get(&record.id).copied().or(known);
            let before = before.unwrap_or(TransactionState::Empty);
            let after = record
                .value
                .as_ref()
                .map_or(TransactionState::Dead, |transaction| transaction.state);
            assert!(after.may_follow(before), "{before:?} is not followed by {after:?}");
            states.insert(Arc::clone(&record.id), after);
        }
    }
}

impl Shard for TransactionShard {
    type Record = TransactionRecord;
    type Request = Asked;
    type Answer = Answered;
    type Effect = WriteMarkers;

    fn encode(record: &TransactionRecord) -> (Vec<u8>, Option<Vec<u8>>) {
        (record.key(), record.value())
    }

    fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Option<TransactionRecord> {
        TransactionRecord::decode(key, value).ok()
    }

    fn barrier() -> Vec<u8> {
        TransactionRecord { id: "".into(), value: None }.key()
    }

    fn apply(&mut self, record: &TransactionRecord, _at: At) {
        let Some(transaction) = &record.value else {
            self.transactions.remove(&record.id);
            return;
        };
        if !transaction.state.is_prepared() {
            self.core.sending.remove(&record.id);
        }
        let size = (1 + transaction.partitions.len()) * limits::ENTRY_BYTES + record.id.len();
        let charge = self.core.budget.charge(size);
        let kept = Kept { transaction: transaction.clone(), _charge: charge };
        self.transactions.insert(Arc::clone(&record.id), kept);
    }

    /// What is open gets the rest of its time; what is prepared gets its markers, all of them: nobody knows which were written.
    fn on_loaded(&mut self, epoch: LeaderEpoch, now: Now) -> TransactionOutcome {
        self.core.epoch = epoch;
        self.decide(now, |transactions, cx| {
            cx.outcome.batching = Batching::Split;
            for (id, transaction) in each(transactions) {
                if transaction.state == TransactionState::Ongoing {
                    let remaining = end::remaining_ms(cx, transaction);
                    cx.fire_in(Timer::Timeout(Arc::clone(id)), remaining);
                } else if transaction.state.is_prepared() {
                    end::send(cx, id, transaction);
                }
            }
            expiry::schedule(cx);
        })
    }

    fn on_request(&mut self, ticket: Ticket, request: Asked, now: Now) -> TransactionOutcome {
        self.decide(now, |transactions, cx| match request {
            Asked::Init(asked) => {
                let known = find(transactions, &asked.transactional_id);
                init::init(cx, ticket, known, &asked);
            }
            Asked::Add(asked) => {
                let known = find(transactions, &asked.producing.transactional_id);
                add::add(cx, ticket, known, &asked);
            }
            Asked::End(asked) => {
                let known = find(transactions, &asked.producing.transactional_id);
                end::end(cx, ticket, known, &asked);
            }
            Asked::Describe(id) => {
                let described = describe::describe(&id, find(transactions, &id));
                cx.answer(ticket, Answered::Describe(described));
            }
            Asked::List(filter) => {
                let listed = describe::list(each(transactions), &filter, cx.now.wall);
                cx.answer(ticket, Answered::List(Ok(listed)));
            }
            Asked::Written(written) => {
                let current = find(transactions, &written.attempt.transactional_id);
                end::on_written(cx, current, written);
            }
        })
    }

    fn on_timer(&mut self, now: Now) -> TransactionOutcome {
        self.decide(now, |transactions, cx| match cx.core.timers.pop_due(now.instant) {
            Some(Timer::Timeout(id)) => {
                if let Some(current) = find(transactions, &id) {
                    end::time_out(cx, &id, current);
                }
            }
            Some(Timer::Markers(id)) => {
                if let Some(current) = find(transactions, &id) {
                    end::retry(cx, &id, current);
                }
            }
            Some(Timer::Expiry) => expiry::expire(cx, each(transactions)),
            None => {}
        })
    }

    fn next_deadline(&self) -> Option<world::Instant> {
        self.core.timers.next_deadline()
    }

    /// What a client asked for it asks for again. What nobody asks for again is tried again here: the end of an open transaction
    /// whose time is over, the end of one whose markers are written.
    fn on_append_failed(
        &mut self,
        records: Vec<TransactionRecord>,
        _code: ErrorCode,
        now: Now,
    ) -> TransactionOutcome {
        self.decide(now, |transactions, cx| {
            for TransactionRecord { id, .. } in records {
                match find(transactions, &id).map(|current| current.state) {
                    Some(TransactionState::Ongoing) => {
                        cx.core.sending.remove(&id);
                        cx.fire_in(Timer::Timeout(id), limits::MARKERS_RETRY_MS);
                    }
                    Some(state) if state.is_prepared() => {
                        cx.fire_in(Timer::Markers(id), limits::MARKERS_RETRY_MS);
                    }
                    _ => {
                        cx.core.sending.remove(&id);
                    }
                }
            }
        })
    }

    fn on_resigned(self, _code: ErrorCode) -> Vec<(Ticket, Answered)> {
        Vec::new() // nobody is parked
    }

    fn refuse(request: &Asked, code: ErrorCode) -> Answered {
        request.refuse(code)
    }

    fn fail(answer: Answered, code: ErrorCode) -> Answered {
        answer.fail(code)
    }
}

fn find<'a>(transactions: &'a Transactions, id: &str) -> Option<&'a Transaction> {
    transactions.get(id).map(|kept| &kept.transaction)
}

fn each(transactions: &Transactions) -> impl Iterator<Item = (&Arc<str>, &Transaction)> {
    transactions.iter().map(|(id, kept)| (id, &kept.transaction))
}
