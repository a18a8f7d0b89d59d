//! Heartbeat, versions 0 to 4.

use model::ErrorCode;
use wire::messages::{HeartbeatRequest, HeartbeatResponse};

use super::asker;
use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: HeartbeatRequest) -> HeartbeatResponse {
    let answer = cx.shared.coordinator.heartbeat(asker(&cx), asked).await;
    answer.unwrap_or_else(|| {
        HeartbeatResponse::default().with_error_code(ErrorCode::CoordinatorNotAvailable.code())
    })
}
