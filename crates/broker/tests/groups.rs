//! Groups through the socket: the coordinator's own rules are tested with it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use support::Node;
use wire::{
    Api,
    messages::{
        BrokerId, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest,
        DescribeGroupsResponse, FindCoordinatorRequest, FindCoordinatorResponse, GroupId,
        HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
        LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
        OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
        SyncGroupRequest, SyncGroupResponse, TopicName,
        join_group_request::JoinGroupRequestProtocol,
        leave_group_request::MemberIdentity,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
        sync_group_request::SyncGroupRequestAssignment,
        text,
    },
};

fn group() -> GroupId {
    GroupId(text("g"))
}

#[tokio::test]
async fn the_coordinator_is_found_by_who_asks_first() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    for version in 0..=6 {
        let mut request = FindCoordinatorRequest::default();
        if version < 4 {
            request.key = text("g");
        } else {
            request.coordinator_keys = vec![text("g"), text("h")];
        }
        let answer: FindCoordinatorResponse =
            peer.ask(Api::FindCoordinator, version, &request).await;
        if version < 4 {
            assert_eq!((answer.error_code, answer.node_id), (0, BrokerId(1)), "v{version}");
            assert_eq!(answer.port, i32::from(node.address.port()));
        } else {
            let found: Vec<_> =
                answer.coordinators.iter().map(|found| (found.error_code, found.node_id)).collect();
            assert_eq!(found, [(0, BrokerId(1)); 2]);
        }
    }
    let transactional =
        FindCoordinatorRequest::default().with_key_type(1).with_coordinator_keys(vec![text("tx")]);
    let answer: FindCoordinatorResponse = peer.ask(Api::FindCoordinator, 4, &transactional).await;
    assert_eq!(
        (answer.coordinators[0].error_code, answer.coordinators[0].node_id),
        (0, BrokerId(1))
    );
    node.stop().await;
}

/// Joins and syncs as the only member; answers the member id and generation.
async fn join(peer: &mut support::Peer) -> (String, i32) {
    let key = FindCoordinatorRequest::default().with_key(text("g"));
    let _: FindCoordinatorResponse = peer.ask(Api::FindCoordinator, 3, &key).await;
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from_static(b"subscription"));
    let request = JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    let first: JoinGroupResponse = loop {
        let answer: JoinGroupResponse = peer.ask(Api::JoinGroup, 5, &request).await;
        // While the partition is being loaded.
        if !matches!(answer.error_code, 14..=16) {
            break answer;
        }
    };
    assert_eq!(first.error_code, 79, "a member id is required");
    let request = request.with_member_id(first.member_id.clone());
    let joined: JoinGroupResponse = peer.ask(Api::JoinGroup, 5, &request).await;
    assert_eq!((joined.error_code, joined.leader.as_str()), (0, joined.member_id.as_str()));
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(Bytes::from_static(b"assignment"));
    let request = SyncGroupRequest::default()
        .with_group_id(group())
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_assignments(vec![assignment]);
    let synced: SyncGroupResponse = peer.ask(Api::SyncGroup, 3, &request).await;
    assert_eq!((synced.error_code, &synced.assignment[..]), (0, &b"assignment"[..]));
    (joined.member_id.to_string(), joined.generation_id)
}

#[tokio::test]
async fn a_member_joins_commits_and_leaves() {
    let (node, mut peer) = Node::with_topic(2).await;
    let (member, generation) = join(&mut peer).await;
    let beat = HeartbeatRequest::default()
        .with_group_id(group())
        .with_generation_id(generation)
        .with_member_id(text(&member));
    let answer: HeartbeatResponse = peer.ask(Api::Heartbeat, 4, &beat).await;
    assert_eq!(answer.error_code, 0);

    let position = |index: i32, offset: i64| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(text("")))
    };
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text("t")))
        .with_partitions(vec![position(0, 7), position(1, 9), position(2, 1)]);
    let request = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(text(&member))
        .with_topics(vec![topic]);
    let answer: OffsetCommitResponse = peer.ask(Api::OffsetCommit, 8, &request).await;
    let errors: Vec<i16> =
        answer.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!(errors, [0, 0, 3]);

    let topic = OffsetFetchRequestTopics::default()
        .with_name(TopicName(text("t")))
        .with_partition_indexes(vec![0, 1, 2]);
    let asked =
        OffsetFetchRequestGroup::default().with_group_id(group()).with_topics(Some(vec![topic]));
    let request = OffsetFetchRequest::default().with_groups(vec![asked]);
    let answer: OffsetFetchResponse = peer.ask(Api::OffsetFetch, 8, &request).await;
    let offsets: Vec<i64> = answer.groups[0].topics[0]
        .partitions
        .iter()
        .map(|partition| partition.committed_offset)
        .collect();
    assert_eq!(offsets, [7, 9, -1]);

    describe_and_delete(&mut peer, &member).await;
    node.stop().await;
}

async fn describe_and_delete(peer: &mut support::Peer, member: &str) {
    let answer: ListGroupsResponse = loop {
        let answer = peer.ask(Api::ListGroups, 5, &ListGroupsRequest::default()).await;
        // While other partitions of the offsets topic are being loaded, the list is not whole: as with Kafka.
        let ListGroupsResponse { error_code, .. } = answer;
        if error_code != 14 {
            break answer;
        }
    };
    let found: Vec<&GroupId> = answer.groups.iter().map(|found| &found.group_id).collect();
    assert_eq!((answer.error_code, found), (0, vec![&group()]));
    let request = DescribeGroupsRequest::default()
        .with_groups(vec![group()])
        .with_include_authorized_operations(true);
    let answer: DescribeGroupsResponse = peer.ask(Api::DescribeGroups, 5, &request).await;
    let described = &answer.groups[0];
    assert_eq!(described.group_state.as_str(), "Stable");
    assert_eq!(described.members[0].client_host.as_str(), "/127.0.0.1");
    assert_eq!(described.members[0].client_id.as_str(), "test");
    assert!(described.authorized_operations > 0);

    let delete = DeleteGroupsRequest::default().with_groups_names(vec![group()]);
    let answer: DeleteGroupsResponse = peer.ask(Api::DeleteGroups, 2, &delete).await;
    assert_eq!(answer.results[0].error_code, 68, "it has a member");
    let identity = MemberIdentity::default().with_member_id(text(member));
    let leave = LeaveGroupRequest::default().with_group_id(group()).with_members(vec![identity]);
    let answer: LeaveGroupResponse = peer.ask(Api::LeaveGroup, 4, &leave).await;
    assert_eq!((answer.error_code, answer.members[0].error_code), (0, 0));
    let answer: DeleteGroupsResponse = peer.ask(Api::DeleteGroups, 2, &delete).await;
    assert_eq!(answer.results[0].error_code, 0);
}
