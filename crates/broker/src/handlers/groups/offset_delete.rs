//! OffsetDelete, version 0.

use model::ErrorCode;
use wire::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::asker;
use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let answer = cx.shared.coordinator.delete_offsets(asker(&cx), asked).await;
    answer.unwrap_or_else(|| {
        OffsetDeleteResponse::default().with_error_code(ErrorCode::CoordinatorNotAvailable.code())
    })
}
