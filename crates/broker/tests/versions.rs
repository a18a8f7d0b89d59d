//! Every API is answered in every version that is advertised, in success and in refusal.
//!
//! The codec refuses to write a field that a version lacks; a handler that sets one would end the connection.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Node, Peer, batch, fetch, produce};
use wire::{
    Api,
    messages::{self as m, Decodable, Encodable, StrBytes, TopicName, text},
};

fn name(text: &str) -> TopicName {
    TopicName(StrBytes::from_string(text.to_owned()))
}

async fn all<T: Decodable>(peer: &mut Peer, api: Api, request: impl Fn(i16) -> Box<dyn Asked>) {
    let served = api.served();
    for version in served.first..=served.last {
        let frame = request(version).frame(peer, api, version);
        tokio::io::AsyncWriteExt::write_all(&mut peer.stream, &frame).await.unwrap();
        let answer = peer.frame().await;
        let answer = answer.unwrap_or_else(|| panic!("{api:?} v{version} ends the connection"));
        wire::decode_response::<T>(api, version, answer).unwrap();
    }
}

/// A request of any type.
trait Asked {
    fn frame(&self, peer: &mut Peer, api: Api, version: i16) -> bytes::BytesMut;
}

impl<T: Encodable> Asked for T {
    fn frame(&self, peer: &mut Peer, api: Api, version: i16) -> bytes::BytesMut {
        peer.encode(api, version, self)
    }
}

#[tokio::test]
async fn group_apis_are_answered_in_every_version() {
    let (node, mut peer) = Node::with_topic(1).await;
    let peer = &mut peer;
    all::<m::FindCoordinatorResponse>(peer, Api::FindCoordinator, |version| {
        let request = m::FindCoordinatorRequest::default();
        Box::new(if version < 4 {
            request.with_key(text("g"))
        } else {
            request.with_coordinator_keys(vec![text("g")])
        })
    })
    .await;
    let group = || m::GroupId(text("g"));
    let stranger = || text("stranger");
    for id in ["g", ""] {
        let group = || m::GroupId(StrBytes::from_string(id.to_owned()));
        all::<m::JoinGroupResponse>(peer, Api::JoinGroup, |_| {
            Box::new(
                m::JoinGroupRequest::default()
                    .with_group_id(group())
                    .with_member_id(stranger())
                    .with_session_timeout_ms(10_000)
                    .with_protocol_type(text("consumer")),
            )
        })
        .await;
        all::<m::SyncGroupResponse>(peer, Api::SyncGroup, |version| {
            let request =
                m::SyncGroupRequest::default().with_group_id(group()).with_member_id(stranger());
            Box::new(if version < 5 {
                request
            } else {
                request
                    .with_protocol_type(Some(text("consumer")))
                    .with_protocol_name(Some(text("range")))
            })
        })
        .await;
        all::<m::HeartbeatResponse>(peer, Api::Heartbeat, |_| {
            Box::new(
                m::HeartbeatRequest::default().with_group_id(group()).with_member_id(stranger()),
            )
        })
        .await;
    }
    all::<m::LeaveGroupResponse>(peer, Api::LeaveGroup, |version| {
        let request = m::LeaveGroupRequest::default().with_group_id(group());
        let member = m::leave_group_request::MemberIdentity::default().with_member_id(stranger());
        Box::new(if version < 3 {
            request.with_member_id(stranger())
        } else {
            request.with_members(vec![member])
        })
    })
    .await;
    offsets(peer).await;
    all::<m::ListGroupsResponse>(peer, Api::ListGroups, |_| {
        Box::new(m::ListGroupsRequest::default())
    })
    .await;
    all::<m::DescribeGroupsResponse>(peer, Api::DescribeGroups, |version| {
        Box::new(
            m::DescribeGroupsRequest::default()
                .with_groups(vec![group(), m::GroupId(text("nope"))])
                .with_include_authorized_operations(version >= 3),
        )
    })
    .await;
    all::<m::DeleteGroupsResponse>(peer, Api::DeleteGroups, |_| {
        Box::new(
            m::DeleteGroupsRequest::default()
                .with_groups_names(vec![group(), m::GroupId(text("nope"))]),
        )
    })
    .await;
    node.stop().await;
}

