//! AddPartitionsToTxn, AddOffsetsToTxn (the partition of the group), and the question of a partition's leader whether a transaction
//! has it (KIP-890).
//!
//! A request that comes while the last transaction is being ended is told to come again before anything else is looked at: the
//! producer may bear the id that is its own only once the end is complete.

use model::{ErrorCode, TopicPartition};

use super::{
    asked::{AddPartitions, Answered, Producing},
    cx::{Cx, Timer},
    state::TransactionState,
    transaction::Transaction,
};
use crate::{
    limits,
    runtime::{Batching, Ticket},
};

pub(crate) fn add(
    cx: &mut Cx<'_>,
    ticket: Ticket,
    known: Option<&Transaction>,
    asked: &AddPartitions,
) {
    let outcome =
        if asked.is_verify_only { verify(known, asked) } else { decide(cx, known, asked) };
    cx.answer(ticket, Answered::Add(outcome.unwrap_or_else(|code| asked.all(code))));
}

type Outcomes = Vec<(TopicPartition, ErrorCode)>;

fn decide(
    cx: &mut Cx<'_>,
    known: Option<&Transaction>,
    asked: &AddPartitions,
) -> Result<Outcomes, ErrorCode> {
    let current = known.ok_or(ErrorCode::InvalidProducerIdMapping)?;
    if current.state.is_prepared() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    check_producer(current, &asked.producing)?;
    let is_ongoing = current.state == TransactionState::Ongoing;
    if is_ongoing && asked.partitions.iter().all(|place| current.partitions.contains(place)) {
        // It may be the next transaction that is meant, of which a deposed coordinator knows nothing.
        cx.outcome.batching = Batching::Barrier;
        return Ok(asked.all(ErrorCode::None));
    }
    if cx.core.budget.is_short_of(asked.partitions.len() * limits::ENTRY_BYTES) {
        return Err(ErrorCode::CoordinatorNotAvailable);
    }
    let id = &asked.producing.transactional_id;
    let next = current.add(asked.partitions.iter().cloned(), asked.client_version, cx.now.wall);
    if !is_ongoing {
        cx.fire_in(Timer::Timeout(id.clone()), i64::from(next.timeout_ms));
    }
    cx.record(id, Some(next));
    Ok(asked.all(ErrorCode::None))
}

fn verify(known: Option<&Transaction>, asked: &AddPartitions) -> Result<Outcomes, ErrorCode> {
    let current = known.ok_or(ErrorCode::InvalidProducerIdMapping)?;
    check_producer(current, &asked.producing)?;
    if current.state.is_prepared() {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    let is_in = |place: &TopicPartition| {
        current.state == TransactionState::Ongoing && current.partitions.contains(place)
    };
    let code = |place| if is_in(place) { ErrorCode::None } else { ErrorCode::TransactionAbortable };
    Ok(asked.partitions.iter().map(|place| (place.clone(), code(place))).collect())
}

fn check_producer(current: &Transaction, asked: &Producing) -> Result<(), ErrorCode> {
    if asked.producer_id != current.producer_id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if asked.producer_epoch != current.producer_epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    Ok(())
}
