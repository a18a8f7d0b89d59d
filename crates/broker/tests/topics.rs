//! Topics, partitions and settings, as a client sees them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{Node, batch, produce};
use wire::{
    Api, broker_clock,
    messages::{
        BrokerId, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
        CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeConfigsRequest,
        DescribeConfigsResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
        DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
        IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, MetadataRequest,
        MetadataResponse, ProduceResponse, TopicName,
        create_partitions_request::CreatePartitionsTopic,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        delete_topics_request::DeleteTopicState,
        describe_configs_request::DescribeConfigsResource,
        describe_topic_partitions_request::{Cursor, TopicRequest},
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
        metadata_request::MetadataRequestTopic,
        text,
    },
};
use world::{Clock, real::SystemClock};

fn name(name: &str) -> TopicName {
    TopicName(text(name))
}

fn ask_for(names: &[&str]) -> MetadataRequest {
    let topics =
        names.iter().map(|topic| MetadataRequestTopic::default().with_name(Some(name(topic))));
    MetadataRequest::default().with_topics(Some(topics.collect()))
}

#[tokio::test]
async fn metadata_tells_brokers_leaders_and_ids_in_every_version() {
    let (node, mut peer) = Node::with_topic(3).await;
    for version in 0..=13 {
        let answer: MetadataResponse = peer.ask(Api::Metadata, version, &ask_for(&["t"])).await;
        assert_eq!(answer.brokers[0].port, i32::from(node.address.port()));
        let topic = &answer.topics[0];
        assert_eq!((topic.error_code, topic.partitions.len()), (0, 3));
        assert_eq!(topic.topic_id.is_nil(), version < 10);
        for partition in &topic.partitions {
            assert_eq!((partition.error_code, partition.leader_id), (0, BrokerId(1)));
            assert_eq!(partition.isr_nodes, [BrokerId(1)]);
        }
        if version >= 2 {
            assert_eq!(answer.cluster_id.as_deref(), Some(support::CLUSTER));
        }
    }
    let all: MetadataResponse =
        peer.ask(Api::Metadata, 9, &MetadataRequest::default().with_topics(None)).await;
    assert_eq!(all.topics.len(), 1);
    let none: MetadataResponse = peer.ask(Api::Metadata, 9, &ask_for(&[])).await;
    assert_eq!(none.topics.len(), 0);
    let old: MetadataResponse = peer.ask(Api::Metadata, 0, &ask_for(&[])).await;
    assert_eq!(old.topics.len(), 1, "version 0 says nothing for all");
    node.stop().await;
}

#[tokio::test]
async fn metadata_finds_by_id_and_says_what_it_does_not_find() {
    let (node, mut peer) = Node::with_topic(1).await;
    let found: MetadataResponse = peer.ask(Api::Metadata, 12, &ask_for(&["t"])).await;
    let by_id = |id| {
        let topic = MetadataRequestTopic::default().with_name(None).with_topic_id(id);
        MetadataRequest::default().with_topics(Some(vec![topic]))
    };
    let answer: MetadataResponse =
        peer.ask(Api::Metadata, 12, &by_id(found.topics[0].topic_id)).await;
    assert_eq!(answer.topics[0].name.as_deref().map(|name| name.as_str()), Some("t"));
    let unknown: MetadataResponse =
        peer.ask(Api::Metadata, 12, &by_id(uuid::Uuid::from_u128(5))).await;
    assert_eq!(unknown.topics[0].error_code, 100);
    let illegal: MetadataResponse = peer.ask(Api::Metadata, 12, &ask_for(&["a b"])).await;
    assert_eq!(illegal.topics[0].error_code, 17);
    let missing = ask_for(&["missing"]).with_allow_auto_topic_creation(false);
    for _ in 0..2 {
        let answer: MetadataResponse = peer.ask(Api::Metadata, 12, &missing).await;
        assert_eq!(answer.topics[0].error_code, 3);
    }
    node.stop().await;
}

