//! The groups of one partition of `__consumer_offsets`: finds the group, lets it decide, applies what it decided.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use model::{ErrorCode, LeaderEpoch, Offset, ProducerId, Verification};
use records::control::Marker;
use wire::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest,
    SyncGroupRequest,
};

use super::{
    classic::{Group, Joining, Phase},
    cx::{Core, Cx, GroupOutcome, Timer},
    describe, expiry,
    offsets::{self, Offsets},
    pending_offsets::PendingOffsets,
    record::GroupRecord,
};
use crate::{
    asked::{
        Answered, Asked, RequestContext, commit_error, describe_error, heartbeat, leave_error,
    },
    limits,
    runtime::{At, Batching, Now, Outcome, Producer, Shard, Ticket},
};

/// What is committed, and what transactions are about to commit.
type Committed<'a> = (&'a Offsets, &'a PendingOffsets);

pub(crate) struct GroupShard {
    groups: BTreeMap<Arc<str>, Group>,
    offsets: Offsets,
    pending: PendingOffsets,
    core: Core,
}

impl GroupShard {
    pub(crate) fn new(core: Core) -> Self {
        Self {
            groups: BTreeMap::new(),
            offsets: Offsets::default(),
            pending: PendingOffsets::default(),
            core,
        }
    }

    #[cfg(test)]
    pub(crate) fn groups(&self) -> &BTreeMap<Arc<str>, Group> {
        &self.groups
    }

    #[cfg(test)]
    pub(crate) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    #[cfg(test)]
    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Runs `step` with a context that writes to a fresh outcome.
    fn decide(
        &mut self,
        now: Now,
        step: impl FnOnce(&mut BTreeMap<Arc<str>, Group>, Committed<'_>, &mut Cx<'_>),
    ) -> GroupOutcome {
        let mut outcome = Outcome::new();
        let mut cx = Cx { now, core: &mut self.core, outcome: &mut outcome };
        step(&mut self.groups, (&self.offsets, &self.pending), &mut cx);
        outcome
    }
}

impl Shard for GroupShard {
    type Record = GroupRecord;
    type Request = Asked;
    type Answer = Answered;
    type Effect = Infallible;

    fn encode(record: &GroupRecord) -> (Vec<u8>, Option<Vec<u8>>) {
        (record.key(), record.value())
    }

    fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Option<GroupRecord> {
        GroupRecord::decode(key, value).ok()
    }

    fn barrier() -> Vec<u8> {
        GroupRecord::Offset { group: "".into(), topic: "".into(), partition: -1, value: None }.key()
    }

    fn apply(&mut self, record: &GroupRecord, at: At) {
        match record {
            GroupRecord::Offset { group, topic, partition, value: Some(committed) } => {
                let place = (Arc::clone(topic), *partition);
                let kept = offsets::Kept::new(committed.clone(), at.offset, &self.core.budget);
                match at.transaction {
                    Some(producer) => self.pending.insert(producer, group, place, kept),
                    None => {
                        self.known_or_new(group);
                        self.offsets.insert(group, place, kept);
                    }
                }
            }
            GroupRecord::Offset { group, topic, partition, value: None } => {
                self.offsets.remove(group, topic, *partition);
                self.pending.remove(group, &(Arc::clone(topic), *partition));
            }
            GroupRecord::Group { group, value: Some(saved) } => {
                let budget = Arc::clone(&self.core.budget);
                self.known_or_new(group).restore(saved, &budget);
            }
            GroupRecord::Group { group, value: None } => {
                if let Some(group) = self.groups.remove(group) {
                    for id in group.pending.keys() {
                        self.core.timers.cancel(&group.session_timer(id));
                    }
                }
            }
        }
    }

    fn apply_marker(&mut self, producer: ProducerId, marker: Marker) {
        for (group, place, kept) in self.pending.take(producer) {
            if marker == Marker::Commit {
                self.known_or_new(&group);
                self.offsets.insert(&group, place, kept);
            }
        }
    }

