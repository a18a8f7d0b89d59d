//! The five questions: DescribeQuorum, DescribeCluster, Metadata of all topics, ListPartitionReassignments, and DescribeConfigs for what
//! topics promise.

use std::collections::BTreeMap;

use client::{ClientError, Cluster, Connection};
use wire::{
    Api,
    messages::{
        self, DescribeClusterRequest, DescribeClusterResponse, DescribeConfigsRequest,
        DescribeConfigsResponse, DescribeQuorumRequest, DescribeQuorumResponse,
        ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, MetadataRequest,
        MetadataResponse, describe_configs_request::DescribeConfigsResource,
        describe_quorum_request, describe_quorum_response::ReplicaState, text,
    },
};

use super::report::{Broker, Partition, Quorum, Replica, Report};

/// Asks whoever of the cluster answers.
pub(super) async fn ask(cluster: &Cluster) -> Result<Report, ClientError> {
    let connection = cluster.any().await?;
    let quorum = quorum(&connection).await?;
    let (cluster_id, brokers) = brokers(&connection).await?;
    let topics = metadata(&connection).await?;
    let moves = moves(&connection).await?;
    let promises = promises(&connection, &topics).await?;
    let mut partitions = Vec::new();
    for topic in &topics.topics {
        let name = topic.name.as_ref().map_or("", |name| name.as_str());
        for partition in &topic.partitions {
            let moved = moves.get(&(name.to_owned(), partition.partition_index));
            let replicas = partition.replica_nodes.iter().map(|id| id.0).collect::<Vec<_>>();
            // As the brokers do: no more can be asked for than there are.
            let promise = promises.get(name).copied().unwrap_or_default();
            let wanted = promise.min_in_sync.max(1).min(replicas.len());
            partitions.push(Partition {
                topic: name.to_owned(),
                partition: partition.partition_index,
                leader: (partition.leader_id.0 >= 0).then_some(partition.leader_id.0),
                replicas,
                in_sync: partition.isr_nodes.iter().map(|id| id.0).collect(),
                min_in_sync: wanted,
                is_unclean_allowed: promise.is_unclean_allowed,
                adding: moved.map(|moved| moved.adding.clone()).unwrap_or_default(),
                removing: moved.map(|moved| moved.removing.clone()).unwrap_or_default(),
            });
        }
    }
    partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    Ok(Report { cluster_id, quorum, brokers, partitions })
}

async fn quorum(connection: &Connection) -> Result<Option<Quorum>, ClientError> {
    let version = connection.version(Api::DescribeQuorum)?;
    let partition = describe_quorum_request::PartitionData::default();
    let topic = describe_quorum_request::TopicData::default()
        .with_topic_name(messages::TopicName(text("__cluster_metadata")))
        .with_partitions(vec![partition]);
    let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
    let answer: DescribeQuorumResponse =
        connection.ask(Api::DescribeQuorum, version, &request).await?;
    let found = answer.topics.first().and_then(|topic| topic.partitions.first());
    let found = found.filter(|found| answer.error_code == 0 && found.error_code == 0);
    Ok(found.map(|found| {
        let leader = found.leader_id.0;
        let newest =
            |states: &[ReplicaState]| states.iter().map(|state| state.log_end_offset).max();
        let end = newest(&found.current_voters).unwrap_or(0).max(found.high_watermark);
        let replicas = |states: &[ReplicaState]| {
            let replica = |state: &ReplicaState| Replica {
                id: state.replica_id.0,
                lag: (state.log_end_offset >= 0).then(|| (end - state.log_end_offset).max(0)),
            };
            states.iter().map(replica).collect()
        };
        Quorum {
            leader: (leader >= 0).then_some(leader),
            term: found.leader_epoch,
            high_watermark: found.high_watermark,
            voters: replicas(&found.current_voters),
            observers: replicas(&found.observers),
        }
    }))
}

async fn brokers(connection: &Connection) -> Result<(String, Vec<Broker>), ClientError> {
    let version = connection.version(Api::DescribeCluster)?;
    let mut request = DescribeClusterRequest::default();
    if version >= FENCED_SINCE {
        request = request.with_include_fenced_brokers(true);
    }
    let answer: DescribeClusterResponse =
        connection.ask(Api::DescribeCluster, version, &request).await?;
    let broker = |broker: &messages::describe_cluster_response::DescribeClusterBroker| Broker {
        id: broker.broker_id.0,
        address: format!("{}:{}", broker.host, broker.port),
        rack: broker.rack.as_ref().map(ToString::to_string),
        is_fenced: broker.is_fenced,
    };
    let mut brokers: Vec<Broker> = answer.brokers.iter().map(broker).collect();
    brokers.sort_by_key(|broker| broker.id);
    Ok((answer.cluster_id.to_string(), brokers))
}

async fn metadata(connection: &Connection) -> Result<MetadataResponse, ClientError> {
    let version = connection.version(Api::Metadata)?;
    let request =
        MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
    connection.ask(Api::Metadata, version, &request).await
}

/// A reassignment under way.
#[derive(Clone, Debug)]
struct Move {
    adding: Vec<i32>,
    removing: Vec<i32>,
}

async fn moves(connection: &Connection) -> Result<BTreeMap<(String, i32), Move>, ClientError> {
    let version = connection.version(Api::ListPartitionReassignments)?;
    let request = ListPartitionReassignmentsRequest::default().with_topics(None);
    let answer: ListPartitionReassignmentsResponse =
        connection.ask(Api::ListPartitionReassignments, version, &request).await?;
    let ids = |ids: &[messages::BrokerId]| ids.iter().map(|id| id.0).collect();
    let mut moves = BTreeMap::new();
    for topic in &answer.topics {
        for partition in &topic.partitions {
            let key = (topic.name.to_string(), partition.partition_index);
            let adding = ids(&partition.adding_replicas);
            moves.insert(key, Move { adding, removing: ids(&partition.removing_replicas) });
        }
    }
    Ok(moves)
}

/// What a topic's settings promise.
#[derive(Clone, Copy, Debug, Default)]
struct Promise {
    min_in_sync: usize,
    is_unclean_allowed: bool,
}

async fn promises(
    connection: &Connection,
    topics: &MetadataResponse,
) -> Result<BTreeMap<String, Promise>, ClientError> {
    let version = connection.version(Api::DescribeConfigs)?;
    let resources = topics.topics.iter().filter_map(|topic| {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(topic.name.as_ref()?.as_str()))
            .with_configuration_keys(Some(vec![text(MIN_IN_SYNC), text(UNCLEAN)]));
        Some(resource)
    });
    let request = DescribeConfigsRequest::default().with_resources(resources.collect());
    let answer: DescribeConfigsResponse =
        connection.ask(Api::DescribeConfigs, version, &request).await?;
    let found = answer.results.iter().map(|result| {
        let value = |name: &str| {
            let config = result.configs.iter().find(|config| config.name.as_str() == name)?;
            config.value.as_ref().map(ToString::to_string)
        };
        let min_in_sync = value(MIN_IN_SYNC).and_then(|value| value.parse().ok()).unwrap_or(1);
        let is_unclean_allowed = value(UNCLEAN).is_some_and(|value| value == "true");
        (result.resource_name.to_string(), Promise { min_in_sync, is_unclean_allowed })
    });
    Ok(found.collect())
}

const MIN_IN_SYNC: &str = "min.insync.replicas";
const UNCLEAN: &str = "unclean.leader.election.enable";
/// The resource type of topics in DescribeConfigs.
const TOPIC: i8 = 2;
/// The version of DescribeCluster that tells of fenced brokers.
const FENCED_SINCE: i16 = 2;
