//! A member of a classic group: joins, reads what it is given from where the group is, commits, and begins anew whenever it is told to,
//! or is not told what became of a commit (which may still arrive: only a new generation shuts it out, which a member that joins as it was, and does
//! not lead, would not make; so it says something else each time).

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use model::{ErrorCode, Isolation, Offset, PartitionId};
use wire::{
    Api,
    messages::{
        self, GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
        OffsetCommitRequest, OffsetCommitResponse, StrBytes, SyncGroupRequest, SyncGroupResponse,
        join_group_request::JoinGroupRequestProtocol,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        sync_group_request::SyncGroupRequestAssignment,
        text,
    },
};
use world::exec;

use super::Setting;
use crate::{check, client::code, net::Host};

/// The group that every member belongs to.
pub const GROUP: &str = "readers";
/// What it reads is of no transaction.
const SEES: Isolation = Isolation::ReadUncommitted;
const SESSION_MS: i32 = 6_000;
/// Everybody must join.
const REBALANCE: Duration = Duration::from_secs(12);
const REST: Duration = Duration::from_millis(300);

/// Reads until it is told to end.
pub fn run(mut setting: Setting) {
    let patience = setting.patience();
    let mut member = Member { setting, id: text(""), generation: -1, joins: 0, patience };
    while !member.setting.is_over() {
        if member.live().is_none() {
            member.setting.client.back_off();
        }
    }
}

struct Member {
    setting: Setting,
    id: StrBytes,
    generation: i32,
    joins: u64,
    /// How long it waits for what others need not take part in.
    patience: Duration,
}

impl Member {
    /// One generation: none when it ended before it began.
    fn live(&mut self) -> Option<()> {
        let coordinator = check::group_coordinator(&mut self.setting.client, GROUP)?;
        self.setting.client.timeout = REBALANCE;
        let assigned = self.join(coordinator)?;
        self.setting.client.timeout = self.patience;
        let mut positions = BTreeMap::new();
        for partition in assigned {
            positions.insert(partition, self.position(coordinator, partition)?);
        }
        while !self.setting.is_over() {
            for (partition, position) in &mut positions {
                self.read(*partition, position);
            }
            for partition in positions.keys() {
                self.position(coordinator, *partition)?;
            }
            self.commit(coordinator, &positions)?;
            self.heartbeat(coordinator)?;
            exec::sleep(REST);
        }
        Some(())
    }

