//! EndTxn, and the ends that nobody asked for: a fenced producer's and one that took too long.
//!
//! ```text
//!   Ongoing ─▶ record Prepare ─ committed ─▶ answer, and markers ordered ─ reports ─▶ record Complete
//!                                                  ▲  └ some not written: again after a while
//!                     loaded in Prepare ───────────┘
//! ```

use std::sync::Arc;

use model::{ErrorCode, ProducerEpoch, ProducerId};

use super::{
    asked::{Answered, EndTransaction},
    cx::{Cx, Sending, Timer, WriteMarkers},
    init::new_producer_id,
    markers::{Attempt, MarkerOrder, Written},
    state::{TransactionResult, TransactionState},
    transaction::Transaction,
};
use crate::{
    limits,
    runtime::{Batching, Ticket},
};

pub(crate) fn end(
    cx: &mut Cx<'_>,
    ticket: Ticket,
    known: Option<&Transaction>,
    asked: &EndTransaction,
) {
    let answer = match known {
        None => Err(ErrorCode::InvalidProducerIdMapping),
        Some(current) => decide(cx, current, asked),
    };
    cx.answer(ticket, Answered::End(answer));
}

/// What an EndTxn comes to.
enum Verdict {
    /// The transaction ends now.
    End,
    /// It has ended so already: the answer was lost.
    Ended,
}

fn decide(
    cx: &mut Cx<'_>,
    current: &Transaction,
    asked: &EndTransaction,
) -> Result<(ProducerId, ProducerEpoch), ErrorCode> {
    let verdict = if asked.client_version.has_epoch_per_transaction() {
        judge_second(current, asked)?
    } else {
        judge_first(current, asked)?
    };
    let Verdict::End = verdict else {
        // It may be the next transaction that is meant, of which a deposed coordinator knows nothing.
        cx.outcome.batching = Batching::Barrier;
        return Ok((current.producer_id, current.producer_epoch));
    };
    let is_last = asked.client_version.has_epoch_per_transaction() && current.is_exhausted();
    let next_id = if is_last { new_producer_id(cx)? } else { ProducerId::NONE };
    let prepared = current.prepare(asked.result, asked.client_version, next_id, cx.now.wall);
    let successor = prepared.successor();
    begin(cx, &asked.producing.transactional_id, prepared);
    Ok(successor)
}

