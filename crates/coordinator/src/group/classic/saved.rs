//! Between a group and its record: what is written, and what a record makes of a group.

use std::sync::Arc;

use bytes::Bytes;
use model::TimestampMs;

use super::{
    Group, Phase,
    member::{Member, Protocol},
};
use crate::{
    budget::Budget,
    group::record::{GroupRecord, SavedGroup, SavedMember},
    limits,
};

impl Group {
    /// The record of this group as it is, but with the assignments that `assignment` gives.
    pub(crate) fn to_record(
        &self,
        state_time: Option<TimestampMs>,
        assignment: impl Fn(&Member) -> Bytes,
    ) -> GroupRecord {
        let protocol = self.protocol.as_deref();
        let member = |member: &Member| SavedMember {
            id: Arc::clone(&member.id),
            instance_id: member.instance_id.clone(),
            client_id: Arc::clone(&member.client_id),
            client_host: Arc::clone(&member.client_host),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(protocol.unwrap_or_default()),
            assignment: assignment(member),
        };
        self.record_of(SavedGroup {
            protocol_type: self.protocol_type.as_deref().unwrap_or_default().to_owned(),
            generation: self.generation,
            protocol: protocol.map(str::to_owned),
            leader: self.leader.clone(),
            state_time,
            members: self.members.values().map(member).collect(),
        })
    }

    /// The record of this group with no members, in `generation`.
    pub(crate) fn to_empty_record(&self, generation: i32, now: TimestampMs) -> GroupRecord {
        self.record_of(SavedGroup {
            protocol_type: self.protocol_type.as_deref().unwrap_or_default().to_owned(),
            generation,
            protocol: None,
            leader: None,
            state_time: Some(now),
            members: Vec::new(),
        })
    }

    /// Makes `saved` true. On a group just loaded that is everything; on a living one it is what was decided a moment
    /// ago, and whoever is parked stays so.
    pub(crate) fn restore(&mut self, saved: &SavedGroup, budget: &Arc<Budget>) {
        let is_announcement = saved.members.is_empty() && saved.generation == self.generation;
        if is_announcement && !self.members.is_empty() {
            return; // of a group whose first members are already parked in it
        }
        self.generation = saved.generation;
        self.protocol_type =
            (!saved.protocol_type.is_empty()).then(|| (&*saved.protocol_type).into());
        self.protocol = saved.protocol.as_deref().map(Arc::from);
        self.state_time = saved.state_time;
        self.members.retain(|id, _| saved.members.iter().any(|member| member.id == *id));
        for member in &saved.members {
            self.restore_member(member, budget);
        }
        self.statics = self
            .members
            .values()
            .filter_map(|member| Some((member.instance_id.clone()?, Arc::clone(&member.id))))
            .collect();
        // A record may come from a damaged log: a leader that is no member is not one.
        let named = saved.leader.as_ref().filter(|leader| self.members.contains_key(*leader));
        self.leader = named.or_else(|| self.members.keys().next()).cloned();
        self.unsynced.retain(|id| self.members.contains_key(id));
        self.phase = if self.members.is_empty() { Phase::Empty } else { Phase::Stable };
        if !self.members.is_empty() && self.protocol.is_none() {
            self.protocol = Some("".into());
        }
        self.subscribed = self.read_subscriptions();
    }

    fn restore_member(&mut self, saved: &SavedMember, budget: &Arc<Budget>) {
        self.pending.remove(&saved.id);
        let name = self.protocol.clone().unwrap_or_else(|| "".into());
        if let Some(member) = self.members.get_mut(&saved.id)
            && is_as_saved(member, saved, &name)
        {
            member.assignment = saved.assignment.clone();
            return;
        }
        let protocol = Protocol { name, metadata: saved.subscription.clone() };
        let size_bytes = limits::ENTRY_BYTES
            + 2 * saved.id.len()
            + saved.subscription.len()
            + saved.assignment.len();
        let member = Member {
            id: Arc::clone(&saved.id),
            instance_id: saved.instance_id.clone(),
            client_id: Arc::clone(&saved.client_id),
            client_host: Arc::clone(&saved.client_host),
            rebalance_timeout_ms: saved.rebalance_timeout_ms,
            session_timeout_ms: saved.session_timeout_ms,
            protocols: vec![protocol],
            assignment: saved.assignment.clone(),
            is_new: false,
            awaiting_join: None,
            awaiting_sync: None,
            _charge: budget.charge(size_bytes),
        };
        // Two members of one instance id can only come from a damaged log: the first is kept.
        let is_taken = member.instance_id.as_ref().is_some_and(|instance_id| {
            self.members.values().any(|other| {
                other.id != member.id && other.instance_id.as_ref() == Some(instance_id)
            })
        });
        if is_taken {
            self.members.remove(&member.id);
        } else {
            self.members.insert(Arc::clone(&member.id), member);
        }
    }

    fn record_of(&self, saved: SavedGroup) -> GroupRecord {
        GroupRecord::Group { group: Arc::clone(&self.id), value: Some(saved) }
    }
}

/// Whether `saved` is this member, who then stays: it knows more of itself than its record. Always so in a living group; while
/// loading, a later generation's record may describe the member anew.
fn is_as_saved(member: &Member, saved: &SavedMember, protocol: &str) -> bool {
    member.supports(protocol)
        && member.metadata(protocol) == saved.subscription
        && member.instance_id == saved.instance_id
        && member.session_timeout_ms == saved.session_timeout_ms
        && member.rebalance_timeout_ms == saved.rebalance_timeout_ms
}