#[tokio::test]
async fn a_missing_topic_is_made_behind_the_answer() {
    let node = Node::start_with(&[("num.partitions", "4")]).await;
    let mut peer = node.connect().await;
    let first: MetadataResponse = peer.ask(Api::Metadata, 9, &ask_for(&["new"])).await;
    assert_eq!(first.topics[0].error_code, 3);
    let partitions = loop {
        let next: MetadataResponse = peer.ask(Api::Metadata, 9, &ask_for(&["new"])).await;
        if next.topics[0].error_code == 0 {
            break next.topics[0].partitions.len();
        }
    };
    assert_eq!(partitions, 4);
    node.stop().await;
}

#[tokio::test]
async fn topics_are_made_once_and_with_their_settings() {
    let (node, mut peer) = Node::with_topic(1).await;
    let topic = |topic: &str, partitions, replicas| {
        CreatableTopic::default()
            .with_name(name(topic))
            .with_num_partitions(partitions)
            .with_replication_factor(replicas)
    };
    let set = |key: &str, value: &str| {
        CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value)))
    };
    let topics = vec![
        topic("a", 2, 1).with_configs(vec![set("retention.ms", "1000")]),
        topic("t", 1, 1),
        topic("twice", 1, 1),
        topic("twice", 1, 1),
        topic("many", 1, 9),
        topic("none", 0, 1),
        topic("b c", 1, 1),
        topic("bad", 1, 1).with_configs(vec![set("retention.ms", "soon")]),
    ];
    let request = CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(30_000);
    let answer: CreateTopicsResponse = peer.ask(Api::CreateTopics, 7, &request).await;
    let mut errors: Vec<_> = answer
        .topics
        .iter()
        .map(|topic| (topic.name.as_str().to_owned(), topic.error_code))
        .collect();
    errors.sort();
    let expected =
        [("a", 0), ("b c", 17), ("bad", 40), ("many", 38), ("none", 37), ("t", 36), ("twice", 42)];
    assert_eq!(errors, expected.map(|(name, error)| (name.to_owned(), error)));
    let made = answer.topics.iter().find(|topic| topic.name.as_str() == "a").unwrap();
    assert_eq!((made.num_partitions, made.replication_factor), (2, 1));
    assert!(!made.topic_id.is_nil());
    let options = made.configs.as_ref().unwrap();
    let retention = options.iter().find(|row| row.name.as_str() == "retention.ms").unwrap();
    assert_eq!(retention.value.as_deref(), Some("1000"));
    assert_eq!(retention.config_source, 1);

    // What was made can be written to at once.
    let wrote: ProduceResponse =
        peer.ask(Api::Produce, 9, &produce("a", 1, -1, batch(&["x"]))).await;
    assert_eq!(wrote.responses[0].partition_responses[0].error_code, 0);
    for version in 2..=7 {
        let topics = vec![topic(&format!("v{version}"), 1, 1)];
        let request = CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(30_000);
        let answer: CreateTopicsResponse = peer.ask(Api::CreateTopics, version, &request).await;
        assert_eq!(answer.topics[0].error_code, 0);
    }
    node.stop().await;
}