/// EndTxn up to version 4: the epoch stays, so that only the state tells a retry.
fn judge_first(current: &Transaction, asked: &EndTransaction) -> Result<Verdict, ErrorCode> {
    let producing = &asked.producing;
    if producing.producer_id != current.producer_id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if producing.producer_epoch != current.producer_epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    match current.state {
        TransactionState::Ongoing => Ok(Verdict::End),
        state if state.is_prepared() => Err(ErrorCode::ConcurrentTransactions),
        state if state.result() == Some(asked.result) => Ok(Verdict::Ended),
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

/// EndTxn 5: every end takes an epoch, so that the epoch tells a retry from the next transaction's end.
fn judge_second(current: &Transaction, asked: &EndTransaction) -> Result<Verdict, ErrorCode> {
    if current.state.is_prepared() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let (id, epoch) = (asked.producing.producer_id, asked.producing.producer_epoch);
    let is_retry = current.is_end_retried(id, epoch);
    let is_complete = current.state.result().is_some();
    if id != current.producer_id && !is_retry {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if epoch != current.producer_epoch && !(is_complete && is_retry) {
        return Err(ErrorCode::ProducerFenced);
    }
    let is_retry = is_retry && epoch != current.producer_epoch;
    match (current.state, asked.result) {
        (TransactionState::Ongoing, _) => Ok(Verdict::End),
        (state, result) if is_retry && state.result() == Some(result) => Ok(Verdict::Ended),
        // An abort of nothing takes an epoch too: the client asks for it when it does not know what it has sent.
        (_, TransactionResult::Abort) if !is_retry => Ok(Verdict::End),
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

/// Aborts what is ongoing, over its producer's head.
pub(crate) fn fence(cx: &mut Cx<'_>, id: &Arc<str>, ongoing: &Transaction) {
    let prepared = ongoing.fence(cx.now.wall);
    begin(cx, id, prepared);
}

/// Time is over for an open transaction, unless the timer was wrong.
pub(crate) fn time_out(cx: &mut Cx<'_>, id: &Arc<str>, current: &Transaction) {
    if current.state != TransactionState::Ongoing {
        return;
    }
    match remaining_ms(cx, current) {
        0 => fence(cx, id, current),
        remaining => cx.fire_in(Timer::Timeout(Arc::clone(id)), remaining),
    }
}

/// How long an open transaction may still take. The wall clock may have been set back: never more than its whole time.
pub(crate) fn remaining_ms(cx: &Cx<'_>, ongoing: &Transaction) -> i64 {
    let timeout_ms = i64::from(ongoing.timeout_ms.max(0));
    (timeout_ms - cx.now.wall.since(ongoing.started)).clamp(0, timeout_ms)
}

fn begin(cx: &mut Cx<'_>, id: &Arc<str>, prepared: Transaction) {
    cx.core.timers.cancel(&Timer::Timeout(Arc::clone(id)));
    cx.record(id, Some(prepared.clone()));
    send(cx, id, &prepared);
}

/// Orders the markers of a prepared transaction, all of them; one that has nowhere to write is complete.
pub(crate) fn send(cx: &mut Cx<'_>, id: &Arc<str>, prepared: &Transaction) {
    cx.core.sending.remove(id);
    if prepared.partitions.is_empty() {
        cx.record(id, Some(prepared.complete(cx.now.wall)));
        return;
    }
    cx.core.last_attempt += 1;
    let number = cx.core.last_attempt;
    let left = prepared.partitions.clone();
    cx.core.sending.insert(Arc::clone(id), Sending { number, left });
    order(cx, id, prepared);
}

/// Tries what is left, under the attempt's number.
fn order(cx: &mut Cx<'_>, id: &Arc<str>, prepared: &Transaction) {
    let Some(sending) = cx.core.sending.get(id) else { return };
    let result = prepared.state.result().expect("only what is prepared has markers");
    let order = MarkerOrder {
        producer_id: prepared.producer_id,
        producer_epoch: prepared.producer_epoch,
        marker: result.marker(),
        coordinator_epoch: cx.core.epoch.0,
        partitions: sending.left.iter().cloned().collect(),
    };
    let (reign, number) = (cx.core.epoch, sending.number);
    let attempt = Attempt { transactional_id: Arc::clone(id), reign, number };
    cx.outcome.effects.push(WriteMarkers { attempt, order });
}

/// What has come of an attempt.
pub(crate) fn on_written(cx: &mut Cx<'_>, current: Option<&Transaction>, written: Written) {
    let Written { attempt: Attempt { transactional_id: id, reign, number }, outcomes } = written;
    if reign != cx.core.epoch {
        return; // of a coordinator before, perhaps of the transaction before
    }
    let Some(current) = current.filter(|current| current.state.is_prepared()) else { return };
    let Some(sending) = cx.core.sending.get_mut(&id).filter(|it| it.number == number) else {
        return; // of an attempt before
    };
    for (place, code) in outcomes {
        if is_done(code) || model::mutant!("M25") {
            sending.left.remove(&place);
        }
    }
    if sending.left.is_empty() {
        cx.record(&id, Some(current.complete(cx.now.wall)));
    } else {
        cx.fire_in(Timer::Markers(id), limits::MARKERS_RETRY_MS);
    }
}

/// Time to try again: the rest of the markers, or the last record if the log refused it.
pub(crate) fn retry(cx: &mut Cx<'_>, id: &Arc<str>, current: &Transaction) {
    if !current.state.is_prepared() {
        return;
    }
    let Some(sending) = cx.core.sending.get_mut(id) else { return send(cx, id, current) };
    if sending.left.is_empty() {
        cx.record(id, Some(current.complete(cx.now.wall)));
        return;
    }
    cx.core.last_attempt += 1;
    sending.number = cx.core.last_attempt;
    order(cx, id, current);
}

/// A partition that knows a newer epoch of the producer holds nothing that this marker could end: whoever began that epoch was told
/// that this transaction is over.
const fn is_done(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::None | ErrorCode::InvalidProducerEpoch)
}
