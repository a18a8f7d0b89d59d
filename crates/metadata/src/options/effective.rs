//! What a topic's options come to, typed: for the log, the leader and the cleaner.

use crate::{Image, Topic};

use super::{Compression, ServerOptions, describe::resolve, row::items, topic};

/// A topic's options as they are in force.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicOptions {
    /// `segment.bytes`.
    pub segment_bytes: u32,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `segment.jitter.ms`.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `retention.ms`; negative: no bound.
    pub retention_ms: i64,
    /// `retention.bytes`; negative: no bound.
    pub retention_bytes: i64,
    /// Whether `cleanup.policy` has `delete`.
    pub is_deleted: bool,
    /// Whether `cleanup.policy` has `compact`.
    pub is_compacted: bool,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`.
    pub min_cleanable_dirty_ratio: f64,
    /// `flush.messages`.
    pub flush_messages: i64,
    /// `flush.ms`.
    pub flush_ms: i64,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: i64,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `compression.type`.
    pub compression: Compression,
    /// Whether `message.timestamp.type` is LogAppendTime.
    pub is_log_append_time: bool,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `unclean.leader.election.enable`.
    pub is_unclean_election_allowed: bool,
    /// Bytes to reserve ahead of the active segment's end: `segment.bytes` with `preallocate`, else
    /// `logmill.log.preallocate.bytes` of the broker.
    pub preallocate_bytes: u64,
    /// `producer.id.expiration.ms` of the broker.
    pub producer_id_expiration_ms: i64,
}

/// What the options of `topic` come to on the broker of `server`.
#[must_use]
pub fn effective(server: &ServerOptions, image: &Image, topic: &Topic) -> TopicOptions {
    let values = Values { server, image, topic };
    let segment_bytes = values.size("segment.bytes");
    let policy = values.text("cleanup.policy");
    TopicOptions {
        segment_bytes,
        segment_ms: values.number("segment.ms"),
        segment_jitter_ms: values.number("segment.jitter.ms"),
        segment_index_bytes: values.size("segment.index.bytes"),
        index_interval_bytes: values.size("index.interval.bytes"),
        retention_ms: values.number("retention.ms"),
        retention_bytes: values.number("retention.bytes"),
        is_deleted: items(&policy).any(|item| item == "delete"),
        is_compacted: items(&policy).any(|item| item == "compact"),
        delete_retention_ms: values.number("delete.retention.ms"),
        min_compaction_lag_ms: values.number("min.compaction.lag.ms"),
        max_compaction_lag_ms: values.number("max.compaction.lag.ms"),
        min_cleanable_dirty_ratio: values.text("min.cleanable.dirty.ratio").parse().unwrap_or(0.5),
        flush_messages: values.number("flush.messages"),
        flush_ms: values.number("flush.ms"),
        file_delete_delay_ms: values.number("file.delete.delay.ms"),
        max_message_bytes: values.size("max.message.bytes"),
        compression: Compression::parse(&values.text("compression.type")).unwrap_or_default(),
        is_log_append_time: values.text("message.timestamp.type") == "LogAppendTime",
        timestamp_before_max_ms: values.number("message.timestamp.before.max.ms"),
        timestamp_after_max_ms: values.number("message.timestamp.after.max.ms"),
        min_insync_replicas: i32::try_from(values.number("min.insync.replicas")).unwrap_or(1),
        is_unclean_election_allowed: values.is_true("unclean.leader.election.enable"),
        preallocate_bytes: if values.is_true("preallocate") {
            u64::from(segment_bytes)
        } else {
            u64::try_from(server.number("logmill.log.preallocate.bytes")).unwrap_or(0)
        },
        producer_id_expiration_ms: server.number("producer.id.expiration.ms"),
    }
}

/// `min.insync.replicas` of `topic` alone, as in [`effective`].
#[must_use]
pub fn min_insync_replicas(server: &ServerOptions, image: &Image, topic: &Topic) -> usize {
    let number = Values { server, image, topic }.number("min.insync.replicas");
    usize::try_from(number).unwrap_or(1)
}

struct Values<'a> {
    server: &'a ServerOptions,
    image: &'a Image,
    topic: &'a Topic,
}

impl Values<'_> {
    fn text(&self, name: &str) -> String {
        let row = topic::row(name).expect("only names of rows are asked for here");
        let resolved = resolve(self.server, self.image, Some(self.topic), row);
        resolved.value.unwrap_or_default().trim().to_owned()
    }

    fn number(&self, name: &str) -> i64 {
        // Values are checked before they are facts; one that a newer version allowed counts as not set.
        let default = || topic::row(name)?.default?.parse().ok();
        self.text(name).parse().ok().or_else(default).unwrap_or(0)
    }

    fn size(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).unwrap_or(0)
    }

    fn is_true(&self, name: &str) -> bool {
        self.text(name).eq_ignore_ascii_case("true")
    }
}
