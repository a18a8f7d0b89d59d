//! The coordinator as its callers see it: with its thread, a log in memory and the real clock.

use std::{sync::Arc, time::Duration};

use model::{ErrorCode, LeaderEpoch, PartitionId};
use wire::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetFetchRequest,
    SyncGroupRequest, TopicName,
    join_group_request::JoinGroupRequestProtocol,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_fetch_request::OffsetFetchRequestGroup,
    text,
};
use world::{exec::Wait, real::SystemClock};

use crate::{Coordinator, GroupOptions, RequestContext, test_log::TestLog};

const PARTITIONS: i32 = 3;
const GROUPS: [&str; 3] = ["a", "b", "c"]; // one on each of three partitions: 97, 98, 99 modulo 3

fn start(log: &Arc<TestLog>) -> Coordinator {
    let options = GroupOptions {
        offsets_partitions: PARTITIONS,
        initial_rebalance_delay_ms: 0,
        ..GroupOptions::default()
    };
    let clock = Arc::new(SystemClock::new());
    let coordinator =
        Coordinator::start(log.clone(), clock, 1, options, Arc::new(|_: &str| Some(1))).unwrap();
    for partition in 0..PARTITIONS {
        coordinator.elect(PartitionId(partition), LeaderEpoch(1));
    }
    coordinator
}

fn cx(api_version: i16) -> RequestContext {
    let (client_id, client_host) = ("me".to_owned(), "/127.0.0.1".to_owned());
    RequestContext { client_id, client_host, api_version }
}

fn id(group: &str) -> GroupId {
    GroupId(text(group))
}

fn commit(coordinator: &Coordinator, group: &str, offset: i64) -> i16 {
    let partition = OffsetCommitRequestPartition::default().with_committed_offset(offset);
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text("t")))
        .with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default()
        .with_group_id(id(group))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic]);
    let answer = coordinator.commit_offsets(cx(8), request).wait().unwrap();
    answer.topics[0].partitions[0].error_code
}

/// Asks until the partition is loaded, as clients do.
fn commit_when_loaded(coordinator: &Coordinator, group: &str, offset: i64) {
    let loading = ErrorCode::CoordinatorLoadInProgress.code();
    while commit(coordinator, group, offset) == loading {
        std::thread::yield_now();
    }
}

#[test]
fn a_member_joins_syncs_beats_commits_and_leaves() {
    let log = Arc::new(TestLog::default());
    let coordinator = start(&log);
    commit_when_loaded(&coordinator, "a", 1);
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range"));
    let join = JoinGroupRequest::default()
        .with_group_id(id("a"))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    let told = coordinator.join(cx(9), join.clone()).wait().unwrap();
    assert_eq!(told.error_code, ErrorCode::MemberIdRequired.code());
    let member_id = told.member_id;
    let joined = coordinator.join(cx(9), join.with_member_id(member_id.clone())).wait().unwrap();
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    assert_eq!((&joined.leader, joined.members.len()), (&member_id, 1));

    let sync = SyncGroupRequest::default()
        .with_group_id(id("a"))
        .with_generation_id(1)
        .with_member_id(member_id.clone());
    assert_eq!(coordinator.sync(cx(5), sync).wait().unwrap().error_code, 0);
    let beat = HeartbeatRequest::default()
        .with_group_id(id("a"))
        .with_generation_id(1)
        .with_member_id(member_id.clone());
    assert_eq!(coordinator.heartbeat(cx(4), beat).wait().unwrap().error_code, 0);
    let leave = LeaveGroupRequest::default().with_group_id(id("a")).with_member_id(member_id);
    assert_eq!(coordinator.leave(cx(1), leave).wait().unwrap().error_code, 0);
}