async fn offsets(peer: &mut Peer) {
    let group = || m::GroupId(text("simple"));
    all::<m::OffsetCommitResponse>(peer, Api::OffsetCommit, |_| {
        let position = |index| {
            m::offset_commit_request::OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(1)
        };
        let topic = m::offset_commit_request::OffsetCommitRequestTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![position(0), position(9)]);
        Box::new(
            m::OffsetCommitRequest::default()
                .with_group_id(group())
                .with_generation_id_or_member_epoch(-1)
                .with_topics(vec![topic]),
        )
    })
    .await;
    all::<m::OffsetFetchResponse>(peer, Api::OffsetFetch, |version| {
        if version < 8 {
            let topic = m::offset_fetch_request::OffsetFetchRequestTopic::default()
                .with_name(name("t"))
                .with_partition_indexes(vec![0, 9]);
            let request = m::OffsetFetchRequest::default().with_group_id(group());
            return Box::new(request.with_topics(Some(vec![topic])));
        }
        let asked = |id: m::GroupId| {
            m::offset_fetch_request::OffsetFetchRequestGroup::default()
                .with_group_id(id)
                .with_topics(None)
        };
        let groups = vec![asked(group()), asked(m::GroupId(text("nope")))];
        Box::new(m::OffsetFetchRequest::default().with_groups(groups))
    })
    .await;
    all::<m::OffsetDeleteResponse>(peer, Api::OffsetDelete, |_| {
        let partition = m::offset_delete_request::OffsetDeleteRequestPartition::default();
        let topic = m::offset_delete_request::OffsetDeleteRequestTopic::default()
            .with_name(name("t"))
            .with_partitions(vec![partition]);
        Box::new(m::OffsetDeleteRequest::default().with_group_id(group()).with_topics(vec![topic]))
    })
    .await;
}

#[tokio::test]
async fn record_apis_are_answered_in_every_version() {
    let (node, mut peer) = Node::with_topic(1).await;
    let peer = &mut peer;
    for topic in ["t", "nope"] {
        let by_name = |topic: &str, version: i16| if version < 13 { name(topic) } else { name("") };
        all::<m::ProduceResponse>(peer, Api::Produce, |version| {
            let mut request = produce(topic, 0, 1, batch(&["x"]));
            request.topic_data[0].name = by_name(topic, version);
            Box::new(request)
        })
        .await;
        all::<m::FetchResponse>(peer, Api::Fetch, |version| {
            let mut request = fetch(topic, 0, 99);
            request.topics[0].topic = by_name(topic, version);
            Box::new(request)
        })
        .await;
        for time in [-1, -2, -3, 0, i64::MAX] {
            all::<m::ListOffsetsResponse>(peer, Api::ListOffsets, |_| {
                let partition =
                    m::list_offsets_request::ListOffsetsPartition::default().with_timestamp(time);
                let asked = m::list_offsets_request::ListOffsetsTopic::default()
                    .with_name(name(topic))
                    .with_partitions(vec![partition]);
                Box::new(m::ListOffsetsRequest::default().with_topics(vec![asked]))
            })
            .await;
        }
        all::<m::DeleteRecordsResponse>(peer, Api::DeleteRecords, |_| {
            let partition = m::delete_records_request::DeleteRecordsPartition::default();
            let asked = m::delete_records_request::DeleteRecordsTopic::default()
                .with_name(name(topic))
                .with_partitions(vec![partition]);
            Box::new(m::DeleteRecordsRequest::default().with_topics(vec![asked]))
        })
        .await;
        all::<m::OffsetForLeaderEpochResponse>(peer, Api::OffsetForLeaderEpoch, |_| {
            let partition = m::offset_for_leader_epoch_request::OffsetForLeaderPartition::default();
            let asked = m::offset_for_leader_epoch_request::OffsetForLeaderTopic::default()
                .with_topic(name(topic))
                .with_partitions(vec![partition]);
            Box::new(m::OffsetForLeaderEpochRequest::default().with_topics(vec![asked]))
        })
        .await;
    }
    for id in [None, Some(m::TransactionalId(text("tx")))] {
        all::<m::InitProducerIdResponse>(peer, Api::InitProducerId, |_| {
            Box::new(m::InitProducerIdRequest::default().with_transactional_id(id.clone()))
        })
        .await;
    }
    node.stop().await;
}

#[tokio::test]
async fn topic_and_cluster_apis_are_answered_in_every_version() {
    let (node, mut peer) = Node::with_topic(1).await;
    let peer = &mut peer;
    all::<m::MetadataResponse>(peer, Api::Metadata, |version| {
        let topics = ["t", "nope", "not a name"].map(|topic| {
            m::metadata_request::MetadataRequestTopic::default().with_name(Some(name(topic)))
        });
        Box::new(
            m::MetadataRequest::default()
                .with_topics(Some(topics.to_vec()))
                .with_allow_auto_topic_creation(version < 4)
                .with_include_cluster_authorized_operations((8..=10).contains(&version))
                .with_include_topic_authorized_operations(version >= 8),
        )
    })
    .await;
    all::<m::CreateTopicsResponse>(peer, Api::CreateTopics, |version| {
        let topics = ["t".to_owned(), format!("made-by-{version}")].map(|topic| {
            m::create_topics_request::CreatableTopic::default()
                .with_name(name(&topic))
                .with_num_partitions(1)
                .with_replication_factor(1)
        });
        Box::new(
            m::CreateTopicsRequest::default().with_topics(topics.to_vec()).with_timeout_ms(30_000),
        )
    })
    .await;
    all::<m::CreatePartitionsResponse>(peer, Api::CreatePartitions, |version| {
        let topics = ["t", "nope"].map(|topic| {
            m::create_partitions_request::CreatePartitionsTopic::default()
                .with_name(name(topic))
                .with_count(i32::from(version) + 2)
        });
        Box::new(m::CreatePartitionsRequest::default().with_topics(topics.to_vec()))
    })
    .await;
    all::<m::DeleteTopicsResponse>(peer, Api::DeleteTopics, |version| {
        let names = vec![name(&format!("made-by-{}", version + 1)), name("nope")];
        let request = m::DeleteTopicsRequest::default().with_timeout_ms(30_000);
        if version < 6 {
            return Box::new(request.with_topic_names(names));
        }
        let state =
            |name| m::delete_topics_request::DeleteTopicState::default().with_name(Some(name));
        Box::new(request.with_topics(names.into_iter().map(state).collect()))
    })
    .await;
    cluster(peer).await;
    node.stop().await;
}

