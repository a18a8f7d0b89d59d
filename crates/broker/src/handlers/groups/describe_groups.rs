//! DescribeGroups, versions 0 to 6: 3 tells authorised operations, 6 has an error for groups that are not there.

use model::ErrorCode;
use wire::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, describe_groups_response::DescribedGroup,
};

use super::asker;
use crate::{dispatch::Context, handlers::operations};

pub(crate) async fn handle(cx: Context, asked: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let (names, include) = (asked.groups.clone(), asked.include_authorized_operations);
    let answer = cx.shared.coordinator.describe_groups(asker(&cx), asked).await;
    let mut answer = answer.unwrap_or_else(|| {
        let refused = names.into_iter().map(|name| {
            DescribedGroup::default()
                .with_group_id(name)
                .with_error_code(ErrorCode::CoordinatorNotAvailable.code())
        });
        DescribeGroupsResponse::default().with_groups(refused.collect())
    });
    for group in answer.groups.iter_mut().filter(|group| include && group.error_code == 0) {
        group.authorized_operations = operations::GROUP;
    }
    answer
}
