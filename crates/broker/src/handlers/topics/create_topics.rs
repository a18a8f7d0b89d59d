//! CreateTopics, versions 2 to 7: 5 is flexible and answers the topic's settings, 7 its id.

use std::collections::BTreeMap;

use controller::{CreatedTopic, NewTopic, Refusal};
use model::{BrokerId, ErrorCode, PartitionId};
use wire::messages::{
    CreateTopicsRequest, CreateTopicsResponse, TopicName,
    create_topics_request::CreatableTopic,
    create_topics_response::{CreatableTopicConfigs, CreatableTopicResult},
    text,
};

use crate::{
    dispatch::Context,
    handlers::{unanswered, within},
};

pub(crate) async fn handle(cx: Context, asked: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &asked.topics {
        *times.entry(topic.name.as_str()).or_default() += 1;
    }
    let twice = times.iter().filter(|(_, times)| **times > 1).map(|(name, _)| {
        let refusal = Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name.");
        answer(&cx, TopicName(text(name)), Err(refusal))
    });
    let mut answers: Vec<CreatableTopicResult> = twice.collect();
    let once: Vec<&CreatableTopic> =
        asked.topics.iter().filter(|topic| times.get(topic.name.as_str()) == Some(&1)).collect();

    let topics = once.iter().map(|topic| new_topic(topic)).collect();
    let created = cx.shared.controller.create_topics(topics, asked.validate_only);
    let created = within(asked.timeout_ms, created).await;
    let created = created.unwrap_or_else(|| once.iter().map(|_| Err(unanswered())).collect());

    let rest =
        once.iter().zip(created).map(|(topic, result)| answer(&cx, topic.name.clone(), result));
    answers.extend(rest);
    CreateTopicsResponse::default().with_topics(answers)
}

fn new_topic(asked: &CreatableTopic) -> NewTopic {
    let assignment = asked.assignments.iter().map(|partition| {
        let replicas = partition.broker_ids.iter().map(|id| BrokerId(id.0)).collect();
        (PartitionId(partition.partition_index), replicas)
    });
    let options = asked
        .configs
        .iter()
        .map(|option| (option.name.to_string(), option.value.as_ref().map(ToString::to_string)));
    NewTopic {
        name: asked.name.to_string(),
        partitions: asked.num_partitions,
        replication_factor: asked.replication_factor,
        assignment: assignment.collect(),
        options: options.collect(),
    }
}

fn answer(
    cx: &Context,
    name: TopicName,
    result: Result<CreatedTopic, Refusal>,
) -> CreatableTopicResult {
    let answer = CreatableTopicResult::default().with_name(name);
    let created = match result {
        Ok(created) => created,
        Err(Refusal { code, message }) => {
            return answer.with_error_code(code.code()).with_error_message(Some(text(&message)));
        }
    };
    let answer = answer.with_topic_id(created.id.0).with_error_message(None);
    if cx.version < 5 {
        return answer;
    }
    let options = created.options.iter().map(|option| {
        CreatableTopicConfigs::default()
            .with_name(text(&option.name))
            .with_value(option.value.as_deref().map(text))
            .with_read_only(option.is_read_only)
            .with_config_source(option.source.wire())
            .with_is_sensitive(option.is_sensitive)
    });
    answer
        .with_num_partitions(created.partitions)
        .with_replication_factor(created.replication_factor)
        .with_configs(Some(options.collect()))
}