#[test]
fn questions_about_many_groups_are_gathered_in_their_order() {
    let log = Arc::new(TestLog::default());
    let coordinator = start(&log);
    for (offset, group) in (1..).zip(GROUPS) {
        commit_when_loaded(&coordinator, group, offset);
    }
    let asked = ["c", "unknown", "a"];
    let groups = asked
        .map(|group| OffsetFetchRequestGroup::default().with_group_id(id(group)).with_topics(None));
    let request = OffsetFetchRequest::default().with_groups(groups.to_vec());
    let fetched = coordinator.fetch_offsets(cx(8), request).wait().unwrap();
    let offsets = fetched.groups.iter().map(|group| {
        let topic = group.topics.first();
        (group.group_id.to_string(), topic.map(|topic| topic.partitions[0].committed_offset))
    });
    let expected = [("c", Some(3)), ("unknown", None), ("a", Some(1))];
    assert!(offsets.eq(expected.map(|(group, offset)| (group.to_owned(), offset))));

    let request = OffsetFetchRequest::default().with_group_id(id("b")).with_topics(None);
    let fetched = coordinator.fetch_offsets(cx(7), request).wait().unwrap();
    assert_eq!(fetched.topics[0].partitions[0].committed_offset, 2, "the old shape");

    let listed = coordinator.list_groups(cx(5), ListGroupsRequest::default()).wait().unwrap();
    let mut names: Vec<_> = listed.groups.iter().map(|group| group.group_id.to_string()).collect();
    names.sort();
    assert_eq!(names, GROUPS);
    let request = ListGroupsRequest::default().with_types_filter(vec![text("CONSUMER")]);
    assert_eq!(coordinator.list_groups(cx(5), request).wait().unwrap().groups.len(), 0);

    let request = DescribeGroupsRequest::default().with_groups(asked.map(id).to_vec());
    let described = coordinator.describe_groups(cx(6), request).wait().unwrap();
    let states = described.groups.iter().map(|group| group.group_state.to_string());
    assert!(states.eq(["Empty", "Dead", "Empty"].map(str::to_owned)));

    let request = DeleteGroupsRequest::default().with_groups_names(asked.map(id).to_vec());
    let deleted = coordinator.delete_groups(cx(2), request).wait().unwrap();
    let codes = deleted.results.iter().map(|result| result.error_code);
    assert!(codes.eq([0, ErrorCode::GroupIdNotFound.code(), 0]));
    let nothing = coordinator.delete_groups(cx(2), DeleteGroupsRequest::default()).wait();
    assert_eq!(nothing.unwrap().results.len(), 0, "who asks for nothing is answered");
}

#[test]
fn a_member_without_a_group_id_is_refused() {
    let coordinator = start(&Arc::new(TestLog::default()));
    let beat = coordinator.heartbeat(cx(4), HeartbeatRequest::default()).wait().unwrap();
    assert_eq!(beat.error_code, ErrorCode::InvalidGroupId.code());
    commit_when_loaded(&coordinator, "", 1);
    assert_eq!(commit(&coordinator, "", 2), 0, "offsets may be kept under no name");
    let too_long = "g".repeat(40_000);
    assert_eq!(commit(&coordinator, &too_long, 2), ErrorCode::InvalidGroupId.code());
}

#[test]
fn offsets_survive_the_coordinator() {
    let log = Arc::new(TestLog::default());
    let first = start(&log);
    commit_when_loaded(&first, "b", 41);
    first.stop();
    assert!(first.heartbeat(cx(4), HeartbeatRequest::default()).wait().is_none());
    let second = start(&log);
    commit_when_loaded(&second, "a", 1);
    let request = OffsetFetchRequest::default().with_group_id(id("b")).with_topics(None);
    loop {
        let fetched = second.fetch_offsets(cx(7), request.clone()).wait().unwrap();
        if fetched.error_code == 0 {
            assert_eq!(fetched.topics[0].partitions[0].committed_offset, 41);
            break;
        }
    }
}

#[test]
fn stopping_answers_whoever_is_parked() {
    let log = Arc::new(TestLog::default());
    let coordinator = start(&log);
    commit_when_loaded(&coordinator, "a", 1);
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range"));
    let join = JoinGroupRequest::default()
        .with_group_id(id("a"))
        .with_session_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    let first = coordinator.join(cx(3), join.clone());
    assert_eq!(first.wait().unwrap().error_code, 0);
    let second = coordinator.join(cx(3), join);
    coordinator.stop();
    let answer = second.wait_for(Duration::from_secs(60)).flatten().unwrap();
    assert_eq!(answer.error_code, ErrorCode::NotCoordinator.code());
}