    /// Every member gets its whole session from now, wherever it was before.
    fn on_loaded(&mut self, _epoch: LeaderEpoch, now: Now) -> GroupOutcome {
        // A group's tombstone may have been compacted away before those of its offsets: what holds nothing is no group.
        let (offsets, pending) = (&self.offsets, &self.pending);
        self.groups.retain(|id, group| {
            group.state_time.is_some()
                || group.protocol_type.is_some()
                || offsets.of(id).next().is_some()
                || pending.is_any_pending(id)
        });
        self.decide(now, |groups, _, cx| {
            for group in groups.values_mut() {
                for id in group.members.keys() {
                    group.renew_session(cx, id);
                }
                if group.members.len() > cx.core.options.group_size_max {
                    group.prepare(cx);
                }
            }
            schedule_expiry(cx);
        })
    }

    fn on_request(&mut self, ticket: Ticket, request: Asked, now: Now) -> GroupOutcome {
        let outcome = self.decide(now, |groups, (offsets, pending), cx| match request {
            Asked::Join(context, request) => join(groups, cx, ticket, (&context, &request)),
            Asked::Sync(request) => sync(groups, cx, ticket, &request),
            Asked::Heartbeat(request) => {
                let code = beat(groups, cx, &request);
                cx.answer(ticket, Answered::Heartbeat(heartbeat(code)));
            }
            Asked::Leave(context, request) => leave(groups, cx, ticket, (&context, &request)),
            Asked::CommitOffsets(context, request) => {
                commit(groups, cx, ticket, (&context, &request));
            }
            Asked::CommitInTransaction(request, producer, verification) => {
                commit_in_transaction(groups, cx, ticket, (&request, producer, verification));
            }
            Asked::EndTransaction(producer, marker, coordinator_epoch) => {
                cx.outcome.batching = Batching::End(producer, marker, coordinator_epoch);
                cx.answer(ticket, Answered::EndTransaction(ErrorCode::None));
            }
            Asked::FetchOffsets(request, is_stable_wanted) => {
                // Of an older offset than the newest whoever goes on from there would do again what is done.
                cx.outcome.batching = Batching::Barrier;
                let unstable = is_stable_wanted.then_some(pending);
                cx.answer(ticket, Answered::FetchOffsets(offsets.fetch(&request, unstable)));
            }
            Asked::DeleteOffsets(request) => {
                let group = groups.get(request.group_id.as_str());
                let answer = offsets::delete(cx, group, offsets, &request);
                cx.answer(ticket, Answered::DeleteOffsets(answer));
            }
            Asked::Describe(context, id) => describe(groups, cx, ticket, (&context, &id)),
            Asked::Delete(id) => delete(groups, (offsets, pending), cx, (ticket, id)),
            Asked::List(filter) => {
                let listed = describe::list(groups.iter(), &filter);
                cx.answer(ticket, Answered::List(Ok(listed)));
            }
            Asked::TopicsDeleted(names) => {
                cx.outcome.batching = Batching::Split;
                for name in &*names {
                    for (group, partitions) in offsets.in_topic(name) {
                        for partition in partitions {
                            cx.record(offsets::tombstone(
                                &group,
                                (name.as_str().into(), partition),
                            ));
                        }
                    }
                }
            }
        });
        self.debug_check(&outcome);
        outcome
    }

    fn on_timer(&mut self, now: Now) -> GroupOutcome {
        let outcome =
            self.decide(now, |groups, committed, cx| match cx.core.timers.pop_due(now.instant) {
                Some(Timer::Join(id)) => {
                    if let Some(group) = groups.get_mut(&id) {
                        group.on_join_timer(cx);
                    }
                }
                Some(Timer::Sync(id)) => {
                    if let Some(group) = groups.get_mut(&id) {
                        group.on_sync_timer(cx);
                    }
                }
                Some(Timer::Session(id, member)) => {
                    if let Some(group) = groups.get_mut(&id) {
                        group.on_session_timer(cx, &member);
                    }
                }
                Some(Timer::Expiry) => {
                    cx.outcome.batching = Batching::Split;
                    for group in groups.values() {
                        expiry::expire(cx, group, committed);
                    }
                    schedule_expiry(cx);
                }
                None => {}
            });
        self.debug_check(&outcome);
        outcome
    }

    fn next_deadline(&self) -> Option<world::Instant> {
        self.core.timers.next_deadline()
    }

