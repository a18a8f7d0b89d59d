//! JoinGroup, versions 0 to 9: 1 rebalance timeout (KIP-62), 4 MEMBER_ID_REQUIRED (KIP-394), 5 static members (KIP-345),
//! 7 protocol type in the answer (KIP-559), 8 reason (KIP-800), 9 SkipAssignment (KIP-814).
//!
//! A join is answered at once with an error or the current generation, or is parked in its member until the rebalance
//! ([`super::rebalance`]) has heard from everybody.

use std::sync::Arc;

use bytes::Bytes;
use model::ErrorCode;
use wire::messages::{JoinGroupRequest, text};

use super::{
    Group, Phase,
    member::{Member, Protocol},
};
use crate::{
    asked::{Answered, RequestContext, join_error},
    group::cx::Cx,
    limits,
    runtime::Ticket,
};

/// From this version on a client must come back with the id it was told.
const MEMBER_ID_REQUIRED_SINCE: i16 = 4;

/// A join, taken off the request's frame: what is kept must not keep the frame.
#[derive(Debug)]
pub(crate) struct Joining {
    pub(crate) ticket: Ticket,
    pub(crate) api_version: i16,
    /// Empty for a new member.
    pub(crate) member_id: Arc<str>,
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) session_timeout_ms: i32,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) protocol_type: Arc<str>,
    pub(crate) protocols: Vec<Protocol>,
}

impl Joining {
    /// # Errors
    /// INVALID_REQUEST when a text is longer than a record can say.
    pub(crate) fn new(
        ticket: Ticket,
        cx: &RequestContext,
        request: &JoinGroupRequest,
    ) -> Result<Self, ErrorCode> {
        let protocol =
            |asked: &wire::messages::join_group_request::JoinGroupRequestProtocol| Protocol {
                name: asked.name.as_str().into(),
                metadata: Bytes::copy_from_slice(&asked.metadata),
            };
        let session_timeout_ms = request.session_timeout_ms;
        let is_timeout_given = cx.api_version >= 1 && request.rebalance_timeout_ms >= 0;
        let joining = Self {
            ticket,
            api_version: cx.api_version,
            member_id: request.member_id.as_str().into(),
            instance_id: request.group_instance_id.as_ref().map(|id| id.as_str().into()),
            client_id: cx.client_id.as_str().into(),
            client_host: cx.client_host.as_str().into(),
            session_timeout_ms,
            rebalance_timeout_ms: if is_timeout_given {
                request.rebalance_timeout_ms
            } else {
                session_timeout_ms
            },
            protocol_type: request.protocol_type.as_str().into(),
            protocols: request.protocols.iter().map(protocol).collect(),
        };
        if joining.texts().any(|text| text.len() > JOIN_TEXT_BYTES_MAX) {
            return Err(ErrorCode::InvalidRequest);
        }
        Ok(joining)
    }

    /// What the member will cost.
    pub(crate) fn size_bytes(&self) -> usize {
        let protocols = self
            .protocols
            .iter()
            .map(|protocol| limits::ENTRY_BYTES + protocol.name.len() + protocol.metadata.len());
        let texts = self.texts().map(str::len);
        2 * limits::ENTRY_BYTES + texts.sum::<usize>() + protocols.sum::<usize>()
    }

    pub(crate) fn refuse(&self, cx: &mut Cx<'_>, code: ErrorCode) {
        let answer = join_error(code).with_member_id(text(&self.member_id));
        cx.answer(self.ticket, Answered::Join(answer));
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let names = self.protocols.iter().map(|protocol| &*protocol.name);
        [&*self.member_id, &*self.client_id, &*self.client_host, &*self.protocol_type]
            .into_iter()
            .chain(self.instance_id.as_deref())
            .chain(names)
    }
}

/// A member id is a client or instance id, a dash and a uuid: that must fit a record's text too.
const JOIN_TEXT_BYTES_MAX: usize = limits::TEXT_BYTES_MAX - 64;

impl Group {
    pub(crate) fn on_join(&mut self, cx: &mut Cx<'_>, joining: Joining) {
        if !self.has_room(cx, &joining.member_id) {
            self.remove(cx, &joining.member_id);
            cx.answer(joining.ticket, Answered::Join(join_error(ErrorCode::GroupMaxSizeReached)));
            if matches!(self.phase, Phase::Preparing { .. }) {
                self.rebalance(cx); // it may have been the last one that was waited for
            }
        } else if !self.accepts_protocols(&joining.protocol_type, &joining.protocols) {
            joining.refuse(cx, ErrorCode::InconsistentGroupProtocol);
        } else if joining.member_id.is_empty() {
            self.on_new_member(cx, joining);
        } else if self.pending.contains_key(&joining.member_id) {
            match joining.instance_id {
                None => self.admit(cx, joining),
                // Static members are never told to come back with an id.
                Some(_) => joining.refuse(cx, ErrorCode::UnknownMemberId),
            }
        } else {
            self.on_rejoin(cx, joining);
        }
    }