#[tokio::test]
async fn deleted_topics_are_gone_by_name_and_by_id() {
    let (node, mut peer) = Node::with_topic(1).await;
    peer.create_topic("u", 1).await;
    let found: MetadataResponse = peer.ask(Api::Metadata, 12, &ask_for(&["u"])).await;
    let by_name = DeleteTopicsRequest::default()
        .with_topic_names(vec![name("t"), name("nope")])
        .with_timeout_ms(30_000);
    let answer: DeleteTopicsResponse = peer.ask(Api::DeleteTopics, 5, &by_name).await;
    let errors: Vec<i16> = answer.responses.iter().map(|topic| topic.error_code).collect();
    assert_eq!(errors, [0, 3]);
    let state = |id| DeleteTopicState::default().with_name(None).with_topic_id(id);
    let states = vec![state(found.topics[0].topic_id), state(uuid::Uuid::from_u128(9))];
    let by_id = DeleteTopicsRequest::default().with_topics(states).with_timeout_ms(30_000);
    let answer: DeleteTopicsResponse = peer.ask(Api::DeleteTopics, 6, &by_id).await;
    let errors: Vec<i16> = answer.responses.iter().map(|topic| topic.error_code).collect();
    assert_eq!(errors, [0, 100]);
    assert_eq!(answer.responses[0].name.as_deref().map(|name| name.as_str()), Some("u"));
    let wrote: ProduceResponse =
        peer.ask(Api::Produce, 9, &produce("t", 0, -1, batch(&["x"]))).await;
    assert_eq!(wrote.responses[0].partition_responses[0].error_code, 3);
    node.stop().await;
}

#[tokio::test]
async fn partitions_can_be_added_and_not_taken() {
    let (node, mut peer) = Node::with_topic(2).await;
    for (count, error) in [(4, 0), (4, 37), (1, 37)] {
        let topic = CreatePartitionsTopic::default()
            .with_name(name("t"))
            .with_count(count)
            .with_assignments(None);
        let request =
            CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
        let answer: CreatePartitionsResponse = peer.ask(Api::CreatePartitions, 3, &request).await;
        assert_eq!(answer.results[0].error_code, error);
    }
    let wrote: ProduceResponse =
        peer.ask(Api::Produce, 9, &produce("t", 3, -1, batch(&["x"]))).await;
    assert_eq!(wrote.responses[0].partition_responses[0].error_code, 0);
    node.stop().await;
}

#[tokio::test]
async fn topics_are_described_page_by_page() {
    let (node, mut peer) = Node::with_topic(3).await;
    peer.create_topic("u", 2).await;
    let mut cursor = None;
    let mut seen = Vec::new();
    loop {
        let request = DescribeTopicPartitionsRequest::default()
            .with_response_partition_limit(2)
            .with_cursor(cursor);
        let answer: DescribeTopicPartitionsResponse =
            peer.ask(Api::DescribeTopicPartitions, 0, &request).await;
        for topic in &answer.topics {
            let name = topic.name.as_ref().unwrap().as_str().to_owned();
            let partitions = topic.partitions.iter().map(|part| part.partition_index);
            seen.extend(partitions.map(|index| (name.clone(), index)));
        }
        let Some(next) = answer.next_cursor else { break };
        let next = Cursor::default()
            .with_topic_name(next.topic_name)
            .with_partition_index(next.partition_index);
        cursor = Some(next);
    }
    let expected = [("t", 0), ("t", 1), ("t", 2), ("u", 0), ("u", 1)];
    assert_eq!(seen, expected.map(|(name, index)| (name.to_owned(), index)));
    let topics = vec![TopicRequest::default().with_name(name("nope"))];
    let request = DescribeTopicPartitionsRequest::default()
        .with_topics(topics)
        .with_response_partition_limit(10);
    let answer: DescribeTopicPartitionsResponse =
        peer.ask(Api::DescribeTopicPartitions, 0, &request).await;
    assert_eq!(answer.topics[0].error_code, 3);
    node.stop().await;
}

async fn retention(peer: &mut support::Peer) -> (String, i8, usize) {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text("t"))
        .with_configuration_keys(Some(vec![text("retention.ms")]));
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_synonyms(true);
    let answer: DescribeConfigsResponse = peer.ask(Api::DescribeConfigs, 4, &request).await;
    let row = &answer.results[0].configs[0];
    (row.value.as_deref().unwrap().to_owned(), row.config_source, row.synonyms.len())
}

