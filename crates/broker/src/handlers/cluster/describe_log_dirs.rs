//! DescribeLogDirs, versions 1 to 4: which partition takes how many bytes where; 4 tells the disk's size.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use model::ErrorCode;
use wire::messages::{
    DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName,
    describe_log_dirs_response::{
        DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
    },
    text,
};

use crate::dispatch::Context;

pub(crate) fn handle(cx: Context, asked: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
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

    let directory = &cx.shared.options.log_directory;
    let (total, usable) = disk_space(Path::new(directory)).unwrap_or((-1, -1));
    let topics = topics.into_iter().map(|(name, mut partitions)| {
        partitions.sort_by_key(|partition| partition.partition_index);
        DescribeLogDirsTopic::default()
            .with_name(TopicName(text(&name)))
            .with_partitions(partitions)
    });
    let result = DescribeLogDirsResult::default()
        .with_log_dir(text(directory))
        .with_error_code(ErrorCode::None.code())
        .with_topics(topics.collect())
        .with_total_bytes(total)
        .with_usable_bytes(usable);
    DescribeLogDirsResponse::default().with_results(vec![result])
}

/// Size of the disk and what is free on it, in bytes.
fn disk_space(directory: &Path) -> Option<(i64, i64)> {
    let space = rustix::fs::statvfs(directory).ok()?;
    let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(space.f_frsize)).ok();
    Some((bytes(space.f_blocks)?, bytes(space.f_bavail)?))
}
