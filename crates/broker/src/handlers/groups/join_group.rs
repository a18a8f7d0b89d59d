//! JoinGroup, versions 0 to 9: parked by the coordinator until the group has gathered.

use model::ErrorCode;
use wire::messages::{JoinGroupRequest, JoinGroupResponse};

use super::asker;
use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: JoinGroupRequest) -> JoinGroupResponse {
    let answer = cx.shared.coordinator.join(asker(&cx), asked).await;
    answer.unwrap_or_else(|| {
        JoinGroupResponse::default().with_error_code(ErrorCode::CoordinatorNotAvailable.code())
    })
}