    /// A leader's assignments were not written: its group joins again. An empty group is empty all the same: if this node dies
    /// before the next record, the members of the last one are given their sessions and expire.
    fn on_append_failed(
        &mut self,
        records: Vec<GroupRecord>,
        code: ErrorCode,
        now: Now,
    ) -> GroupOutcome {
        for record in &records {
            if matches!(record, GroupRecord::Group { value: Some(saved), .. } if saved.members.is_empty())
            {
                self.apply(record, NOWHERE);
            }
        }
        let mut outcome = self.decide(now, |groups, _, cx| {
            for record in &records {
                let GroupRecord::Group { group, value: Some(_) } = record else { continue };
                if let Some(group) = groups.get_mut(group)
                    && group.phase == Phase::Completing
                {
                    group.reset_assignments(cx, code);
                    group.prepare(cx);
                }
            }
        });
        // Only a group that lost everybody at once would want another record: it has just been refused one.
        for record in std::mem::take(&mut outcome.records) {
            self.apply(&record, NOWHERE);
        }
        outcome
    }

    fn on_resigned(self, code: ErrorCode) -> Vec<(Ticket, Answered)> {
        let members = self.groups.into_values().flat_map(|group| group.members.into_values());
        let parked = members.flat_map(|member| {
            let join = member.awaiting_join.map(|ticket| {
                let answer = crate::asked::join_error(code);
                (ticket, Answered::Join(answer.with_member_id(wire::messages::text(&member.id))))
            });
            let sync = member.awaiting_sync.map(|ticket| {
                let answer = wire::messages::SyncGroupResponse::default();
                (ticket, Answered::Sync(answer.with_error_code(code.code())))
            });
            [join, sync]
        });
        parked.flatten().collect()
    }

    fn refuse(request: &Asked, code: ErrorCode) -> Answered {
        request.refuse(code)
    }

    fn fail(answer: Answered, code: ErrorCode) -> Answered {
        answer.fail(code)
    }
}

impl GroupShard {
    fn known_or_new(&mut self, id: &Arc<str>) -> &mut Group {
        let budget = &self.core.budget;
        let group = || Group::new(Arc::clone(id), None, budget);
        self.groups.entry(Arc::clone(id)).or_insert_with(group)
    }

    /// In debug builds: the invariants of every group, but of those that a record of `outcome` is about to change.
    fn debug_check(&self, outcome: &GroupOutcome) {
        if cfg!(debug_assertions) && outcome.records.is_empty() {
            self.groups.values().for_each(Group::check);
        }
    }
}

fn join(
    groups: &mut BTreeMap<Arc<str>, Group>,
    cx: &mut Cx<'_>,
    ticket: Ticket,
    (context, request): (&RequestContext, &JoinGroupRequest),
) {
    let joining = match Joining::new(ticket, context, request) {
        Ok(joining) => joining,
        Err(code) => return cx.answer(ticket, Answered::Join(crate::asked::join_error(code))),
    };
    let bounds = cx.core.options.session_timeout_ms_min..=cx.core.options.session_timeout_ms_max;
    if !bounds.contains(&joining.session_timeout_ms) {
        return joining.refuse(cx, ErrorCode::InvalidSessionTimeout);
    }
    let id: Arc<str> = request.group_id.as_str().into();
    let is_new = !groups.contains_key(&id);
    if is_new && !joining.member_id.is_empty() {
        return joining.refuse(cx, ErrorCode::UnknownMemberId);
    }
    if cx.core.budget.is_short_of(joining.size_bytes()) {
        return joining.refuse(cx, ErrorCode::GroupMaxSizeReached);
    }
    let wall = cx.now.wall;
    let group = groups
        .entry(Arc::clone(&id))
        .or_insert_with(|| Group::new(Arc::clone(&id), Some(wall), &cx.core.budget));
    group.on_join(cx, joining);
    if !is_new {
        return;
    }
    if group.is_vacant() {
        groups.remove(&id); // refused: it leaves no trace
    } else if cx.outcome.records.is_empty() {
        let record = group.to_empty_record(group.generation, wall);
        cx.record(record);
    }
}

fn sync(
    groups: &mut BTreeMap<Arc<str>, Group>,
    cx: &mut Cx<'_>,
    ticket: Ticket,
    request: &SyncGroupRequest,
) {
    match groups.get_mut(request.group_id.as_str()) {
        Some(group) => group.on_sync(cx, ticket, request),
        None => {
            let answer = Asked::Sync(request.clone()).refuse(ErrorCode::UnknownMemberId);
            cx.answer(ticket, answer);
        }
    }
}

