//! A topic's options, as its logs take them.

use metadata::options::{Compression, TopicOptions};
use records::{Codec, TimestampType};
use storage::LogOptions;

/// What a topic's options ask of its logs.
#[must_use]
pub fn log_options(topic: &TopicOptions) -> LogOptions {
    LogOptions {
        segment_bytes: topic.segment_bytes,
        segment_ms: topic.segment_ms.saturating_sub(topic.segment_jitter_ms).max(1),
        retention_ms: topic.retention_ms,
        retention_bytes: topic.retention_bytes,
        delete: topic.is_deleted,
        compact: topic.is_compacted,
        index_interval_bytes: topic.index_interval_bytes,
        index_bytes_max: topic.segment_index_bytes,
        message_bytes_max: topic.max_message_bytes,
        // The partition counts: those who append at once share one sync, outside of the log's lock.
        flush_messages: i64::MAX,
        flush_ms: topic.flush_ms,
        delete_retention_ms: topic.delete_retention_ms,
        min_compaction_lag_ms: topic.min_compaction_lag_ms,
        max_compaction_lag_ms: topic.max_compaction_lag_ms,
        min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio,
        timestamp_type: if topic.is_log_append_time {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        },
        timestamp_before_max_ms: topic.timestamp_before_max_ms,
        timestamp_after_max_ms: topic.timestamp_after_max_ms,
        codec: codec(topic.compression),
        file_delete_delay_ms: topic.file_delete_delay_ms,
        preallocate_bytes: topic.preallocate_bytes,
        producer_id_expiration_ms: topic.producer_id_expiration_ms,
    }
}

/// None: as the producer sent it.
fn codec(compression: Compression) -> Option<Codec> {
    match compression {
        Compression::Producer => None,
        Compression::Uncompressed => Some(Codec::None),
        Compression::Gzip => Some(Codec::Gzip),
        Compression::Snappy => Some(Codec::Snappy),
        Compression::Lz4 => Some(Codec::Lz4),
        Compression::Zstd => Some(Codec::Zstd),
    }
}