#[tokio::test]
async fn a_changed_setting_is_told_with_its_source() {
    let (node, mut peer) = Node::with_topic(1).await;
    assert_eq!(retention(&mut peer).await, ("604800000".to_owned(), 5, 1));
    let change = |value: &str| {
        let setting = AlterableConfig::default()
            .with_name(text("retention.ms"))
            .with_config_operation(0)
            .with_value(Some(text(value)));
        let resource = AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("t"))
            .with_configs(vec![setting]);
        IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
    };
    for (value, error) in [("86400000", 0), ("soon", 40)] {
        let answer: IncrementalAlterConfigsResponse =
            peer.ask(Api::IncrementalAlterConfigs, 1, &change(value)).await;
        assert_eq!(answer.responses[0].error_code, error);
    }
    assert_eq!(retention(&mut peer).await, ("86400000".to_owned(), 1, 2));
    let resource = |kind: i8, name: &str| {
        DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(None)
    };
    let resources = vec![resource(4, "1"), resource(4, "2"), resource(2, "nope"), resource(99, "")];
    for version in 1..=4 {
        let request = DescribeConfigsRequest::default().with_resources(resources.clone());
        let answer: DescribeConfigsResponse =
            peer.ask(Api::DescribeConfigs, version, &request).await;
        let errors: Vec<i16> = answer.results.iter().map(|result| result.error_code).collect();
        assert_eq!(errors, [0, 42, 3, 42]);
        assert!(answer.results[0].configs.iter().any(|row| row.name.as_str() == "node.id"));
    }
    node.stop().await;
}

/// `kafka-reassign-partitions --verify` takes the throttles of all brokers back, asked or not, and fails where that fails.
#[tokio::test]
async fn a_setting_of_a_broker_is_not_changed_and_one_that_is_not_set_is_taken_back() {
    let (node, mut peer) = Node::with_topic(1).await;
    let setting = |operation: i8| {
        AlterableConfig::default()
            .with_name(text("leader.replication.throttled.rate"))
            .with_config_operation(operation)
            .with_value((operation == 0).then(|| text("1000")))
    };
    for (operation, error) in [(0, 42), (1, 0)] {
        let resource = AlterConfigsResource::default()
            .with_resource_type(4)
            .with_resource_name(text("1"))
            .with_configs(vec![setting(operation)]);
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        let answer: IncrementalAlterConfigsResponse =
            peer.ask(Api::IncrementalAlterConfigs, 1, &request).await;
        assert_eq!(answer.responses[0].error_code, error);
    }
    node.stop().await;
}

#[tokio::test]
async fn log_directories_tell_sizes() {
    let (node, mut peer) = Node::with_topic(2).await;
    peer.produce(batch(&["x"])).await;
    let request = DescribeLogDirsRequest::default().with_topics(None);
    for version in 1..=4 {
        let answer: DescribeLogDirsResponse =
            peer.ask(Api::DescribeLogDirs, version, &request).await;
        let [directory] = &answer.results[..] else { panic!("one directory") };
        let sizes: Vec<bool> = directory.topics[0]
            .partitions
            .iter()
            .map(|partition| partition.partition_size > 0)
            .collect();
        assert_eq!(sizes, [true, false]);
        assert_eq!(directory.total_bytes > 0, version == 4);
        assert_eq!((0..=directory.total_bytes).contains(&directory.usable_bytes), version == 4);
        assert_eq!(directory.error_code, 0);
        // A tag of ours, where the answer can have tags; it is on this machine's clock.
        let apart_ms =
            broker_clock(&answer).map(|told| (told.0 - SystemClock::new().wall().0).abs());
        assert_eq!(apart_ms.is_some_and(|apart_ms| apart_ms < 3_600_000), version >= 2);
    }
    // No partitions asked for: the directory alone.
    let request = DescribeLogDirsRequest::default().with_topics(Some(Vec::new()));
    let answer: DescribeLogDirsResponse = peer.ask(Api::DescribeLogDirs, 4, &request).await;
    assert!(answer.results[0].topics.is_empty());
    assert!(answer.results[0].total_bytes > 0);
    node.stop().await;
}
