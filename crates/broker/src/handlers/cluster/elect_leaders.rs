//! ElectLeaders, versions 0 to 2 (KIP-460): 0 knows preferred leaders only, 1 unclean ones too, 2 is flexible.

use controller::{Elected, Election};
use model::{ErrorCode, PartitionId};
use wire::messages::{
    self, ElectLeadersRequest, ElectLeadersResponse,
    elect_leaders_response::{PartitionResult, ReplicaElectionResult},
    text,
};

use crate::{
    dispatch::Context,
    handlers::{unanswered, within},
};

pub(crate) async fn handle(cx: Context, asked: ElectLeadersRequest) -> ElectLeadersResponse {
    let Some(kind) = Election::from_wire(asked.election_type) else {
        // Only version 1 and newer can ask so.
        return ElectLeadersResponse::default().with_error_code(ErrorCode::InvalidRequest.code());
    };
    let partitions = asked.topic_partitions.as_ref().map(|topics| {
        let of_topic = |topic: &messages::elect_leaders_request::TopicPartitions| {
            let name = topic.topic.to_string();
            let numbers = topic.partitions.clone();
            numbers.into_iter().map(move |number| (name.clone(), PartitionId(number)))
        };
        topics.iter().flat_map(of_topic).collect::<Vec<_>>()
    });

    let elected = cx.shared.controller.elect_leaders(kind, partitions.clone());
    let Some(elected) = within(asked.timeout_ms, elected).await else {
        return late(cx.version, partitions);
    };
    ElectLeadersResponse::default().with_replica_election_results(by_topic(elected))
}

/// Version 0 has no word for the whole request.
fn late(version: i16, partitions: Option<Vec<(String, PartitionId)>>) -> ElectLeadersResponse {
    let refusal = unanswered();
    if version > 0 {
        return ElectLeadersResponse::default().with_error_code(refusal.code.code());
    }
    let elected = partitions.unwrap_or_default().into_iter().map(|(topic, partition)| Elected {
        topic,
        partition,
        outcome: Err(refusal.clone()),
    });
    ElectLeadersResponse::default().with_replica_election_results(by_topic(elected.collect()))
}

/// Neighbours of one topic under its name.
fn by_topic(elected: Vec<Elected>) -> Vec<ReplicaElectionResult> {
    let mut topics: Vec<ReplicaElectionResult> = Vec::new();
    for Elected { topic, partition, outcome } in elected {
        let result = PartitionResult::default().with_partition_id(partition.0);
        let result = match outcome {
            Ok(()) => result,
            Err(refusal) => result
                .with_error_code(refusal.code.code())
                .with_error_message(Some(text(&refusal.message))),
        };
        match topics.last_mut() {
            Some(last) if last.topic.as_str() == topic => last.partition_result.push(result),
            _ => topics.push(
                ReplicaElectionResult::default()
                    .with_topic(messages::TopicName(text(&topic)))
                    .with_partition_result(vec![result]),
            ),
        }
    }
    topics
}
