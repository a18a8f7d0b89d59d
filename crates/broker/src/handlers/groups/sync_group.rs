//! SyncGroup, versions 0 to 5: parked by the coordinator until the leader has assigned.

use model::ErrorCode;
use wire::messages::{SyncGroupRequest, SyncGroupResponse};

use super::asker;
use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: SyncGroupRequest) -> SyncGroupResponse {
    let answer = cx.shared.coordinator.sync(asker(&cx), asked).await;
    answer.unwrap_or_else(|| {
        SyncGroupResponse::default().with_error_code(ErrorCode::CoordinatorNotAvailable.code())
    })
}
