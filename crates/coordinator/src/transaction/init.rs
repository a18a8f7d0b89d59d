//! InitProducerId: a producer takes its transactional id over from whoever had it.
//!
//! ```text
//!   at rest            the next epoch; a new producer id when the epochs are used up
//!   ongoing            it is aborted over the old producer's head; CONCURRENT_TRANSACTIONS, ask again
//!   being ended        CONCURRENT_TRANSACTIONS, ask again
//! ```

use model::{ErrorCode, ProducerEpoch, ProducerId};

use super::{
    asked::{Answered, InitProducer},
    cx::Cx,
    end,
    state::TransactionState,
    transaction::Transaction,
};
use crate::{limits, runtime::Ticket};

pub(crate) fn init(
    cx: &mut Cx<'_>,
    ticket: Ticket,
    known: Option<&Transaction>,
    asked: &InitProducer,
) {
    let answer = decide(cx, known, asked);
    cx.answer(ticket, Answered::Init(answer));
}

fn decide(
    cx: &mut Cx<'_>,
    known: Option<&Transaction>,
    asked: &InitProducer,
) -> Result<(ProducerId, ProducerEpoch), ErrorCode> {
    if !(1..=cx.core.options.timeout_ms_max).contains(&asked.timeout_ms) {
        return Err(ErrorCode::InvalidTransactionTimeout);
    }
    let id = &asked.transactional_id;
    let unused;
    let current = match known {
        Some(known) => known,
        None => {
            if cx.core.budget.is_short_of(limits::ENTRY_BYTES + id.len()) {
                return Err(ErrorCode::CoordinatorNotAvailable);
            }
            unused = Transaction::new(new_producer_id(cx)?);
            &unused
        }
    };
    if current.state.is_prepared() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    if asked.expected.is_some_and(|(id, epoch)| !current.may_initialise(id, epoch)) {
        return Err(ErrorCode::ProducerFenced);
    }
    if current.state == TransactionState::Ongoing {
        end::fence(cx, id, current);
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let now = cx.now.wall;
    let expected = asked.expected.map(|(_, epoch)| epoch);
    let is_of_now = expected.is_none_or(|epoch| epoch == current.producer_epoch);
    let next = if current.is_exhausted() && is_of_now {
        current.rotate(new_producer_id(cx)?, asked.timeout_ms, expected.is_some(), now)
    } else {
        current.initialise(asked.timeout_ms, expected, now)?
    };
    let producer = (next.producer_id, next.producer_epoch);
    cx.record(id, Some(next));
    Ok(producer)
}

/// Kafka's answer while there is no block of ids: clients ask again.
pub(crate) fn new_producer_id(cx: &Cx<'_>) -> Result<ProducerId, ErrorCode> {
    (cx.core.producer_ids)().ok_or(ErrorCode::CoordinatorLoadInProgress)
}
