//! Heartbeat, versions 0 to 4: 3 static members (KIP-345). And the end of the session of who sends none.

use std::sync::Arc;

use model::ErrorCode;
use wire::messages::HeartbeatRequest;

use super::{Group, Phase};
use crate::group::cx::Cx;

impl Group {
    /// Answers what the member is told. Every one that is in its group has its session renewed, also while it is told to rejoin.
    pub(crate) fn on_heartbeat(
        &mut self,
        cx: &mut Cx<'_>,
        request: &HeartbeatRequest,
    ) -> ErrorCode {
        let id = request.member_id.as_str();
        let instance_id = request.group_instance_id.as_ref().map(|id| id.as_str());
        if let Err(code) = self.validate(id, instance_id) {
            return code;
        }
        if request.generation_id != self.generation {
            return ErrorCode::IllegalGeneration;
        }
        match self.phase {
            Phase::Empty => ErrorCode::UnknownMemberId,
            Phase::Preparing { .. } => {
                self.renew_session(cx, id);
                ErrorCode::RebalanceInProgress
            }
            Phase::Completing | Phase::Stable => {
                self.renew_session(cx, id);
                ErrorCode::None
            }
        }
    }

    /// A member has been silent for its session, or an announced one has not come.
    pub(crate) fn on_session_timer(&mut self, cx: &mut Cx<'_>, member_id: &Arc<str>) {
        if self.pending.contains_key(member_id) {
            self.remove(cx, member_id);
            if matches!(self.phase, Phase::Preparing { .. }) && self.has_all_joined() {
                self.complete_join(cx);
            }
            return;
        }
        let Some(member) = self.members.get(member_id) else { return };
        if member.is_excused() {
            return; // its session is set anew when it is answered
        }
        self.remove(cx, member_id);
        match self.phase {
            Phase::Stable | Phase::Completing => self.prepare(cx),
            Phase::Preparing { .. } if self.has_all_joined() => self.complete_join(cx),
            Phase::Preparing { .. } | Phase::Empty => {}
        }
    }
}
