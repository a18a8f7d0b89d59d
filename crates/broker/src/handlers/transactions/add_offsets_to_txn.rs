//! AddOffsetsToTxn, versions 0 to 4: a transaction is about to commit offsets of a group. 2 knows PRODUCER_FENCED.
//!
//! To the coordinator it is one more partition: that of `__consumer_offsets` where the group lives.

use coordinator::{AddPartitions, ClientVersion};
use model::ErrorCode;
use wire::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use super::{ask_coordinator, known_to, offsets_partition, producing};
use crate::dispatch::Context;

const FENCED_SINCE: i16 = 2;

pub(crate) async fn handle(cx: Context, asked: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let place = offsets_partition(&cx.shared, &asked.group_id);
    let added = AddPartitions {
        producing: producing(&asked.transactional_id, asked.producer_id.0, asked.producer_epoch),
        partitions: vec![place],
        client_version: ClientVersion(0),
        is_verify_only: false,
    };
    let codes = ask_coordinator(&cx.shared, added).await;
    let code = codes.first().map_or(ErrorCode::UnknownServerError, |(_, code)| *code);
    AddOffsetsToTxnResponse::default()
        .with_error_code(known_to(cx.version, FENCED_SINCE, code).code())
}
