//! InitProducerId, versions 0 to 5: an id for an idempotent producer. 3 may carry the id it had (KIP-360).
//!
//! With a transactional id the answer is INVALID_REQUEST until transactions are served: it ends a client's start at once, and blames
//! neither its rights nor its network (see `find_coordinator`, where most clients are stopped with the reason in words).

use model::{ErrorCode, ProducerId};
use wire::messages::{self, InitProducerIdRequest, InitProducerIdResponse};

use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: InitProducerIdRequest) -> InitProducerIdResponse {
    if asked.transactional_id.is_some() {
        return refused(ErrorCode::InvalidRequest);
    }
    let has_id = asked.producer_id.0 >= 0;
    let has_epoch = asked.producer_epoch >= 0;
    if has_id != has_epoch {
        return refused(ErrorCode::InvalidRequest);
    }
    match cx.shared.producer_ids.next().await {
        Some(ProducerId(id)) => InitProducerIdResponse::default()
            .with_producer_id(messages::ProducerId(id))
            .with_producer_epoch(0),
        None => refused(ErrorCode::CoordinatorLoadInProgress),
    }
}

fn refused(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(error.code())
        .with_producer_id(messages::ProducerId(-1))
        .with_producer_epoch(-1)
}