    fn join(&mut self, coordinator: Host) -> Option<Vec<PartitionId>> {
        self.joins += 1;
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(Bytes::copy_from_slice(&self.joins.to_be_bytes()));
        let request = |id: &StrBytes| {
            JoinGroupRequest::default()
                .with_group_id(GroupId(text(GROUP)))
                .with_session_timeout_ms(SESSION_MS)
                .with_rebalance_timeout_ms(SESSION_MS)
                .with_member_id(id.clone())
                .with_protocol_type(text("simulated"))
                .with_protocols(vec![protocol.clone()])
        };
        let mut joined: JoinGroupResponse =
            self.setting.client.ask(coordinator, (Api::JoinGroup, 5), &request(&self.id)).ok()?;
        if code(joined.error_code) == ErrorCode::MemberIdRequired {
            self.id = joined.member_id;
            let again = request(&self.id);
            joined = self.setting.client.ask(coordinator, (Api::JoinGroup, 5), &again).ok()?;
        }
        if !self.accept(joined.error_code) {
            return None;
        }
        self.id = joined.member_id.clone();
        self.generation = joined.generation_id;
        let assignments = if joined.leader == joined.member_id {
            let members: Vec<StrBytes> =
                joined.members.iter().map(|member| member.member_id.clone()).collect();
            self.assign(&members)
        } else {
            Vec::new()
        };
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(GROUP)))
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone())
            .with_assignments(assignments);
        let synced: SyncGroupResponse =
            self.setting.client.ask(coordinator, (Api::SyncGroup, 3), &request).ok()?;
        if !self.accept(synced.error_code) {
            return None;
        }
        Some(synced.assignment.iter().map(|number| PartitionId(i32::from(*number))).collect())
    }

    /// Round robin; a partition is a byte.
    fn assign(&self, members: &[StrBytes]) -> Vec<SyncGroupRequestAssignment> {
        let share = |index: usize| {
            (0..self.setting.partitions)
                .filter(|number| usize::try_from(*number).unwrap_or(0) % members.len() == index)
                .map(|number| u8::try_from(number).unwrap_or(u8::MAX))
                .collect::<Vec<u8>>()
        };
        let assignment = |(index, id): (usize, &StrBytes)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(id.clone())
                .with_assignment(Bytes::from(share(index)))
        };
        members.iter().enumerate().map(assignment).collect()
    }

    /// Where the group is. What was acknowledged before we asked must be in it.
    fn position(&mut self, coordinator: Host, partition: PartitionId) -> Option<Offset> {
        let floor = self.setting.history.committed_at_least(GROUP, partition);
        let position = {
            let asked = (GROUP, &self.setting.topic, partition);
            check::committed_position(&mut self.setting.client, coordinator, asked)?
        };
        if floor.is_some_and(|floor| position.is_none_or(|position| position < floor)) {
            let what = format!("{GROUP} was at {floor:?} of {partition:?} and is at {position:?}");
            self.setting.history.violated(what);
        }
        Some(position.unwrap_or(Offset::ZERO))
    }

    /// Reads on from `position`, if somebody answers.
    fn read(&mut self, partition: PartitionId, position: &mut Offset) {
        let topic = self.setting.topic.clone();
        let Some(leader) = self.setting.client.leader(&topic, partition) else { return };
        let place = (&topic, partition);
        match check::fetch(&mut self.setting.client, leader, place, (*position, SEES)) {
            Ok(fetched) => {
                for read in &fetched.records {
                    let value = read.value.as_deref().unwrap_or_default();
                    self.setting.history.saw(&self.setting.name, partition, read.offset, value);
                }
                *position = fetched.next;
            }
            Err(Some(ErrorCode::OffsetOutOfRange)) => {
                let what = format!("{position:?} of {partition:?} was read to and is out of range");
                self.setting.history.violated(what);
            }
            Err(_) => {}
        }
    }

    fn commit(
        &mut self,
        coordinator: Host,
        positions: &BTreeMap<PartitionId, Offset>,
    ) -> Option<()> {
        let partitions = positions.iter().map(|(partition, position)| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(partition.0)
                .with_committed_offset(position.0)
                .with_committed_metadata(Some(text("")))
        });
        let topic = OffsetCommitRequestTopic::default()
            .with_name(messages::TopicName(text(self.setting.topic.as_str())))
            .with_partitions(partitions.collect());
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(GROUP)))
            .with_generation_id_or_member_epoch(self.generation)
            .with_member_id(self.id.clone())
            .with_topics(vec![topic]);
        let answer: OffsetCommitResponse =
            self.setting.client.ask(coordinator, (Api::OffsetCommit, 7), &request).ok()?;
        for answer in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            if !self.accept(answer.error_code) {
                return None;
            }
            let partition = PartitionId(answer.partition_index);
            if let Some(position) = positions.get(&partition) {
                self.setting.history.committed(GROUP, partition, *position);
            }
        }
        self.setting.history.progressed(&self.setting.name);
        Some(())
    }

    fn heartbeat(&mut self, coordinator: Host) -> Option<()> {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text(GROUP)))
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone());
        let answer: HeartbeatResponse =
            self.setting.client.ask(coordinator, (Api::Heartbeat, 3), &request).ok()?;
        self.accept(answer.error_code).then_some(())
    }

    /// Whether the answer is no error; forgets who it is when the group has.
    fn accept(&mut self, error: i16) -> bool {
        let error = code(error);
        if error == ErrorCode::UnknownMemberId {
            self.id = text("");
        }
        if !error.is_none() {
            self.setting.history.refused(&self.setting.name, format!("{error:?}"));
        }
        error.is_none()
    }
}
