//! DeleteRecords, versions 0 to 2: a log begins later, on every replica that is alive.
//!
//! The leader's own does at once. Its followers hear of it with what they fetch next, and tell with the fetch after that: the answer waits for
//! them as long as the request allows, and says REQUEST_TIMED_OUT of a partition where one has not told by then. What is deleted stays so.

use std::{sync::Arc, time::Duration};

use model::{ErrorCode, Offset};
use replication::{Deleted, Partition, Waiter};
use wire::messages::{
    DeleteRecordsRequest, DeleteRecordsResponse,
    delete_records_request::DeleteRecordsPartition,
    delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult},
};
use world::{Clock, Instant, exec::timeout};

use crate::{dispatch::Context, resolve};

/// As long as a client may have it wait: its later requests wait behind it.
const WAIT_MAX: Duration = Duration::from_secs(300);

pub(crate) async fn handle(cx: Context, asked: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let clock = Arc::clone(&cx.shared.clock);
    let patience = Duration::from_millis(u64::try_from(asked.timeout_ms).unwrap_or(0));
    let patience = patience.min(WAIT_MAX);
    let deadline = clock.now().plus(patience);
    // All begin to delete before the first is awaited.
    let begun: Vec<Vec<_>> = asked
        .topics
        .iter()
        .map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|partition| delete(&cx, topic.name.as_str(), partition)).collect()
        })
        .collect();
    let mut topics = Vec::with_capacity(begun.len());
    for (topic, begun) in asked.topics.iter().zip(begun) {
        let mut partitions = Vec::with_capacity(begun.len());
        for (partition, begun) in topic.partitions.iter().zip(begun) {
            let answer = DeleteRecordsPartitionResult::default()
                .with_partition_index(partition.partition_index);
            let (low_watermark, code) = match begun {
                Ok((partition, deleted)) => {
                    everywhere(&partition, deleted, &*clock, deadline).await
                }
                Err(code) => (Offset::NONE, code),
            };
            let answer = answer.with_low_watermark(low_watermark.0);
            partitions.push(answer.with_error_code(code.code()));
        }
        let answer = DeleteRecordsTopicResult::default().with_name(topic.name.clone());
        topics.push(answer.with_partitions(partitions));
    }
    DeleteRecordsResponse::default().with_topics(topics)
}

fn delete(
    cx: &Context,
    name: &str,
    asked: &DeleteRecordsPartition,
) -> Result<(Arc<Partition>, Deleted), ErrorCode> {
    let partition = resolve::by_name(&cx.shared, &cx.image, name, asked.partition_index)?;
    if model::TopicName::parse(name).is_ok_and(|name| name.is_internal()) {
        return Err(ErrorCode::InvalidTopicException);
    }
    let deleted = partition.delete_records(Offset(asked.offset)).map_err(|error| error.code())?;
    Ok((partition, deleted))
}

/// Waits until every replica that is alive has deleted; answers the low watermark. One that came too late is the one from the beginning.
async fn everywhere(
    partition: &Partition,
    deleted: Deleted,
    clock: &dyn Clock,
    deadline: Instant,
) -> (Offset, ErrorCode) {
    let mut low_watermark = deleted.low_watermark;
    while low_watermark < deleted.until {
        let left = deadline.since(clock.now());
        if left.is_zero() {
            return (deleted.low_watermark, ErrorCode::RequestTimedOut);
        }
        let waiter = Waiter::new();
        partition.park_deletion(&waiter, deleted.until);
        let _ = timeout(left, waiter.woken()).await;
        match partition.low_watermark() {
            Ok(now) => low_watermark = now,
            Err(error) => return (Offset::NONE, error.code()),
        }
    }
    (low_watermark, ErrorCode::None)
}
