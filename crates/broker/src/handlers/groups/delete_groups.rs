//! DeleteGroups, versions 0 to 2.

use model::ErrorCode;
use wire::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, delete_groups_response::DeletableGroupResult,
};

use super::asker;
use crate::dispatch::Context;

pub(crate) async fn handle(cx: Context, asked: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let names = asked.groups_names.clone();
    let answer = cx.shared.coordinator.delete_groups(asker(&cx), asked).await;
    answer.unwrap_or_else(|| {
        let refused = names.into_iter().map(|name| {
            DeletableGroupResult::default()
                .with_group_id(name)
                .with_error_code(ErrorCode::CoordinatorNotAvailable.code())
        });
        DeleteGroupsResponse::default().with_results(refused.collect())
    })
}
