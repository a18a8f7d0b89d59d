//! Static members (KIP-345): one that comes back under its instance id with no member id takes its own place again.

use std::sync::Arc;

use model::ErrorCode;
use wire::messages::text;

use super::{Group, Phase, join::Joining};
use crate::{asked::Answered, group::cx::Cx};

/// From this version on a returning leader can be told not to assign again (KIP-814).
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

impl Group {
    /// `joining` has a fresh member id and the instance id that `old` has.
    pub(crate) fn on_static_return(&mut self, cx: &mut Cx<'_>, joining: Joining, old: &Arc<str>) {
        let leader_before = self.leader.clone();
        self.replace(cx, old, &joining.member_id);
        let (id, ticket) = (Arc::clone(&joining.member_id), joining.ticket);
        let can_skip = joining.api_version >= SKIP_ASSIGNMENT_SINCE;
        self.update(cx, joining);
        self.renew_session(cx, &id);
        match self.phase {
            Phase::Stable if self.elect_protocol() == self.protocol => {
                // Nothing that matters to the others has changed: no rebalance, the assignment is kept.
                if let Some(member) = self.members.get_mut(&id) {
                    member.awaiting_join = None;
                }
                let is_leader = self.is_leader(&id);
                let mut answer = self.join_answer(&id).with_skip_assignment(can_skip && is_leader);
                if !can_skip {
                    // An older leader that is told it leads would assign: it is told the id it had.
                    answer.members.clear();
                    answer.leader = text(leader_before.as_deref().unwrap_or_default());
                }
                cx.answer(ticket, Answered::Join(answer));
                let record = self.to_record(Some(cx.now.wall), |member| member.assignment.clone());
                cx.record(record);
            }
            Phase::Stable => self.rebalance(cx),
            // The old id may already be with the leader, who would assign to it: join again.
            Phase::Completing => self.prepare(cx),
            Phase::Empty | Phase::Preparing { .. } => self.rebalance(cx),
        }
    }

    /// Gives the member `old` the id `new`. Whoever is parked under the old id is fenced.
    fn replace(&mut self, cx: &mut Cx<'_>, old: &Arc<str>, new: &Arc<str>) {
        let Some(mut member) = self.members.remove(old) else { return };
        self.dismiss(cx, &mut member, ErrorCode::FencedInstanceId);
        cx.cancel(&self.session_timer(old));
        member.id = Arc::clone(new);
        if let Some(instance_id) = &member.instance_id {
            self.statics.insert(Arc::clone(instance_id), Arc::clone(new));
        }
        if self.is_leader(old) {
            self.leader = Some(Arc::clone(new));
        }
        if self.unsynced.remove(old) {
            self.unsynced.insert(Arc::clone(new));
        }
        self.members.insert(Arc::clone(new), member);
    }
}
