//! Metadata, versions 0 to 13: which brokers there are, and who leads which partition.
//!
//! 1 null topics for all; 4 says whether topics may be made; 5 offline replicas; 7 leader epochs; 8 authorised operations;
//! 9 flexible; 10 topic ids (asked for by id from 12). A topic that is missing and may be made is made behind the answer, as Kafka does:
//! the client asks again.
//!
//! A client that has lost a broker asks at once, and then librdkafka for instance not again for up to a second. So where this node has lost it too, the
//! answer waits for the image that says who leads instead: until the broker is fenced, answers, or [`LOSS_MAX`] is over.

use std::time::Duration;

use controller::NewTopic;
use metadata::{Broker, Image, NO_LEADER, PartitionState, Topic};
use model::{BrokerId, ErrorCode, TopicId, TopicName};
use replication::fetcher::LOSS_MAX;
use wire::messages::{
    self, MetadataRequest, MetadataResponse,
    metadata_request::MetadataRequestTopic,
    metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
    text,
};
use world::exec::delay;

use crate::{dispatch::Context, handlers::operations, internal_topics};

pub(crate) async fn handle(mut cx: Context, asked: MetadataRequest) -> MetadataResponse {
    let deadline = cx.shared.clock.now().plus(LOSS_MAX);
    while has_lost_a_leader(&cx, &asked) && cx.shared.clock.now() < deadline {
        delay(LOOK_AGAIN_AFTER).await;
        cx.image = cx.shared.publisher.current();
    }
    let include = asked.include_topic_authorized_operations;
    let topics = match &asked.topics {
        None => cx.image.topics().map(|topic| describe(&cx.image, topic)).collect(),
        Some(topics) if topics.is_empty() && cx.version == 0 => {
            cx.image.topics().map(|topic| describe(&cx.image, topic)).collect()
        }
        Some(topics) => named(&cx, topics, asked.allow_auto_topic_creation),
    };

    let topics = topics.into_iter().map(|topic: MetadataResponseTopic| {
        if include && topic.error_code == ErrorCode::None.code() {
            topic.with_topic_authorized_operations(operations::TOPIC)
        } else {
            topic
        }
    });
    let answer = MetadataResponse::default()
        .with_brokers(visible(&cx.image).map(endpoint).collect())
        .with_cluster_id(Some(text(&cx.shared.options.cluster_id)))
        .with_controller_id(messages::BrokerId(any_broker(&cx.image)))
        .with_topics(topics.collect());
    if asked.include_cluster_authorized_operations {
        answer.with_cluster_authorized_operations(operations::CLUSTER)
    } else {
        answer
    }
}

/// Whether the answer would name a leader that this node has just lost.
fn has_lost_a_leader(cx: &Context, asked: &MetadataRequest) -> bool {
    let mut lost = cx.shared.replicas.losses().recent(cx.shared.clock.now());
    lost.retain(|broker| cx.image.is_visible(*broker));
    if lost.is_empty() {
        return false;
    }
    let is_led = |topic: &Topic| topic.partitions.iter().any(|state| lost.contains(&state.leader));
    match &asked.topics {
        None => cx.image.topics().any(|topic| is_led(topic)),
        Some(topics) => topics.iter().any(|topic| {
            let by_name = topic.name.as_ref().and_then(|name| cx.image.topic(name));
            let found = by_name.or_else(|| cx.image.topic_by_id(TopicId(topic.topic_id)));
            found.is_some_and(|topic| is_led(topic))
        }),
    }
}

/// How soon to look for a newer image.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(2);

/// Which broker is named as the controller: any that is alive, since all of them pass requests on.
pub(crate) fn any_broker(image: &Image) -> i32 {
    visible(image).next().map_or(-1, |broker| broker.id.0)
}

/// Brokers that are not fenced: clients see no others.
fn visible(image: &Image) -> impl Iterator<Item = &Broker> {
    image.brokers().map(|broker| &**broker).filter(|broker| !broker.is_fenced)
}

/// The leader that clients are told, or -1; and LEADER_NOT_AVAILABLE with that.
pub(crate) fn leader(image: &Image, state: &PartitionState) -> (messages::BrokerId, ErrorCode) {
    if image.is_visible(state.leader) {
        (messages::BrokerId(state.leader.0), ErrorCode::None)
    } else {
        (messages::BrokerId(NO_LEADER.0), ErrorCode::LeaderNotAvailable)
    }
}

