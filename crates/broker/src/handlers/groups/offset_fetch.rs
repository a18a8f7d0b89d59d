//! OffsetFetch, versions 1 to 9: 8 asks for many groups.

use model::ErrorCode;
use wire::messages::{OffsetFetchRequest, OffsetFetchResponse};

use super::asker;
use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: OffsetFetchRequest) -> OffsetFetchResponse {
    let answer = cx.shared.coordinator.fetch_offsets(asker(&cx), asked).await;
    answer.unwrap_or_else(|| {
        OffsetFetchResponse::default().with_error_code(ErrorCode::CoordinatorNotAvailable.code())
    })
}