fn beat(
    groups: &mut BTreeMap<Arc<str>, Group>,
    cx: &mut Cx<'_>,
    request: &HeartbeatRequest,
) -> ErrorCode {
    match groups.get_mut(request.group_id.as_str()) {
        Some(group) => group.on_heartbeat(cx, request),
        None => ErrorCode::UnknownMemberId,
    }
}

fn leave(
    groups: &mut BTreeMap<Arc<str>, Group>,
    cx: &mut Cx<'_>,
    ticket: Ticket,
    (context, request): (&RequestContext, &LeaveGroupRequest),
) {
    let answer = match groups.get_mut(request.group_id.as_str()) {
        Some(group) => group.on_leave(cx, context, request),
        None => leave_error(context, request, ErrorCode::UnknownMemberId),
    };
    cx.answer(ticket, Answered::Leave(answer));
}

fn commit(
    groups: &BTreeMap<Arc<str>, Group>,
    cx: &mut Cx<'_>,
    ticket: Ticket,
    (context, request): (&RequestContext, &OffsetCommitRequest),
) {
    let answer = if cx.core.budget.is_short_of(size_bytes(request)) {
        commit_error(request, ErrorCode::CoordinatorNotAvailable)
    } else {
        let id: Arc<str> = request.group_id.as_str().into();
        offsets::commit(cx, groups.get(&id), &id, (context, request))
    };
    cx.answer(ticket, Answered::CommitOffsets(answer));
}

fn commit_in_transaction(
    groups: &BTreeMap<Arc<str>, Group>,
    cx: &mut Cx<'_>,
    ticket: Ticket,
    (request, producer, verification): (&OffsetCommitRequest, Producer, Verification),
) {
    let answer = if cx.core.budget.is_short_of(size_bytes(request)) {
        commit_error(request, ErrorCode::CoordinatorNotAvailable)
    } else {
        let id: Arc<str> = request.group_id.as_str().into();
        let asked = (request, producer, verification);
        offsets::commit_in_transaction(cx, groups.get(&id), &id, asked)
    };
    cx.answer(ticket, Answered::CommitOffsets(answer));
}

/// What the offsets of `request` will take, roughly.
fn size_bytes(request: &OffsetCommitRequest) -> usize {
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    let metadata = |text: &wire::messages::StrBytes| text.len();
    partitions
        .map(|asked| limits::ENTRY_BYTES + asked.committed_metadata.as_ref().map_or(0, metadata))
        .sum()
}

/// Up to version 5 an unknown group is described as dead, without an error.
fn describe(
    groups: &BTreeMap<Arc<str>, Group>,
    cx: &mut Cx<'_>,
    ticket: Ticket,
    (context, id): (&RequestContext, &GroupId),
) {
    let described = match groups.get(id.as_str()) {
        Some(group) => group.describe(),
        None => {
            let unknown = describe_error(id, ErrorCode::GroupIdNotFound);
            if context.api_version >= 6 {
                unknown
            } else {
                unknown.with_error_code(ErrorCode::None.code()).with_error_message(None)
            }
        }
    };
    cx.answer(ticket, Answered::Describe(described));
}

fn delete(
    groups: &BTreeMap<Arc<str>, Group>,
    (offsets, pending): Committed<'_>,
    cx: &mut Cx<'_>,
    (ticket, id): (Ticket, GroupId),
) {
    let code = match groups.get_key_value(id.as_str()) {
        None => ErrorCode::GroupIdNotFound,
        Some((_, group)) if group.phase != Phase::Empty => ErrorCode::NonEmptyGroup,
        Some((key, _)) => {
            cx.outcome.batching = Batching::Split;
            cx.outcome.records.extend(offsets.tombstones(key));
            cx.outcome.records.extend(pending.tombstones(key));
            cx.record(GroupRecord::Group { group: Arc::clone(key), value: None });
            ErrorCode::None
        }
    };
    cx.answer(ticket, Answered::Delete(id, code));
}

/// Of a record that the log has refused and that is true all the same.
const NOWHERE: At = At { offset: Offset::NONE, transaction: None };

fn schedule_expiry(cx: &mut Cx<'_>) {
    let wait_ms = u64::try_from(cx.core.options.offsets_retention_check_interval_ms);
    let wait = Duration::from_millis(wait_ms.unwrap_or(600_000).max(1));
    cx.core.timers.set(Timer::Expiry, cx.now.instant.plus(wait));
}