fn named(
    cx: &Context,
    asked: &[MetadataRequestTopic],
    may_make: bool,
) -> Vec<MetadataResponseTopic> {
    let mut missing = Vec::new();
    let topics = asked.iter().map(|topic| {
        let id = TopicId(topic.topic_id);
        match &topic.name {
            _ if id != TopicId::NONE && cx.version < 12 => {
                refused(topic, ErrorCode::InvalidRequest)
            }
            None if id == TopicId::NONE => refused(topic, ErrorCode::InvalidRequest),
            None => match cx.image.topic_by_id(id) {
                Some(found) => describe(&cx.image, found),
                None => refused(topic, ErrorCode::UnknownTopicId),
            },
            Some(name) => match TopicName::parse(name.as_str()) {
                Err(_) => refused(topic, ErrorCode::InvalidTopicException),
                Ok(name) => match cx.image.topic_named(&name) {
                    Some(found) => describe(&cx.image, found),
                    None => {
                        missing.push(name);
                        refused(topic, ErrorCode::UnknownTopicOrPartition)
                    }
                },
            },
        }
    });
    let topics = topics.collect();
    if may_make && cx.shared.options.auto_create_topics && !missing.is_empty() {
        make(cx, missing);
    }
    topics
}

/// Asks for the topics to be made; nobody waits for it.
fn make(cx: &Context, mut missing: Vec<TopicName>) {
    missing.sort();
    missing.dedup();
    let topics = missing.iter().filter_map(|name| match name.as_str() {
        TopicName::CONSUMER_OFFSETS => internal_topics::offsets(&cx.shared.options, &cx.image),
        TopicName::TRANSACTION_STATE => {
            internal_topics::transactions(&cx.shared.options, &cx.image)
        }
        _ if name.is_internal() => None,
        name => Some(NewTopic {
            name: name.to_owned(),
            partitions: -1,
            replication_factor: -1,
            ..NewTopic::default()
        }),
    });
    let topics: Vec<_> = topics.collect();
    if !topics.is_empty() {
        drop(cx.shared.controller.create_topics(topics, false));
    }
}

fn refused(topic: &MetadataRequestTopic, error: ErrorCode) -> MetadataResponseTopic {
    // A name is nullable from version 12 on, where topics can be asked for by id.
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        .with_name(topic.name.clone())
        .with_topic_id(topic.topic_id)
}

fn describe(image: &Image, topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.numbered().map(|(number, state)| partition(image, number.0, state));
    MetadataResponseTopic::default()
        .with_name(Some(messages::TopicName(text(topic.name.as_str()))))
        .with_topic_id(topic.id.0)
        .with_is_internal(topic.name.is_internal())
        .with_partitions(partitions.collect())
}

fn partition(image: &Image, number: i32, state: &PartitionState) -> MetadataResponsePartition {
    let (leader, error) = leader(image, state);
    MetadataResponsePartition::default()
        .with_error_code(error.code())
        .with_partition_index(number)
        .with_leader_id(leader)
        .with_leader_epoch(state.leader_epoch.0)
        .with_replica_nodes(node_ids(&state.replicas))
        .with_isr_nodes(node_ids(&state.isr))
        .with_offline_replicas(offline(image, state))
}

pub(crate) fn node_ids(ids: &[BrokerId]) -> Vec<messages::BrokerId> {
    ids.iter().map(|id| messages::BrokerId(id.0)).collect()
}

pub(crate) fn offline(image: &Image, state: &PartitionState) -> Vec<messages::BrokerId> {
    let gone = state.replicas.iter().filter(|id| !image.is_visible(**id));
    gone.map(|id| messages::BrokerId(id.0)).collect()
}

fn endpoint(broker: &Broker) -> MetadataResponseBroker {
    MetadataResponseBroker::default()
        .with_node_id(messages::BrokerId(broker.id.0))
        .with_host(text(&broker.host))
        .with_port(i32::from(broker.port))
        .with_rack(broker.rack.as_deref().map(text))
}
