//! The options of one log: those of its topic over those of the broker.

use records::{Codec, Rules, TimestampType};

/// How a log rolls, what it keeps and what it refuses. The defaults are Apache Kafka's.
#[derive(Clone, Debug, PartialEq)]
pub struct LogOptions {
    /// `segment.bytes`.
    pub segment_bytes: u32,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `retention.ms`; -1 keeps for ever.
    pub retention_ms: i64,
    /// `retention.bytes`; -1 keeps all.
    pub retention_bytes: i64,
    /// Whether `cleanup.policy` has `delete`.
    pub delete: bool,
    /// Whether `cleanup.policy` has `compact`.
    pub compact: bool,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `segment.index.bytes`.
    pub index_bytes_max: u32,
    /// `max.message.bytes`: of one batch, prefix included.
    pub message_bytes_max: u32,
    /// `flush.messages`.
    pub flush_messages: i64,
    /// `flush.ms`.
    pub flush_ms: i64,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`.
    pub min_cleanable_dirty_ratio: f64,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `compression.type`; none is `producer`: as it comes.
    pub codec: Option<Codec>,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: i64,
    /// Bytes reserved ahead of the end of a segment that is being written; 0 reserves nothing.
    pub preallocate_bytes: u64,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: i64,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            retention_ms: 7 * DAY_MS,
            retention_bytes: -1,
            delete: true,
            compact: false,
            index_interval_bytes: 4096,
            index_bytes_max: 10 << 20,
            message_bytes_max: 1_048_588,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            delete_retention_ms: DAY_MS,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            min_cleanable_dirty_ratio: 0.5,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            codec: None,
            file_delete_delay_ms: 60_000,
            preallocate_bytes: 32 << 20,
            producer_id_expiration_ms: DAY_MS,
        }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl LogOptions {
    /// What these options ask of a batch from a client, or from a part of the broker.
    pub(crate) fn rules(&self, from_client: bool) -> Rules {
        Rules {
            timestamp_type: self.timestamp_type,
            before_max_ms: self.timestamp_before_max_ms,
            after_max_ms: self.timestamp_after_max_ms,
            size_bytes_max: usize::try_from(self.message_bytes_max).unwrap_or(usize::MAX),
            compacted: self.compact,
            from_client,
        }
    }
}
