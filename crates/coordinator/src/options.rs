//! The settings of groups, under the names and defaults of Kafka's `server.properties`.

use std::sync::Arc;

/// How many partitions a topic has; none when there is no such topic.
pub type Topics = Arc<dyn Fn(&str) -> Option<i32> + Send + Sync>;

/// Settings of the group coordinator.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// `offsets.topic.num.partitions`: what a group's hash is taken modulo. Never changed once the topic exists.
    pub offsets_partitions: i32,
    /// `offsets.retention.minutes`.
    pub offsets_retention_minutes: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i64,
    /// `offset.metadata.max.bytes`, in characters, as Kafka counts.
    pub offset_metadata_max_bytes: usize,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more first members.
    pub initial_rebalance_delay_ms: i32,
    /// `group.min.session.timeout.ms`.
    pub session_timeout_ms_min: i32,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_ms_max: i32,
    /// `group.max.size`, in members.
    pub group_size_max: usize,
}

impl Default for GroupOptions {
    fn default() -> Self {
        Self {
            offsets_partitions: 50,
            offsets_retention_minutes: 10_080,
            offsets_retention_check_interval_ms: 600_000,
            offset_metadata_max_bytes: 4_096,
            initial_rebalance_delay_ms: 3_000,
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            group_size_max: usize::MAX,
        }
    }
}
