//! A rebalance, from its first cause to the answers of the joins.

use std::sync::Arc;

use bytes::Bytes;
use model::ErrorCode;
use wire::messages::{JoinGroupResponse, join_group_response::JoinGroupResponseMember, text};

use super::{Group, Phase, group::InitialWait, member::Member};
use crate::{asked::Answered, group::cx::Cx};

impl Group {
    /// Something about the members has changed: begin a rebalance, or see whether the one that runs is through.
    pub(crate) fn rebalance(&mut self, cx: &mut Cx<'_>) {
        match self.phase {
            Phase::Preparing { initial: None } if self.has_all_joined() => self.complete_join(cx),
            Phase::Preparing { .. } => {}
            Phase::Empty | Phase::Completing | Phase::Stable => self.prepare(cx),
        }
    }

    /// Begins a rebalance: who is parked in a sync is sent back to join.
    pub(crate) fn prepare(&mut self, cx: &mut Cx<'_>) {
        self.reset_assignments(cx, ErrorCode::RebalanceInProgress);
        self.unsynced.clear();
        cx.cancel(&self.sync_timer());
        if self.phase == Phase::Empty {
            let delay_ms = cx.core.options.initial_rebalance_delay_ms;
            let remaining_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
            cx.fire_in(self.join_timer(), delay_ms);
            let initial = InitialWait { delay_ms, remaining_ms, is_extended: false };
            self.enter(cx, Phase::Preparing { initial: Some(initial) });
            return;
        }
        self.enter(cx, Phase::Preparing { initial: None });
        if self.has_all_joined() {
            self.complete_join(cx);
        } else {
            cx.fire_in(self.join_timer(), self.rebalance_timeout_ms());
        }
    }

    /// The time to join is up. An empty group's first wait is extended while somebody new came in.
    pub(crate) fn on_join_timer(&mut self, cx: &mut Cx<'_>) {
        let Phase::Preparing { initial } = self.phase else { return };
        let Some(wait) = initial.filter(|wait| wait.is_extended && wait.remaining_ms > 0) else {
            self.complete_join(cx);
            return;
        };
        let delay_ms = cx.core.options.initial_rebalance_delay_ms.min(wait.remaining_ms);
        let remaining_ms = wait.remaining_ms.saturating_sub(wait.delay_ms).max(0);
        let initial = InitialWait { delay_ms, remaining_ms, is_extended: false };
        self.phase = Phase::Preparing { initial: Some(initial) };
        cx.fire_in(self.join_timer(), delay_ms);
    }

    /// Ends the joining: dynamic members that did not come are out, static ones stay, and the next generation begins.
    pub(crate) fn complete_join(&mut self, cx: &mut Cx<'_>) {
        cx.cancel(&self.join_timer());
        let missing: Vec<Arc<str>> = self
            .members
            .values()
            .filter(|member| member.awaiting_join.is_none() && member.instance_id.is_none())
            .map(|member| Arc::clone(&member.id))
            .collect();
        for id in missing {
            self.remove(cx, &id);
        }
        let generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            // Becomes Empty when the record is applied.
            let record = self.to_empty_record(generation, cx.now.wall);
            cx.record(record);
            return;
        }
        if !self.elect_leader() {
            // Only static members are left and none has joined: their sessions will end first.
            let wait_ms = self.rebalance_timeout_ms().max(NOBODY_JOINED_WAIT_MS);
            cx.fire_in(self.join_timer(), wait_ms);
            self.phase = Phase::Preparing { initial: None };
            return;
        }
        self.generation = generation;
        self.protocol = self.elect_protocol();
        assert!(self.protocol.is_some(), "joiners without a common protocol are refused");
        self.subscribed = self.read_subscriptions();
        self.enter(cx, Phase::Completing);
        self.answer_joins(cx);
        cx.fire_in(self.sync_timer(), self.rebalance_timeout_ms());
    }

    /// The leader stays if it has joined; else one that has. False if nobody has.
    fn elect_leader(&mut self) -> bool {
        let has_joined = |member: &&Member| member.awaiting_join.is_some();
        let current = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        let elected = current
            .filter(has_joined)
            .or_else(|| self.members.values().find(has_joined))
            .map(|member| Arc::clone(&member.id));
        let is_elected = elected.is_some();
        if is_elected {
            self.leader = elected;
        }
        is_elected
    }

    fn answer_joins(&mut self, cx: &mut Cx<'_>) {
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.join_answer(&id);
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
                if let Some(ticket) = member.awaiting_join.take() {
                    cx.answer(ticket, Answered::Join(answer));
                }
            }
            self.renew_session(cx, &id);
            self.unsynced.insert(id);
        }
    }

    /// What a member is told of the current generation; the leader is told who else is in it.
    pub(crate) fn join_answer(&self, member_id: &str) -> JoinGroupResponse {
        let answer = JoinGroupResponse::default()
            .with_generation_id(self.generation)
            .with_protocol_type(self.protocol_type.as_deref().map(text))
            .with_protocol_name(self.protocol.as_deref().map(text))
            .with_leader(text(self.leader.as_deref().unwrap_or_default()))
            .with_member_id(text(member_id));
        if self.is_leader(member_id) { answer.with_members(self.joined_members()) } else { answer }
    }

    fn joined_members(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let joined = |member: &Member| {
            JoinGroupResponseMember::default()
                .with_member_id(text(&member.id))
                .with_group_instance_id(member.instance_id.as_deref().map(text))
                .with_metadata(member.metadata(protocol))
        };
        self.members.values().map(joined).collect()
    }

    /// In Completing: nobody keeps an assignment, and who is parked in a sync is told `code`.
    pub(crate) fn reset_assignments(&mut self, cx: &mut Cx<'_>, code: ErrorCode) {
        if self.phase != Phase::Completing {
            return;
        }
        let mut told = Vec::new();
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
            if let Some(ticket) = member.awaiting_sync.take() {
                cx.answer(ticket, super::sync::sync_error(code));
                told.push(Arc::clone(&member.id));
            }
        }
        for id in told {
            self.renew_session(cx, &id);
        }
    }
}

/// A client may give a rebalance timeout of nothing: not so often do we look again whether a static member has joined.
const NOBODY_JOINED_WAIT_MS: i32 = 1_000;
