//! LeaveGroup, versions 0 to 5: 3 several members and static ones (KIP-345), 5 reason (KIP-800).
//!
//! A member id of a pending or full member leaves; an instance id without a member id is an operator's removal.

use std::sync::Arc;

use model::ErrorCode;
use wire::messages::{
    LeaveGroupRequest, LeaveGroupResponse, leave_group_request::MemberIdentity,
    leave_group_response::MemberResponse,
};

use super::{Group, Phase};
use crate::{asked::RequestContext, group::cx::Cx};

/// From this version on members and their errors are listed.
const MEMBERS_SINCE: i16 = 3;

impl Group {
    pub(crate) fn on_leave(
        &mut self,
        cx: &mut Cx<'_>,
        context: &RequestContext,
        request: &LeaveGroupRequest,
    ) -> LeaveGroupResponse {
        let alone = [MemberIdentity::default().with_member_id(request.member_id.clone())];
        let is_listed = context.api_version >= MEMBERS_SINCE;
        let leaving = if is_listed { &request.members[..] } else { &alone[..] };
        let mut answers = Vec::with_capacity(leaving.len());
        for member in leaving {
            let code = self.on_leaving(cx, member);
            let answer = MemberResponse::default()
                .with_member_id(member.member_id.clone())
                .with_group_instance_id(member.group_instance_id.clone());
            answers.push(answer.with_error_code(code.code()));
        }
        if answers.iter().any(|answer| answer.error_code == ErrorCode::None.code()) {
            match self.phase {
                Phase::Stable | Phase::Completing | Phase::Preparing { .. } => self.rebalance(cx),
                Phase::Empty => {}
            }
        }
        let answer = LeaveGroupResponse::default();
        if is_listed {
            return answer.with_members(answers);
        }
        answer.with_error_code(answers.first().map_or(0, |alone| alone.error_code))
    }

    fn on_leaving(&mut self, cx: &mut Cx<'_>, leaving: &MemberIdentity) -> ErrorCode {
        let instance_id = leaving.group_instance_id.as_ref().map(|id| id.as_str());
        let id: Arc<str> = leaving.member_id.as_str().into();
        if id.is_empty() {
            let named = instance_id.and_then(|instance_id| self.statics.get(instance_id)).cloned();
            return match named {
                Some(id) => {
                    self.remove(cx, &id);
                    ErrorCode::None
                }
                None => ErrorCode::UnknownMemberId,
            };
        }
        if !self.pending.contains_key(&id)
            && let Err(code) = self.validate(&id, instance_id)
        {
            return code;
        }
        self.remove(cx, &id);
        ErrorCode::None
    }
}
