//! AlterPartitionReassignments, versions 0 to 1 (KIP-455): 1 may forbid that the number of replicas changes (KIP-860).

use controller::{Reassignment, Refusal};
use model::{BrokerId, PartitionId};
use wire::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    alter_partition_reassignments_response::{
        ReassignablePartitionResponse, ReassignableTopicResponse,
    },
    text,
};

use crate::{
    dispatch::Context,
    handlers::{unanswered, within},
};

pub(crate) async fn handle(
    cx: Context,
    asked: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let may_change_factor = asked.allow_replication_factor_change;
    let changes = asked.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| Reassignment {
            topic: topic.name.to_string(),
            partition: PartitionId(partition.partition_index),
            replicas: partition
                .replicas
                .as_ref()
                .map(|replicas| replicas.iter().map(|id| BrokerId(id.0)).collect()),
        })
    });

    let pending = cx.shared.controller.alter_reassignments(changes.collect(), may_change_factor);
    let answer = AlterPartitionReassignmentsResponse::default()
        .with_allow_replication_factor_change(may_change_factor || cx.version == 0);
    let Some(outcomes) = within(asked.timeout_ms, pending).await else {
        let Refusal { code, message } = unanswered();
        return answer.with_error_code(code.code()).with_error_message(Some(text(&message)));
    };

    let mut outcomes = outcomes.into_iter();
    let topics = asked.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().zip(outcomes.by_ref());
        let partitions = partitions
            .map(|(partition, outcome)| partition_answer(partition.partition_index, outcome));
        ReassignableTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    let topics = topics.collect();
    answer.with_responses(topics)
}

fn partition_answer(number: i32, outcome: Result<(), Refusal>) -> ReassignablePartitionResponse {
    let answer = ReassignablePartitionResponse::default().with_partition_index(number);
    match outcome {
        Ok(()) => answer,
        Err(Refusal { code, message }) => {
            answer.with_error_code(code.code()).with_error_message(Some(text(&message)))
        }
    }
}
