//! LeaveGroup, versions 0 to 5: 3 takes many members.

use model::ErrorCode;
use wire::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::asker;
use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: LeaveGroupRequest) -> LeaveGroupResponse {
    let answer = cx.shared.coordinator.leave(asker(&cx), asked).await;
    answer.unwrap_or_else(|| {
        LeaveGroupResponse::default().with_error_code(ErrorCode::CoordinatorNotAvailable.code())
    })
}
