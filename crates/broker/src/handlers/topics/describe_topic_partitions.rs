//! DescribeTopicPartitions, version 0 (KIP-966): topics page by page, by name.

use metadata::{PartitionState, Topic};
use model::ErrorCode;
use wire::messages::{
    self, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    describe_topic_partitions_response::{
        Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
    },
    text,
};

use super::metadata::{leader, node_ids, offline};
use crate::{dispatch::Context, handlers::operations};

/// Kafka's default `max.request.partition.size.limit`.
const PARTITIONS_MAX: usize = 2_000;

pub(crate) fn handle(
    cx: Context,
    asked: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let all = asked.topics.is_empty();
    let mut names: Vec<String> = if all {
        cx.image.topics().map(|topic| topic.name.as_str().to_owned()).collect()
    } else {
        asked.topics.iter().map(|topic| topic.name.to_string()).collect()
    };
    names.sort();
    names.dedup();
    let (mut from_topic, mut from_partition) = (String::new(), 0);
    if let Some(cursor) = &asked.cursor {
        from_topic = cursor.topic_name.to_string();
        from_partition = cursor.partition_index;
        if from_partition < 0 || (!all && !names.contains(&from_topic)) {
            return refused(&asked, ErrorCode::InvalidRequest);
        }
    }
    names.retain(|name| *name >= from_topic);

    let limit = usize::try_from(asked.response_partition_limit).unwrap_or(0);
    let mut page = Page { left: limit.clamp(1, PARTITIONS_MAX), topics: Vec::new(), next: None };
    for name in &names {
        let first = if *name == from_topic { from_partition } else { 0 };
        match cx.image.topic(name) {
            Some(topic) => page.add(&cx, topic, first),
            None => page.topics.push(unknown(name)),
        }
        if page.next.is_some() {
            break;
        }
    }
    DescribeTopicPartitionsResponse::default().with_topics(page.topics).with_next_cursor(page.next)
}

struct Page {
    left: usize,
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    next: Option<Cursor>,
}

impl Page {
    fn add(&mut self, cx: &Context, topic: &Topic, first: i32) {
        let name = messages::TopicName(text(topic.name.as_str()));
        let mut numbered = topic.numbered().skip_while(|(number, _)| number.0 < first).peekable();
        let mut partitions = Vec::new();
        while self.left > 0
            && let Some((number, state)) = numbered.next()
        {
            partitions.push(partition(cx, number.0, state));
            self.left -= 1;
        }
        if let Some((number, _)) = numbered.peek() {
            let next = Cursor::default().with_topic_name(name.clone());
            self.next = Some(next.with_partition_index(number.0));
            if partitions.is_empty() {
                return;
            }
        }
        self.topics.push(
            DescribeTopicPartitionsResponseTopic::default()
                .with_name(Some(name))
                .with_topic_id(topic.id.0)
                .with_is_internal(topic.name.is_internal())
                .with_partitions(partitions)
                .with_topic_authorized_operations(operations::TOPIC),
        );
    }
}

fn partition(
    cx: &Context,
    number: i32,
    state: &PartitionState,
) -> DescribeTopicPartitionsResponsePartition {
    let (leader, error) = leader(&cx.image, state);
    DescribeTopicPartitionsResponsePartition::default()
        .with_error_code(error.code())
        .with_partition_index(number)
        .with_leader_id(leader)
        .with_leader_epoch(state.leader_epoch.0)
        .with_replica_nodes(node_ids(&state.replicas))
        .with_isr_nodes(node_ids(&state.isr))
        .with_eligible_leader_replicas(Some(node_ids(&state.elr)))
        .with_last_known_elr(Some(Vec::new()))
        .with_offline_replicas(offline(&cx.image, state))
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error = match model::TopicName::parse(name) {
        Ok(_) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(messages::TopicName(text(name))))
}

fn refused(
    asked: &DescribeTopicPartitionsRequest,
    error: ErrorCode,
) -> DescribeTopicPartitionsResponse {
    let topics = asked.topics.iter().map(|topic| {
        DescribeTopicPartitionsResponseTopic::default()
            .with_error_code(error.code())
            .with_name(Some(topic.name.clone()))
    });
    DescribeTopicPartitionsResponse::default().with_topics(topics.collect())
}
