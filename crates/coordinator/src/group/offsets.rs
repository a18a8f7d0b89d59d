//! Committed offsets: OffsetCommit (2 to 9), OffsetFetch (1 to 9, one group of it), OffsetDelete (0).
//!
//! A commit is checked against the group that makes it, then each partition by itself: what is refused does not keep the
//! rest from being committed.

use std::{collections::BTreeMap, sync::Arc};

use model::{ErrorCode, LeaderEpoch, Offset, TimestampMs, Verification};
use wire::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    TopicName,
    offset_commit_request::OffsetCommitRequestPartition,
    offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
    offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic},
    offset_fetch_request::OffsetFetchRequestGroup,
    offset_fetch_response::{
        OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
    },
    text,
};

use super::{
    classic::{Group, Phase},
    cx::{Core, Cx},
    pending_offsets::PendingOffsets,
    record::{CommittedOffset, GroupRecord},
};
use crate::{
    asked::{RequestContext, commit_error, fetch_error},
    budget::{Budget, Charge},
    limits,
    runtime::{Batching, Producer},
};

/// From this version on a stale commit is told that its group is gone.
const GROUP_ID_NOT_FOUND_SINCE: i16 = 9;
/// Up to this version a committer may say how long its offsets live.
const RETENTION_UNTIL: i16 = 4;

/// All offsets of a shard's groups, by group, topic and partition.
#[derive(Default)]
pub(crate) struct Offsets(BTreeMap<Arc<str>, Topics>);

type Topics = BTreeMap<Arc<str>, BTreeMap<i32, Kept>>;

/// A committed offset as it is held.
pub(crate) struct Kept {
    committed: CommittedOffset,
    /// Where its record lies: of a plain commit and one within a transaction the later one counts.
    recorded: Offset,
    _charge: Charge,
}

impl Kept {
    pub(crate) fn new(committed: CommittedOffset, recorded: Offset, budget: &Arc<Budget>) -> Self {
        let charge = budget.charge(limits::ENTRY_BYTES + committed.metadata.len());
        Self { committed, recorded, _charge: charge }
    }
}

/// A committed offset's place: topic and partition.
pub(crate) type Place = (Arc<str>, i32);

impl Offsets {
    pub(crate) fn find(
        &self,
        group: &str,
        topic: &str,
        partition: i32,
    ) -> Option<&CommittedOffset> {
        self.0.get(group)?.get(topic)?.get(&partition).map(|kept| &kept.committed)
    }

    /// What `group` has committed, in order.
    pub(crate) fn of(&self, group: &str) -> impl Iterator<Item = (Place, &CommittedOffset)> {
        self.0.get(group).into_iter().flatten().flat_map(|(topic, partitions)| {
            partitions
                .iter()
                .map(|(partition, kept)| ((Arc::clone(topic), *partition), &kept.committed))
        })
    }

    /// Every group that has committed something in `topic`, with the partitions.
    pub(crate) fn in_topic(&self, topic: &str) -> Vec<(Arc<str>, Vec<i32>)> {
        let found = self.0.iter().filter_map(|(group, topics)| {
            Some((Arc::clone(group), topics.get(topic)?.keys().copied().collect()))
        });
        found.collect()
    }

    /// Takes `kept`, unless what is known of the place was recorded later.
    pub(crate) fn insert(&mut self, group: &Arc<str>, (topic, partition): Place, kept: Kept) {
        let topics = self.0.entry(Arc::clone(group)).or_default();
        let partitions = topics.entry(topic).or_default();
        if partitions.get(&partition).is_none_or(|known| known.recorded <= kept.recorded) {
            partitions.insert(partition, kept);
        }
    }

