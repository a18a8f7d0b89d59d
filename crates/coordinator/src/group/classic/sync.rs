//! SyncGroup, versions 0 to 5: 3 static members (KIP-345), 5 protocol type and name (KIP-559).
//!
//! The leader brings the assignments; they are a record, and everybody's sync is answered when it is committed.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use model::ErrorCode;
use wire::messages::{SyncGroupRequest, SyncGroupResponse, text};

use super::{Group, Phase, member::Member};
use crate::{asked::Answered, group::cx::Cx, runtime::Ticket};

/// A sync's answer that is nothing but an error.
pub(crate) fn sync_error(code: ErrorCode) -> Answered {
    Answered::Sync(SyncGroupResponse::default().with_error_code(code.code()))
}

impl Group {
    pub(crate) fn on_sync(&mut self, cx: &mut Cx<'_>, ticket: Ticket, request: &SyncGroupRequest) {
        if let Err(code) = self.validate_sync(request) {
            cx.answer(ticket, sync_error(code));
            return;
        }
        let id = request.member_id.as_str();
        match self.phase {
            Phase::Empty => cx.answer(ticket, sync_error(ErrorCode::UnknownMemberId)),
            Phase::Preparing { .. } => {
                cx.answer(ticket, sync_error(ErrorCode::RebalanceInProgress));
            }
            Phase::Stable => {
                self.note_synced(cx, id);
                let assignment = self.members.get(id).map(|member| member.assignment.clone());
                cx.answer(ticket, self.sync_answer(assignment.unwrap_or_default()));
            }
            Phase::Completing => {
                self.note_synced(cx, id);
                self.park_sync(cx, id, ticket);
                if self.is_leader(id) {
                    self.assign(cx, request);
                }
            }
        }
    }

    /// Members that were answered their join but never synced are out: the next rebalance goes without them.
    pub(crate) fn on_sync_timer(&mut self, cx: &mut Cx<'_>) {
        let missing = std::mem::take(&mut self.unsynced);
        let is_agreed = matches!(self.phase, Phase::Completing | Phase::Stable);
        if missing.is_empty() || !is_agreed {
            return;
        }
        for id in missing {
            self.remove(cx, &id);
        }
        self.prepare(cx);
    }

    fn validate_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        let instance_id = request.group_instance_id.as_ref().map(|id| id.as_str());
        self.validate(request.member_id.as_str(), instance_id)?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        let differs = |asked: Option<&str>, ours: Option<&str>| {
            asked.zip(ours).is_some_and(|(asked, ours)| asked != ours)
        };
        let asked_type = request.protocol_type.as_ref().map(|text| text.as_str());
        let asked_name = request.protocol_name.as_ref().map(|text| text.as_str());
        if differs(asked_type, self.protocol_type.as_deref())
            || differs(asked_name, self.protocol.as_deref())
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn note_synced(&mut self, cx: &mut Cx<'_>, member_id: &str) {
        self.unsynced.remove(member_id);
        if self.unsynced.is_empty() {
            cx.cancel(&self.sync_timer());
        }
    }

    fn park_sync(&mut self, cx: &mut Cx<'_>, member_id: &str, ticket: Ticket) {
        let member = self.members.get_mut(member_id);
        if let Some(before) = member.and_then(|member| member.awaiting_sync.replace(ticket)) {
            cx.answer(before, sync_error(ErrorCode::RebalanceInProgress));
        }
    }

    /// The leader's assignments become the group's record; who is parked is answered once that is committed. Who is not
    /// in the leader's list gets an empty assignment.
    fn assign(&mut self, cx: &mut Cx<'_>, request: &SyncGroupRequest) {
        let given: BTreeMap<&str, &Bytes> = request
            .assignments
            .iter()
            .map(|given| (given.member_id.as_str(), &given.assignment))
            .collect();
        let assignment = |member: &Member| {
            given.get(&*member.id).map_or_else(Bytes::new, |given| Bytes::copy_from_slice(given))
        };
        let record = self.to_record(Some(cx.now.wall), assignment);
        cx.record(record);
        let parked: Vec<(Arc<str>, Ticket, Bytes)> = self
            .members
            .values_mut()
            .filter_map(|member| Some((member.awaiting_sync.take()?, member)))
            .map(|(ticket, member)| (Arc::clone(&member.id), ticket, assignment(member)))
            .collect();
        for (id, ticket, assignment) in parked {
            cx.answer(ticket, self.sync_answer(assignment));
            self.renew_session(cx, &id);
        }
    }

    fn sync_answer(&self, assignment: Bytes) -> Answered {
        Answered::Sync(
            SyncGroupResponse::default()
                .with_protocol_type(self.protocol_type.as_deref().map(text))
                .with_protocol_name(self.protocol.as_deref().map(text))
                .with_assignment(assignment),
        )
    }
}
