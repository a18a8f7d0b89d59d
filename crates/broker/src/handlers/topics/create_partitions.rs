//! CreatePartitions, versions 0 to 3: 2 is flexible.

use controller::{MorePartitions, Refusal};
use model::{BrokerId, ErrorCode};
use wire::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, TopicName,
    create_partitions_request::CreatePartitionsTopic,
    create_partitions_response::CreatePartitionsTopicResult, text,
};

use crate::{
    dispatch::Context,
    handlers::{unanswered, within},
};

pub(crate) async fn handle(
    cx: Context,
    asked: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let is_twice = |topic: &CreatePartitionsTopic| {
        asked.topics.iter().filter(|other| other.name == topic.name).count() > 1
    };
    let (twice, once): (Vec<_>, Vec<_>) = asked.topics.iter().partition(|topic| is_twice(topic));
    let refusal = Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic in request.");
    let mut names: Vec<&TopicName> = twice.iter().map(|topic| &topic.name).collect();
    names.sort();
    names.dedup();
    let mut answers: Vec<CreatePartitionsTopicResult> =
        names.into_iter().map(|name| answer(name, Err(refusal.clone()))).collect();

    let topics = once.iter().map(|topic| more_partitions(topic)).collect();
    let made = cx.shared.controller.create_partitions(topics, asked.validate_only);
    let made = within(asked.timeout_ms, made).await;
    let made = made.unwrap_or_else(|| once.iter().map(|_| Err(unanswered())).collect());

    answers.extend(once.iter().zip(made).map(|(topic, result)| answer(&topic.name, result)));
    CreatePartitionsResponse::default().with_results(answers)
}

fn more_partitions(asked: &CreatePartitionsTopic) -> MorePartitions {
    let assignment = asked.assignments.as_ref().map(|partitions| {
        let replicas =
            |ids: &[wire::messages::BrokerId]| ids.iter().map(|id| BrokerId(id.0)).collect();
        partitions.iter().map(|partition| replicas(&partition.broker_ids)).collect()
    });
    MorePartitions { name: asked.name.to_string(), count: asked.count, assignment }
}

fn answer(name: &TopicName, result: Result<(), Refusal>) -> CreatePartitionsTopicResult {
    let answer = CreatePartitionsTopicResult::default().with_name(name.clone());
    match result {
        Ok(()) => answer.with_error_message(None),
        Err(Refusal { code, message }) => {
            answer.with_error_code(code.code()).with_error_message(Some(text(&message)))
        }
    }
}
