//! A classic group: its members, its generation, where it is in its rebalance.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use model::{ErrorCode, TimestampMs};

use super::member::Member;
use crate::{
    asked::{Answered, join_error},
    budget::{Budget, Charge},
    group::cx::{Cx, Timer},
    limits,
};

/// Where a group is in its rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No members. Offsets may be kept.
    Empty,
    /// Joins are parked until all known members have sent theirs.
    Preparing {
        /// The group was empty: more first members are waited for.
        initial: Option<InitialWait>,
    },
    /// Syncs are parked until the leader has sent the assignments.
    Completing,
    /// Everybody may fetch its assignment.
    Stable,
}

/// The wait for more first members (`group.initial.rebalance.delay.ms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InitialWait {
    /// Of the wait that runs.
    pub(crate) delay_ms: i32,
    /// By how much it may still be extended.
    pub(crate) remaining_ms: i32,
    /// Somebody has joined since it began.
    pub(crate) is_extended: bool,
}

/// Invariants, checked after every event in debug builds ([`Group::check`]):
/// - Empty: no members. Completing and Stable: members, and a protocol that all support, but Stable after a load
///   knows one protocol per member only.
/// - The leader is a member; there is one exactly when there are members.
/// - Joins are parked in Preparing only, syncs in Completing only.
/// - `statics` and the members' instance ids say the same.
/// - `pending` are no members; `unsynced` are, and only in Completing and Stable.
pub(crate) struct Group {
    pub(crate) id: Arc<str>,
    pub(crate) phase: Phase,
    /// None for a group that never had members: it only keeps offsets.
    pub(crate) protocol_type: Option<Arc<str>>,
    pub(crate) generation: i32,
    pub(crate) protocol: Option<Arc<str>>,
    pub(crate) leader: Option<Arc<str>>,
    /// When the group came into its phase; none if a record from before KIP-211 did not say.
    pub(crate) state_time: Option<TimestampMs>,
    pub(crate) members: BTreeMap<Arc<str>, Member>,
    /// Instance id to member id.
    pub(crate) statics: BTreeMap<Arc<str>, Arc<str>>,
    /// Told their id (MEMBER_ID_REQUIRED), not yet back with it.
    pub(crate) pending: BTreeMap<Arc<str>, Charge>,
    /// Answered in this generation's join, not heard in its sync.
    pub(crate) unsynced: BTreeSet<Arc<str>>,
    /// What a consumer group reads; none when its members' metadata does not tell.
    pub(crate) subscribed: Option<BTreeSet<String>>,
    /// What it costs to know of it at all.
    _charge: Charge,
}

impl Group {
    pub(crate) fn new(id: Arc<str>, state_time: Option<TimestampMs>, budget: &Arc<Budget>) -> Self {
        let _charge = budget.charge(GROUP_BYTES + id.len());
        Self {
            _charge,
            id,
            phase: Phase::Empty,
            protocol_type: None,
            generation: 0,
            protocol: None,
            leader: None,
            state_time,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            subscribed: None,
        }
    }