    pub(crate) fn remove(&mut self, group: &str, topic: &str, partition: i32) {
        let Some(topics) = self.0.get_mut(group) else { return };
        if let Some(partitions) = topics.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                topics.remove(topic);
            }
        }
        if topics.is_empty() {
            self.0.remove(group);
        }
    }

    /// The tombstones of everything that `group` has committed.
    pub(crate) fn tombstones(&self, group: &Arc<str>) -> Vec<GroupRecord> {
        self.of(group).map(|(place, _)| tombstone(group, place)).collect()
    }

    /// OffsetFetch of one group. An unknown group has committed nothing, which is no error. With `unstable`, what transactions
    /// are about to commit is an error.
    pub(crate) fn fetch(
        &self,
        request: &OffsetFetchRequestGroup,
        unstable: Option<&PendingOffsets>,
    ) -> OffsetFetchResponseGroup {
        let group = request.group_id.as_str();
        let is_unstable = |topic: &str, partition: i32| {
            unstable.is_some_and(|pending| pending.is_pending(group, topic, partition))
        };
        let mut topics = Vec::new();
        match &request.topics {
            Some(asked) => topics.extend(asked.iter().map(|topic| {
                let name = topic.name.as_str();
                let fetch = |partition: &i32| {
                    if is_unstable(name, *partition) {
                        return fetch_unstable(*partition);
                    }
                    fetched(*partition, self.find(group, name, *partition))
                };
                OffsetFetchResponseTopics::default()
                    .with_name(topic.name.clone())
                    .with_topic_id(topic.topic_id)
                    .with_partitions(topic.partition_indexes.iter().map(fetch).collect())
            })),
            None => topics.extend(self.0.get(group).into_iter().flatten().map(|(name, kept)| {
                let fetch = |(partition, kept): (&i32, &Kept)| {
                    if is_unstable(name, *partition) {
                        return fetch_unstable(*partition);
                    }
                    fetched(*partition, Some(&kept.committed))
                };
                OffsetFetchResponseTopics::default()
                    .with_name(TopicName(text(name)))
                    .with_partitions(kept.iter().map(fetch).collect())
            })),
        }
        fetch_error(request, ErrorCode::None).with_topics(topics)
    }
}

/// OffsetDelete: only what the group is not reading now.
pub(crate) fn delete(
    cx: &mut Cx<'_>,
    group: Option<&Group>,
    offsets: &Offsets,
    request: &OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let answer = OffsetDeleteResponse::default();
    let Some(group) = group else {
        return answer.with_error_code(ErrorCode::GroupIdNotFound.code());
    };
    if group.phase != Phase::Empty && !group.is_of_consumers() {
        return answer.with_error_code(ErrorCode::NonEmptyGroup.code());
    }
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let name = topic.name.as_str();
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let index = partition.partition_index;
            let code = if !exists(cx.core, name, index) {
                ErrorCode::UnknownTopicOrPartition
            } else if group.is_subscribed_to(name) {
                ErrorCode::GroupSubscribedToTopic
            } else {
                if offsets.find(&group.id, name, index).is_some() {
                    cx.record(tombstone(&group.id, (name.into(), index)));
                }
                ErrorCode::None
            };
            let answered = OffsetDeleteResponsePartition::default().with_partition_index(index);
            partitions.push(answered.with_error_code(code.code()));
        }
        let answered = OffsetDeleteResponseTopic::default().with_name(topic.name.clone());
        topics.push(answered.with_partitions(partitions));
    }
    answer.with_topics(topics)
}

/// OffsetCommit. `group` is none when nobody has joined or committed under this id; `id` is its id.
pub(crate) fn commit(
    cx: &mut Cx<'_>,
    group: Option<&Group>,
    id: &Arc<str>,
    (context, request): (&RequestContext, &OffsetCommitRequest),
) -> OffsetCommitResponse {
    if let Err(code) = may_commit(group, context, request) {
        return commit_error(request, code);
    }
    if let Some(group) = group
        && matches!(group.phase, Phase::Stable | Phase::Preparing { .. })
    {
        group.renew_session(cx, request.member_id.as_str());
    }
    let expire_time = (context.api_version <= RETENTION_UNTIL && request.retention_time_ms >= 0)
        .then(|| cx.now.wall.plus(request.retention_time_ms));
    write(cx, id, request, expire_time)
}

/// TxnOffsetCommit: as [`commit`], but true only once the transaction of `producer` has committed.
pub(crate) fn commit_in_transaction(
    cx: &mut Cx<'_>,
    group: Option<&Group>,
    id: &Arc<str>,
    (request, producer, verification): (&OffsetCommitRequest, Producer, Verification),
) -> OffsetCommitResponse {
    if let Err(code) = may_commit_in_transaction(group, request) {
        return commit_error(request, code);
    }
    cx.outcome.batching = Batching::InTransaction(producer, verification);
    write(cx, id, request, None)
}

/// Records what of `request` is legal, and answers for each partition.
fn write(
    cx: &mut Cx<'_>,
    id: &Arc<str>,
    request: &OffsetCommitRequest,
    expire_time: Option<TimestampMs>,
) -> OffsetCommitResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let name: Arc<str> = topic.name.as_str().into();
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let code = match check(cx.core, &name, asked) {
                Ok(()) => {
                    cx.record(GroupRecord::Offset {
                        group: Arc::clone(id),
                        topic: Arc::clone(&name),
                        partition: asked.partition_index,
                        value: Some(committed(asked, cx.now.wall, expire_time)),
                    });
                    ErrorCode::None
                }
                Err(code) => code,
            };
            let answered = OffsetCommitResponsePartition::default();
            let answered = answered.with_partition_index(asked.partition_index);
            partitions.push(answered.with_error_code(code.code()));
        }
        let answered = OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id);
        topics.push(answered.with_partitions(partitions));
    }
    OffsetCommitResponse::default().with_topics(topics)
}