async fn cluster(peer: &mut Peer) {
    all::<m::DescribeTopicPartitionsResponse>(peer, Api::DescribeTopicPartitions, |_| {
        Box::new(m::DescribeTopicPartitionsRequest::default().with_response_partition_limit(10))
    })
    .await;
    all::<m::DescribeClusterResponse>(peer, Api::DescribeCluster, |version| {
        let request = m::DescribeClusterRequest::default();
        Box::new(request.with_include_cluster_authorized_operations(version % 2 == 0))
    })
    .await;
    for endpoint in [2, 9] {
        let request = m::DescribeClusterRequest::default().with_endpoint_type(endpoint);
        let answer: m::DescribeClusterResponse = peer.ask(Api::DescribeCluster, 1, &request).await;
        assert_ne!(answer.error_code, 0);
    }
    leaders_and_replicas(peer).await;
    all::<m::IncrementalAlterConfigsResponse>(peer, Api::IncrementalAlterConfigs, |_| {
        let resources = [(2, "t"), (4, "1"), (32, "g"), (2, "nope")].map(|(kind, of)| {
            m::incremental_alter_configs_request::AlterConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(StrBytes::from_string(of.to_owned()))
        });
        Box::new(m::IncrementalAlterConfigsRequest::default().with_resources(resources.to_vec()))
    })
    .await;
    all::<m::DescribeLogDirsResponse>(peer, Api::DescribeLogDirs, |_| {
        let topic = m::describe_log_dirs_request::DescribableLogDirTopic::default()
            .with_topic(name("t"))
            .with_partitions(vec![0, 9]);
        Box::new(m::DescribeLogDirsRequest::default().with_topics(Some(vec![topic])))
    })
    .await;
}

async fn leaders_and_replicas(peer: &mut Peer) {
    let named = || m::elect_leaders_request::TopicPartitions::default().with_topic(name("t"));
    all::<m::ElectLeadersResponse>(peer, Api::ElectLeaders, |_| {
        let topics = vec![named().with_partitions(vec![0, 9])];
        let request = m::ElectLeadersRequest::default().with_topic_partitions(Some(topics));
        Box::new(request.with_timeout_ms(30_000))
    })
    .await;
    let request = m::ElectLeadersRequest::default().with_topic_partitions(None);
    let answer: m::ElectLeadersResponse =
        peer.ask(Api::ElectLeaders, 1, &request.with_timeout_ms(30_000)).await;
    assert_eq!((answer.error_code, answer.replica_election_results.len()), (0, 0));
    let request = m::ElectLeadersRequest::default().with_election_type(7);
    let answer: m::ElectLeadersResponse = peer.ask(Api::ElectLeaders, 2, &request).await;
    assert_eq!(answer.error_code, 42);
    all::<m::AlterPartitionReassignmentsResponse>(peer, Api::AlterPartitionReassignments, |_| {
        use m::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
        let to = |partition, replicas| {
            ReassignablePartition::default().with_partition_index(partition).with_replicas(replicas)
        };
        let partitions = vec![to(0, Some(vec![m::BrokerId(1)])), to(0, None)];
        let topic = ReassignableTopic::default().with_name(name("t")).with_partitions(partitions);
        let request = m::AlterPartitionReassignmentsRequest::default().with_topics(vec![topic]);
        Box::new(request.with_timeout_ms(30_000))
    })
    .await;
    all::<m::ListPartitionReassignmentsResponse>(peer, Api::ListPartitionReassignments, |_| {
        Box::new(m::ListPartitionReassignmentsRequest::default().with_topics(None))
    })
    .await;
    all::<m::UnregisterBrokerResponse>(peer, Api::UnregisterBroker, |_| {
        Box::new(m::UnregisterBrokerRequest::default().with_broker_id(m::BrokerId(9)))
    })
    .await;
}
