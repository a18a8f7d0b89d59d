//! DescribeLogDirs, versions 1 to 4: which partition takes how many bytes where; 4 tells the disk's size (KIP-827).
//!
//! A log directory that has failed is told without its partitions, as Apache Kafka does. Unlike there, the answer has a tag with the
//! broker's wall clock ([`wire::broker_clock`]), for `logmill doctor`.

use std::collections::{BTreeMap, BTreeSet};

use model::ErrorCode;
use wire::{
    messages::{
        DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName,
        describe_log_dirs_response::{
            DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
        },
        text,
    },
    with_broker_clock,
};

use crate::dispatch::Context;

pub(crate) fn handle(cx: Context, asked: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let directory = DescribeLogDirsResult::default()
        .with_log_dir(text(&cx.shared.options.log_directory))
        .with_total_bytes(UNKNOWN)
        .with_usable_bytes(UNKNOWN);
    let result = if cx.shared.replicas.is_offline() {
        directory.with_error_code(ErrorCode::KafkaStorageError.code())
    } else {
        described(&cx, &asked, directory)
    };
    let answer = DescribeLogDirsResponse::default().with_results(vec![result]);
    with_broker_clock(answer, cx.shared.clock.wall())
}

fn described(
    cx: &Context,
    asked: &DescribeLogDirsRequest,
    directory: DescribeLogDirsResult,
) -> DescribeLogDirsResult {
    let wanted: Option<BTreeSet<(&str, i32)>> = asked.topics.as_ref().map(|topics| {
        let of = |topic: &wire::messages::describe_log_dirs_request::DescribableLogDirTopic| {
            topic.partitions.clone()
        };
        topics
            .iter()
            .flat_map(|topic| of(topic).into_iter().map(|index| (topic.topic.as_str(), index)))
            .collect()
    });

    let mut topics: BTreeMap<String, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
    for partition in cx.shared.replicas.all() {
        let named = partition.name();
        let (name, index) = (named.topic.as_str(), named.partition.0);
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&(name, index))) {
            continue;
        }
        let described = DescribeLogDirsPartition::default()
            .with_partition_index(index)
            .with_partition_size(i64::try_from(partition.usage().size_bytes).unwrap_or(i64::MAX));
        topics.entry(name.to_owned()).or_default().push(described);
    }

    let topics = topics.into_iter().map(|(name, mut partitions)| {
        partitions.sort_by_key(|partition| partition.partition_index);
        DescribeLogDirsTopic::default()
            .with_name(TopicName(text(&name)))
            .with_partitions(partitions)
    });
    let directory = directory.with_topics(topics.collect());
    let Some(space) = cx.shared.replicas.disk_space() else { return directory };
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    directory
        .with_total_bytes(bytes(space.total_bytes))
        .with_usable_bytes(bytes(space.usable_bytes))
}

/// How Kafka says that it does not know the size of a disk.
const UNKNOWN: i64 = -1;
