//! ListGroups, versions 0 to 5: 4 filters by state, 5 by type.

use model::ErrorCode;
use wire::messages::{ListGroupsRequest, ListGroupsResponse};

use super::asker;
use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: ListGroupsRequest) -> ListGroupsResponse {
    let answer = cx.shared.coordinator.list_groups(asker(&cx), asked).await;
    answer.unwrap_or_else(|| {
        ListGroupsResponse::default().with_error_code(ErrorCode::CoordinatorNotAvailable.code())
    })
}
