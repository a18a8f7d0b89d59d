//! What clients see of a cluster of two: a broker that is fenced, partitions without a leader, a reassignment under way. The second broker is
//! one that only registers and shows itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use controller::{Heartbeat, Registration};
use model::{BrokerEpoch, BrokerId, Offset};
use wire::{
    Api,
    messages::{self as m, text},
};

mod support;
use support::{CLUSTER, Node, Peer};

/// Registers broker 2, fenced.
async fn register(node: &Node) -> BrokerEpoch {
    let registration = Registration {
        id: BrokerId(2),
        cluster_id: CLUSTER.to_owned(),
        incarnation: 7,
        host: "two".to_owned(),
        port: 9,
        rack: Some("r".to_owned()),
        lineage: 1,
    };
    node.controller.register_broker(registration).await.unwrap().unwrap()
}

async fn beat(node: &Node, epoch: BrokerEpoch, wants_fence: bool) {
    let (broker, applied) = (BrokerId(2), Offset(i64::MAX));
    let beat = Heartbeat { broker, epoch, applied, wants_fence, wants_shutdown: false };
    let told = node.controller.heartbeat(beat).await.unwrap().unwrap();
    assert_eq!(told.is_fenced, wants_fence);
}

async fn metadata(peer: &mut Peer) -> m::MetadataResponse {
    peer.ask(Api::Metadata, 12, &m::MetadataRequest::default().with_topics(None)).await
}

fn ids(nodes: &[m::BrokerId]) -> Vec<i32> {
    nodes.iter().map(|id| id.0).collect()
}

#[tokio::test]
async fn a_fenced_broker_is_not_listed_unless_it_is_asked_for() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    let epoch = register(&node).await;
    let listed = |answer: m::MetadataResponse| -> Vec<i32> {
        answer.brokers.iter().map(|broker| broker.node_id.0).collect()
    };
    assert_eq!(listed(metadata(&mut peer).await), [1]);
    for (version, include, expected) in [(1, false, 1), (2, false, 1), (2, true, 2)] {
        let request = m::DescribeClusterRequest::default().with_endpoint_type(1);
        let request = request.with_include_fenced_brokers(include);
        let answer: m::DescribeClusterResponse =
            peer.ask(Api::DescribeCluster, version, &request).await;
        assert_eq!(answer.brokers.len(), expected);
        assert_eq!(answer.brokers.iter().filter(|broker| broker.is_fenced).count(), expected - 1);
    }
    beat(&node, epoch, false).await;
    assert_eq!(listed(metadata(&mut peer).await), [1, 2]);
    node.stop().await;
}

#[tokio::test]
async fn a_partition_whose_last_broker_is_away_is_listed_without_a_leader() {
    let node = Node::start().await;
    let mut peer = node.connect().await;
    let epoch = register(&node).await;
    beat(&node, epoch, false).await;
    let assignment = m::create_topics_request::CreatableReplicaAssignment::default()
        .with_broker_ids(vec![m::BrokerId(2)]);
    let topic = m::create_topics_request::CreatableTopic::default()
        .with_name(m::TopicName(text("away")))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_assignments(vec![assignment]);
    let request =
        m::CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
    let answer: m::CreateTopicsResponse = peer.ask(Api::CreateTopics, 7, &request).await;
    assert_eq!(answer.topics[0].error_code, 0);
    let partition = metadata(&mut peer).await.topics[0].partitions[0].clone();
    assert_eq!((partition.error_code, partition.leader_id.0), (0, 2));

    beat(&node, epoch, true).await;
    let partition = metadata(&mut peer).await.topics[0].partitions[0].clone();
    assert_eq!((partition.error_code, partition.leader_id.0), (5, -1));
    assert_eq!(ids(&partition.offline_replicas), [2]);
    assert_eq!((ids(&partition.isr_nodes), partition.leader_epoch), (vec![2], 1));
    let request = m::DescribeTopicPartitionsRequest::default().with_response_partition_limit(10);
    let answer: m::DescribeTopicPartitionsResponse =
        peer.ask(Api::DescribeTopicPartitions, 0, &request).await;
    let described = &answer.topics[0].partitions[0];
    assert_eq!((described.error_code, described.leader_id.0), (5, -1));
    assert_eq!(ids(&described.offline_replicas), [2]);
    node.stop().await;
}

#[tokio::test]
async fn a_reassignment_is_listed_until_it_is_called_off() {
    use m::alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic};
    let (node, mut peer) = Node::with_topic(2).await;
    let epoch = register(&node).await;
    beat(&node, epoch, false).await;
    let alter = |replicas: Option<Vec<m::BrokerId>>| {
        let partition = ReassignablePartition::default().with_replicas(replicas);
        let topic = ReassignableTopic::default()
            .with_name(m::TopicName(text("t")))
            .with_partitions(vec![partition]);
        m::AlterPartitionReassignmentsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(30_000)
    };
    let api = Api::AlterPartitionReassignments;
    let request = alter(Some(vec![m::BrokerId(2), m::BrokerId(1)]));
    let answer: m::AlterPartitionReassignmentsResponse =
        peer.ask(api, 1, &request.clone().with_allow_replication_factor_change(false)).await;
    assert_eq!(answer.responses[0].partitions[0].error_code, 38);
    let answer: m::AlterPartitionReassignmentsResponse = peer.ask(api, 0, &request).await;
    assert_eq!(answer.responses[0].partitions[0].error_code, 0);

    let list = m::ListPartitionReassignmentsRequest::default().with_topics(None);
    let api_list = Api::ListPartitionReassignments;
    let answer: m::ListPartitionReassignmentsResponse = peer.ask(api_list, 0, &list).await;
    assert_eq!(answer.topics.len(), 1);
    let partition = &answer.topics[0].partitions[0];
    assert_eq!(ids(&partition.replicas), [2, 1]);
    assert_eq!(ids(&partition.adding_replicas), [2]);
    assert!(partition.removing_replicas.is_empty());

    for expected in [0, 85] {
        let answer: m::AlterPartitionReassignmentsResponse = peer.ask(api, 0, &alter(None)).await;
        assert_eq!(answer.responses[0].partitions[0].error_code, expected);
    }
    let answer: m::ListPartitionReassignmentsResponse = peer.ask(api_list, 0, &list).await;
    assert!(answer.topics.is_empty());
    node.stop().await;
}
