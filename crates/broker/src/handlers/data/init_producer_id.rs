//! InitProducerId, versions 0 to 5: an id for an idempotent producer, or id and epoch for the producer of a transactional id, which
//! fences whoever had it. 3 may carry the id and epoch it had (KIP-360), 4 knows PRODUCER_FENCED.

use coordinator::InitProducer;
use model::{ErrorCode, ProducerEpoch, ProducerId};
use wire::messages::{self, InitProducerIdRequest, InitProducerIdResponse};

use crate::{dispatch::Context, handlers::transactions::known_to};

const FENCED_SINCE: i16 = 4;

pub(crate) async fn handle(cx: Context, asked: InitProducerIdRequest) -> InitProducerIdResponse {
    let has_id = asked.producer_id.0 >= 0;
    let has_epoch = asked.producer_epoch >= 0;
    if has_id != has_epoch {
        return refused(ErrorCode::InvalidRequest);
    }
    let producer = match asked.transactional_id.clone() {
        None => {
            let next = cx.shared.producer_ids.next().await;
            next.map(|id| (id, ProducerEpoch(0))).ok_or(ErrorCode::CoordinatorLoadInProgress)
        }
        Some(id) => transactional(&cx, &id, &asked).await,
    };
    match producer {
        Ok((id, epoch)) => InitProducerIdResponse::default()
            .with_producer_id(messages::ProducerId(id.0))
            .with_producer_epoch(epoch.0),
        Err(code) => refused(known_to(cx.version, FENCED_SINCE, code)),
    }
}

async fn transactional(
    cx: &Context,
    transactional_id: &str,
    asked: &InitProducerIdRequest,
) -> Result<(ProducerId, ProducerEpoch), ErrorCode> {
    cx.shared.producer_ids.prepare().await;
    let expected = (asked.producer_id.0 >= 0)
        .then_some((ProducerId(asked.producer_id.0), ProducerEpoch(asked.producer_epoch)));
    let asked = InitProducer {
        transactional_id: transactional_id.into(),
        timeout_ms: asked.transaction_timeout_ms,
        expected,
    };
    let answered = cx.shared.transactions.init(asked).await;
    answered.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable))
}

fn refused(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(error.code())
        .with_producer_id(messages::ProducerId(-1))
        .with_producer_epoch(-1)
}