    /// Kafka's name of the phase.
    pub(crate) const fn state_name(&self) -> &'static str {
        match self.phase {
            Phase::Empty => "Empty",
            Phase::Preparing { .. } => "PreparingRebalance",
            Phase::Completing => "CompletingRebalance",
            Phase::Stable => "Stable",
        }
    }

    /// Whether nobody is or is about to be in it.
    pub(crate) fn is_vacant(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty() && self.phase == Phase::Empty
    }

    pub(crate) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Whether the protocol is the consumers' own, so that subscriptions can be read.
    pub(crate) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some("consumer")
    }

    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed.as_ref().is_some_and(|topics| topics.contains(topic))
    }

    /// The longest that any member lets a rebalance wait.
    pub(crate) fn rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    /// Whether every member, announced or not, has its join parked.
    pub(crate) fn has_all_joined(&self) -> bool {
        self.pending.is_empty()
            && self.members.values().all(|member| member.awaiting_join.is_some())
    }

    /// # Errors
    /// FENCED_INSTANCE_ID when another member now has this instance id; UNKNOWN_MEMBER_ID.
    pub(crate) fn validate(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.statics.get(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(current) if &**current != member_id => {
                    return Err(ErrorCode::FencedInstanceId);
                }
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    /// Takes in a member. The first one leads, and says of which type the group is.
    pub(crate) fn insert(&mut self, member: Member) {
        if self.members.is_empty() {
            self.leader = None;
        }
        self.leader.get_or_insert_with(|| Arc::clone(&member.id));
        if let Some(instance_id) = &member.instance_id {
            let before = self.statics.insert(Arc::clone(instance_id), Arc::clone(&member.id));
            assert!(before.is_none(), "an instance id has one member");
        }
        self.pending.remove(&member.id);
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// Takes out a member or an announced one, with its timer; whoever is parked for it is told UNKNOWN_MEMBER_ID.
    pub(crate) fn remove(&mut self, cx: &mut Cx<'_>, member_id: &str) {
        let Some((id, _)) =
            self.members.get_key_value(member_id).map(|(id, _)| (Arc::clone(id), ())).or_else(
                || self.pending.get_key_value(member_id).map(|(id, _)| (Arc::clone(id), ())),
            )
        else {
            return;
        };
        self.pending.remove(&id);
        self.unsynced.remove(&id);
        if let Some(mut member) = self.members.remove(&id) {
            self.dismiss(cx, &mut member, ErrorCode::UnknownMemberId);
            if let Some(instance_id) = &member.instance_id {
                self.statics.remove(instance_id);
            }
        }
        if self.is_leader(&id) {
            self.leader = self.members.keys().next().cloned();
        }
        cx.cancel(&self.session_timer(&id));
    }

    /// Answers whoever is parked for `member` with `code`. A join's answer forgets the id, so that the client begins anew.
    pub(crate) fn dismiss(&self, cx: &mut Cx<'_>, member: &mut Member, code: ErrorCode) {
        if let Some(ticket) = member.awaiting_join.take() {
            cx.answer(ticket, Answered::Join(join_error(code)));
        }
        if let Some(ticket) = member.awaiting_sync.take() {
            cx.answer(ticket, super::sync::sync_error(code));
        }
    }

    /// Gives the member its whole session from now.
    pub(crate) fn renew_session(&self, cx: &mut Cx<'_>, member_id: &str) {
        if let Some(member) = self.members.get(member_id) {
            cx.fire_in(self.session_timer(&member.id), member.session_timeout_ms);
        }
    }

    pub(crate) fn session_timer(&self, member_id: &Arc<str>) -> Timer {
        Timer::Session(Arc::clone(&self.id), Arc::clone(member_id))
    }

    pub(crate) fn join_timer(&self) -> Timer {
        Timer::Join(Arc::clone(&self.id))
    }

    pub(crate) fn sync_timer(&self) -> Timer {
        Timer::Sync(Arc::clone(&self.id))
    }

    /// Enters `phase`.
    pub(crate) fn enter(&mut self, cx: &Cx<'_>, phase: Phase) {
        self.phase = phase;
        self.state_time = Some(cx.now.wall);
    }

    /// Asserts the invariants.
    pub(crate) fn check(&self) {
        let members = &self.members;
        let is_agreed = matches!(self.phase, Phase::Completing | Phase::Stable);
        assert!(self.phase != Phase::Empty || members.is_empty(), "an empty group has no members");
        if is_agreed {
            assert!(!members.is_empty(), "an agreed group has members");
            let protocol = self.protocol.as_deref().expect("an agreed group has a protocol");
            assert!(members.values().all(|member| member.supports(protocol)), "all speak it");
        } else {
            assert!(self.unsynced.is_empty(), "nobody is to sync outside a generation");
        }
        match &self.leader {
            Some(leader) => assert!(members.contains_key(leader), "the leader is a member"),
            None => assert!(members.is_empty(), "members have a leader"),
        }
        let is_preparing = matches!(self.phase, Phase::Preparing { .. });
        for (id, member) in members {
            assert_eq!(*id, member.id, "members are kept by their id");
            assert!(member.awaiting_join.is_none() || is_preparing, "joins wait in Preparing");
            assert!(
                member.awaiting_sync.is_none() || self.phase == Phase::Completing,
                "syncs wait in Completing"
            );
            assert!(!self.pending.contains_key(id), "an announced member is not yet one");
            if let Some(instance_id) = &member.instance_id {
                assert_eq!(self.statics.get(instance_id), Some(id), "static members are indexed");
            }
        }
        let static_count = members.values().filter(|member| member.instance_id.is_some()).count();
        assert_eq!(self.statics.len(), static_count, "the index has no others");
        assert!(self.unsynced.iter().all(|id| members.contains_key(id)), "members are to sync");
    }
}

/// A group without members, its id aside.
pub(crate) const GROUP_BYTES: usize = 4 * limits::ENTRY_BYTES;