/// A generation below zero is a commit from outside the group: by a tool, or by a consumer that assigns itself. It may
/// be made while nobody is in the group.
fn may_commit(
    group: Option<&Group>,
    context: &RequestContext,
    request: &OffsetCommitRequest,
) -> Result<(), ErrorCode> {
    let generation = request.generation_id_or_member_epoch;
    let Some(group) = group else {
        return match generation {
            ..0 => Ok(()),
            _ if context.api_version >= GROUP_ID_NOT_FOUND_SINCE => Err(ErrorCode::GroupIdNotFound),
            _ => Err(ErrorCode::IllegalGeneration),
        };
    };
    if generation < 0 && group.phase == Phase::Empty {
        return Ok(());
    }
    let (id, instance_id) = (request.member_id.as_str(), request.group_instance_id.as_ref());
    if generation < 0 && id.is_empty() && instance_id.is_none() {
        return Err(ErrorCode::UnknownMemberId);
    }
    group.validate(id, instance_id.map(|id| id.as_str()))?;
    if generation != group.generation && !model::mutant!("M03") {
        return Err(ErrorCode::IllegalGeneration);
    }
    if group.phase == Phase::Completing {
        return Err(ErrorCode::RebalanceInProgress);
    }
    Ok(())
}

/// Producers up to TxnOffsetCommit 2 say nothing of a member: they may always commit.
fn may_commit_in_transaction(
    group: Option<&Group>,
    request: &OffsetCommitRequest,
) -> Result<(), ErrorCode> {
    let generation = request.generation_id_or_member_epoch;
    let Some(group) = group else {
        return if generation < 0 { Ok(()) } else { Err(ErrorCode::IllegalGeneration) };
    };
    if generation < 0 && group.phase == Phase::Empty {
        return Ok(());
    }
    let (id, instance_id) = (request.member_id.as_str(), request.group_instance_id.as_ref());
    if generation < 0 && id.is_empty() && instance_id.is_none() {
        return Ok(());
    }
    group.validate(id, instance_id.map(|id| id.as_str()))?;
    if generation == group.generation { Ok(()) } else { Err(ErrorCode::IllegalGeneration) }
}

fn check(core: &Core, topic: &str, asked: &OffsetCommitRequestPartition) -> Result<(), ErrorCode> {
    let metadata = asked.committed_metadata.as_ref().map_or("", |text| text.as_str());
    let is_too_long = metadata.encode_utf16().count() > core.options.offset_metadata_max_bytes
        || metadata.len() > limits::TEXT_BYTES_MAX;
    if !exists(core, topic, asked.partition_index) {
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    if is_too_long { Err(ErrorCode::OffsetMetadataTooLarge) } else { Ok(()) }
}

fn exists(core: &Core, topic: &str, partition: i32) -> bool {
    (core.topics)(topic).is_some_and(|partitions| (0..partitions).contains(&partition))
}

fn committed(
    asked: &OffsetCommitRequestPartition,
    commit_time: TimestampMs,
    expire_time: Option<TimestampMs>,
) -> CommittedOffset {
    CommittedOffset {
        offset: Offset(asked.committed_offset),
        leader_epoch: LeaderEpoch(asked.committed_leader_epoch),
        metadata: asked.committed_metadata.as_ref().map_or("", |text| text.as_str()).into(),
        commit_time,
        expire_time,
    }
}

pub(crate) fn tombstone(group: &Arc<str>, (topic, partition): Place) -> GroupRecord {
    GroupRecord::Offset { group: Arc::clone(group), topic, partition, value: None }
}

fn fetch_unstable(partition: i32) -> OffsetFetchResponsePartitions {
    fetched(partition, None).with_error_code(ErrorCode::UnstableOffsetCommit.code())
}

fn fetched(partition: i32, committed: Option<&CommittedOffset>) -> OffsetFetchResponsePartitions {
    let answer = OffsetFetchResponsePartitions::default().with_partition_index(partition);
    match committed {
        None => answer.with_committed_offset(Offset::NONE.0),
        Some(committed) => answer
            .with_committed_offset(committed.offset.0)
            .with_committed_leader_epoch(committed.leader_epoch.0)
            .with_metadata(Some(text(&committed.metadata))),
    }
}
