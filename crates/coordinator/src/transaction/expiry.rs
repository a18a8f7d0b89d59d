//! Transactional ids that nobody has used for `transactional.id.expiration.ms`: forgotten, but never in the middle of anything.

use std::sync::Arc;

use super::{
    cx::{Cx, Timer},
    transaction::Transaction,
};
use crate::runtime::Batching;

pub(crate) fn expire<'a>(
    cx: &mut Cx<'_>,
    all: impl Iterator<Item = (&'a Arc<str>, &'a Transaction)>,
) {
    cx.outcome.batching = Batching::Split;
    for (id, transaction) in all {
        let age_ms = cx.now.wall.since(transaction.updated);
        if transaction.state.is_at_rest() && age_ms >= cx.core.options.id_expiration_ms {
            cx.record(id, None);
        }
    }
    schedule(cx);
}

pub(crate) fn schedule(cx: &mut Cx<'_>) {
    cx.fire_in(Timer::Expiry, cx.core.options.expiry_interval_ms.max(1));
}
