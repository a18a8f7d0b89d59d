//! DescribeGroups (0 to 6) and ListGroups (0 to 5; 4 adds the filter by state, 5 the one by type).

use std::sync::Arc;

use bytes::Bytes;
use wire::messages::{
    GroupId,
    describe_groups_response::{DescribedGroup, DescribedGroupMember},
    list_groups_response::ListedGroup,
    text,
};

use super::classic::{Group, Phase};
use crate::asked::ListFilter;

const TYPE_NAME: &str = "Classic";

impl Group {
    /// Metadata and assignments are told of a stable group only: at other times they are about to change.
    pub(crate) fn describe(&self) -> DescribedGroup {
        let protocol = self.protocol.as_deref().filter(|_| self.phase == Phase::Stable);
        let members = self.members.values().map(|member| {
            let (metadata, assignment) = match protocol {
                Some(protocol) => (member.metadata(protocol), member.assignment.clone()),
                None => (Bytes::new(), Bytes::new()),
            };
            DescribedGroupMember::default()
                .with_member_id(text(&member.id))
                .with_group_instance_id(member.instance_id.as_deref().map(text))
                .with_client_id(text(&member.client_id))
                .with_client_host(text(&member.client_host))
                .with_member_metadata(metadata)
                .with_member_assignment(assignment)
        });
        DescribedGroup::default()
            .with_group_id(GroupId(text(&self.id)))
            .with_group_state(text(self.state_name()))
            .with_protocol_type(text(self.protocol_type.as_deref().unwrap_or_default()))
            .with_protocol_data(text(protocol.unwrap_or_default()))
            .with_members(members.collect())
    }

    /// None when `filter` leaves it out.
    pub(crate) fn list(&self, filter: &ListFilter) -> Option<ListedGroup> {
        let is_in = |wanted: &[String], ours: &str| {
            wanted.is_empty() || wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(ours))
        };
        if !is_in(&filter.states, self.state_name()) || !is_in(&filter.types, TYPE_NAME) {
            return None;
        }
        let listed = ListedGroup::default()
            .with_group_id(GroupId(text(&self.id)))
            .with_protocol_type(text(self.protocol_type.as_deref().unwrap_or_default()))
            .with_group_state(text(self.state_name()))
            .with_group_type(text(TYPE_NAME));
        Some(listed)
    }
}

/// Lists what `filter` lets through, in the order of the ids.
pub(crate) fn list<'a>(
    groups: impl Iterator<Item = (&'a Arc<str>, &'a Group)>,
    filter: &ListFilter,
) -> Vec<ListedGroup> {
    groups.filter_map(|(_, group)| group.list(filter)).collect()
}
