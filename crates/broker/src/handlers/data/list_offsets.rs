//! ListOffsets, versions 1 to 10: earliest, latest, by time; 2 by isolation, 4 by epoch, 7 the largest timestamp, 8 and 9 tiers.

use std::collections::BTreeSet;

use model::{ErrorCode, Isolation, LeaderEpoch, Offset, TimestampMs};
use replication::{ListedOffset, OffsetSpec};
use wire::messages::{
    ListOffsetsRequest, ListOffsetsResponse,
    list_offsets_request::ListOffsetsPartition,
    list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
};

use crate::{dispatch::Context, resolve};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

pub(crate) fn handle(cx: Context, asked: ListOffsetsRequest) -> ListOffsetsResponse {
    let isolation = Isolation::from_wire(asked.isolation_level);
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for topic in &asked.topics {
        for partition in &topic.partitions {
            let key = (topic.name.as_str(), partition.partition_index);
            if !seen.insert(key) {
                twice.insert(key);
            }
        }
    }
    let topics = asked.topics.iter().map(|topic| {
        let name = topic.name.as_str();
        let partitions = topic.partitions.iter().map(|partition| {
            if twice.contains(&(name, partition.partition_index)) {
                return refused(partition, ErrorCode::InvalidRequest);
            }
            match look_up(&cx, name, partition, isolation) {
                Ok(listed) => answer(partition, &listed, cx.version),
                Err(error) => refused(partition, known_to(cx.version, error)),
            }
        });
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn look_up(
    cx: &Context,
    name: &str,
    asked: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<ListedOffset, ErrorCode> {
    let spec = spec(asked.timestamp, cx.version)?;
    let epoch =
        (asked.current_leader_epoch >= 0).then_some(LeaderEpoch(asked.current_leader_epoch));
    let partition = resolve::by_name(&cx.shared, &cx.image, name, asked.partition_index)?;
    partition.list_offsets(spec, isolation, epoch).map_err(|error| error.code())
}

/// What is asked, if the version knows the question.
fn spec(timestamp: i64, version: i16) -> Result<OffsetSpec, ErrorCode> {
    match timestamp {
        LATEST => Ok(OffsetSpec::Latest),
        EARLIEST => Ok(OffsetSpec::Earliest),
        MAX_TIMESTAMP if version >= 7 => Ok(OffsetSpec::MaxTimestamp),
        EARLIEST_LOCAL if version >= 8 => Ok(OffsetSpec::EarliestLocal),
        LATEST_TIERED if version >= 9 => Ok(OffsetSpec::LatestTiered),
        time if time >= 0 => Ok(OffsetSpec::Time(TimestampMs(time))),
        _ => Err(ErrorCode::UnsupportedVersion),
    }
}

/// Clients up to version 4 do not know that an offset can be not available.
fn known_to(version: i16, error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::OffsetNotAvailable if version < 5 => ErrorCode::LeaderNotAvailable,
        error => error,
    }
}

fn answer(
    asked: &ListOffsetsPartition,
    listed: &ListedOffset,
    version: i16,
) -> ListOffsetsPartitionResponse {
    let answer = ListOffsetsPartitionResponse::default()
        .with_partition_index(asked.partition_index)
        .with_timestamp(listed.timestamp.0)
        .with_offset(listed.offset.0);
    if version < 4 { answer } else { answer.with_leader_epoch(listed.leader_epoch.0) }
}

fn refused(asked: &ListOffsetsPartition, error: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse::default()
        .with_partition_index(asked.partition_index)
        .with_error_code(error.code())
        .with_timestamp(TimestampMs::NONE.0)
        .with_offset(Offset::NONE.0)
        .with_leader_epoch(LeaderEpoch::NONE.0)
}
