//! EndTxn, versions 0 to 5: commit or abort. 2 knows PRODUCER_FENCED, 4 TRANSACTION_ABORTABLE, 5 takes an epoch for each
//! transaction and answers the next one (KIP-890).

use coordinator::{ClientVersion, EndTransaction, TransactionResult};
use model::ErrorCode;
use wire::messages::{EndTxnRequest, EndTxnResponse, ProducerId};

use super::{known_to, producing};
use crate::dispatch::Context;

const FENCED_SINCE: i16 = 2;
const EPOCHS_SINCE: i16 = 5;

pub(crate) async fn handle(cx: Context, asked: EndTxnRequest) -> EndTxnResponse {
    let client_version =
        if cx.version >= EPOCHS_SINCE { ClientVersion::TWO } else { ClientVersion(0) };
    let end = EndTransaction {
        producing: producing(&asked.transactional_id, asked.producer_id.0, asked.producer_epoch),
        result: if asked.committed { TransactionResult::Commit } else { TransactionResult::Abort },
        client_version,
    };
    let ended = cx.shared.transactions.end(end).await;
    match ended.unwrap_or(Err(ErrorCode::CoordinatorNotAvailable)) {
        Ok((id, epoch)) if cx.version >= EPOCHS_SINCE => EndTxnResponse::default()
            .with_producer_id(ProducerId(id.0))
            .with_producer_epoch(epoch.0),
        Ok(_) => EndTxnResponse::default(),
        Err(code) => EndTxnResponse::default()
            .with_error_code(known_to(cx.version, FENCED_SINCE, code).code()),
    }
}
