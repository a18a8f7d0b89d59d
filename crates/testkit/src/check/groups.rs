//! Where a group is, as its coordinator says.

use model::{Offset, PartitionId, TopicName};
use wire::{
    Api,
    messages::{
        self, FindCoordinatorRequest, FindCoordinatorResponse, GroupId, OffsetFetchRequest,
        OffsetFetchResponse, offset_fetch_request::OffsetFetchRequestTopic, text,
    },
};

use crate::{
    client::{Client, code},
    net::Host,
};

/// The coordinator of `group`, as any broker that answers knows it.
pub fn group_coordinator(client: &mut Client, group: &str) -> Option<Host> {
    let brokers = client.brokers().to_vec();
    brokers.into_iter().find_map(|broker| coordinator_by(client, broker, group))
}

fn coordinator_by(client: &mut Client, broker: Host, group: &str) -> Option<Host> {
    let request = FindCoordinatorRequest::default().with_key(text(group)).with_key_type(0);
    let answer: FindCoordinatorResponse =
        client.ask(broker, (Api::FindCoordinator, 2), &request).ok()?;
    let is_known = code(answer.error_code).is_none();
    is_known.then(|| u16::try_from(answer.node_id.0).ok().map(Host)).flatten()
}

/// The committed position that no open transaction is about to change, if the coordinator answers; within it none when nothing is committed.
pub fn committed_position(
    client: &mut Client,
    coordinator: Host,
    (group, topic, partition): (&str, &TopicName, PartitionId),
) -> Option<Option<Offset>> {
    let topic = OffsetFetchRequestTopic::default()
        .with_name(messages::TopicName(text(topic.as_str())))
        .with_partition_indexes(vec![partition.0]);
    let request = OffsetFetchRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_topics(Some(vec![topic]))
        .with_require_stable(true);
    let answer: OffsetFetchResponse =
        client.ask(coordinator, (Api::OffsetFetch, 7), &request).ok()?;
    let partition = answer.topics.first()?.partitions.first()?;
    if !code(answer.error_code).is_none() || !code(partition.error_code).is_none() {
        return None;
    }
    Some((partition.committed_offset >= 0).then_some(Offset(partition.committed_offset)))
}