    /// Those who wait count while a rebalance runs, so that one which was shrunk by `group.max.size` drops its last comers.
    fn has_room(&self, cx: &Cx<'_>, member_id: &str) -> bool {
        let size_max = cx.core.options.group_size_max;
        let member = self.members.get(member_id);
        match self.phase {
            Phase::Empty => true,
            Phase::Preparing { .. } => {
                let is_waiting = |member: &Member| member.awaiting_join.is_some();
                member.is_some_and(is_waiting)
                    || self.members.values().filter(|member| is_waiting(member)).count() < size_max
            }
            Phase::Completing | Phase::Stable => member.is_some() || self.members.len() < size_max,
        }
    }

    fn on_new_member(&mut self, cx: &mut Cx<'_>, mut joining: Joining) {
        let stem = joining.instance_id.as_ref().unwrap_or(&joining.client_id);
        let id: Arc<str> = format!("{stem}-{}", cx.uuid()).into();
        if let Some(instance_id) = &joining.instance_id
            && let Some(old) = self.statics.get(instance_id).cloned()
        {
            joining.member_id = id;
            self.on_static_return(cx, joining, &old);
        } else if joining.instance_id.is_none() && joining.api_version >= MEMBER_ID_REQUIRED_SINCE {
            self.announce(cx, &joining, id);
        } else {
            joining.member_id = id;
            self.admit(cx, joining);
        }
    }

    /// Tells the client its id; only one that comes back with it is a member. So a client that gives up on slow joins and tries
    /// again and again leaves no trail of members that the rebalance waits for.
    fn announce(&mut self, cx: &mut Cx<'_>, joining: &Joining, id: Arc<str>) {
        if self.pending.len() >= limits::PENDING_MEMBERS_MAX {
            cx.answer(joining.ticket, Answered::Join(join_error(ErrorCode::GroupMaxSizeReached)));
            return;
        }
        let answer = join_error(ErrorCode::MemberIdRequired).with_member_id(text(&id));
        cx.answer(joining.ticket, Answered::Join(answer));
        cx.fire_in(self.session_timer(&id), joining.session_timeout_ms);
        let charge = cx.core.budget.charge(2 * limits::ENTRY_BYTES + id.len());
        self.pending.insert(id, charge);
    }

    /// Takes the joiner in as a new member, parks its join, and rebalances.
    fn admit(&mut self, cx: &mut Cx<'_>, joining: Joining) {
        if self.members.is_empty() {
            self.protocol_type = Some(Arc::clone(&joining.protocol_type));
        }
        if let Phase::Preparing { initial: Some(wait) } = &mut self.phase {
            wait.is_extended = true;
        }
        let charge = cx.core.budget.charge(joining.size_bytes());
        let member = Member {
            id: joining.member_id,
            instance_id: joining.instance_id,
            client_id: joining.client_id,
            client_host: joining.client_host,
            rebalance_timeout_ms: joining.rebalance_timeout_ms,
            session_timeout_ms: joining.session_timeout_ms,
            protocols: joining.protocols,
            assignment: Bytes::new(),
            is_new: true,
            awaiting_join: Some(joining.ticket),
            awaiting_sync: None,
            _charge: charge,
        };
        let timer = self.session_timer(&member.id);
        self.insert(member);
        let timeout = limits::NEW_MEMBER_JOIN_TIMEOUT;
        cx.core.timers.set(timer, cx.now.instant.plus(timeout));
        self.rebalance(cx);
    }

    fn on_rejoin(&mut self, cx: &mut Cx<'_>, joining: Joining) {
        if let Err(code) = self.validate(&joining.member_id, joining.instance_id.as_deref()) {
            joining.refuse(cx, code);
            return;
        }
        let is_same =
            self.members.get(&joining.member_id).is_some_and(|m| m.protocols == joining.protocols);
        let is_leader = self.is_leader(&joining.member_id);
        match self.phase {
            Phase::Empty => joining.refuse(cx, ErrorCode::UnknownMemberId),
            // Its first answer may have been lost: it gets the same again.
            Phase::Completing if is_same => self.answer_current(cx, &joining),
            // A leader that joins again wants a rebalance: the topics may have changed, which its metadata does not show.
            Phase::Stable if is_same && !is_leader => self.answer_current(cx, &joining),
            Phase::Preparing { .. } | Phase::Completing | Phase::Stable => {
                self.update(cx, joining);
                self.rebalance(cx);
            }
        }
    }

    fn answer_current(&self, cx: &mut Cx<'_>, joining: &Joining) {
        let mut answer = self.join_answer(&joining.member_id);
        if self.phase == Phase::Stable {
            answer.members.clear();
        }
        cx.answer(joining.ticket, Answered::Join(answer));
    }

    /// The member as it now describes itself, its join parked.
    pub(crate) fn update(&mut self, cx: &mut Cx<'_>, joining: Joining) {
        let charge = cx.core.budget.charge(joining.size_bytes());
        let Some(member) = self.members.get_mut(&joining.member_id) else { return };
        member.protocols = joining.protocols;
        member.rebalance_timeout_ms = joining.rebalance_timeout_ms;
        member.session_timeout_ms = joining.session_timeout_ms;
        member._charge = charge;
        // A join before this one, on a connection that is gone, is told to try again.
        if let Some(ticket) = member.awaiting_join.replace(joining.ticket) {
            cx.answer(ticket, Answered::Join(join_error(ErrorCode::RebalanceInProgress)));
        }
    }
}
