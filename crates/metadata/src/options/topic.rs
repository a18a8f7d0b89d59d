//! A topic's options: one row each, and the check of values before they become facts.
//!
//! Every option that Apache Kafka 4.3 knows on a topic is here, so that tools that set or mirror all of them work. Tiered storage can be
//! asked about and not switched on.

use std::collections::BTreeMap;

use super::{
    Compression,
    row::{Bounds, InvalidOption, Kind, Row, Stand, items},
};

/// The row of this name.
#[must_use]
pub fn row(name: &str) -> Option<&'static Row> {
    ROWS.binary_search_by(|row| row.name.cmp(name)).ok().map(|index| &ROWS[index])
}

/// Checks one value.
///
/// # Errors
/// [`InvalidOption`] for a name that is no topic option, or a value that its row refuses.
pub fn check(name: &str, value: &str) -> Result<(), InvalidOption> {
    let row =
        row(name).ok_or_else(|| InvalidOption(format!("Unknown topic config name: {name}")))?;
    if value.len() > VALUE_LENGTH_MAX {
        return Err(InvalidOption(format!(
            "The configuration value cannot be added because it exceeds the maximum value size of {VALUE_LENGTH_MAX} bytes."
        )));
    }
    row.check(value)?;
    if name == "remote.storage.enable" && value.trim().eq_ignore_ascii_case("true") {
        return Err(InvalidOption(
            "Tiered Storage functionality is disabled in the broker.".into(),
        ));
    }
    Ok(())
}

/// Checks what options say together, once each is valid by itself.
///
/// # Errors
/// [`InvalidOption`] when two of them contradict each other.
pub fn check_together(options: &BTreeMap<String, String>) -> Result<(), InvalidOption> {
    let lag = |name: &str| -> Option<i64> { options.get(name)?.trim().parse().ok() };
    let least = lag("min.compaction.lag.ms").unwrap_or(0);
    let most = lag("max.compaction.lag.ms").unwrap_or(i64::MAX);
    if least > most {
        return Err(InvalidOption(format!(
            "conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})"
        )));
    }
    Ok(())
}

/// `list` with `item`s added that it lacks.
#[must_use]
pub fn append(list: &str, added: &str) -> String {
    let mut all: Vec<&str> = items(list).collect();
    for item in items(added) {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    all.join(",")
}

/// `list` without the items of `taken`.
#[must_use]
pub fn subtract(list: &str, taken: &str) -> String {
    let taken: Vec<&str> = items(taken).collect();
    items(list).filter(|item| !taken.contains(item)).collect::<Vec<_>>().join(",")
}

/// Longer values are refused, as Kafka does.
const VALUE_LENGTH_MAX: usize = 32_767;

const fn same(name: &'static str) -> Stand {
    Stand { name, factor: 1 }
}

macro_rules! rows {
    ($($name:literal $kind:ident $default:literal $bounds:expr, [$($stand:expr),*], $doc:literal;)*) => {
        &[$(Row {
            name: $name,
            kind: Kind::$kind,
            default: Some($default),
            bounds: $bounds,
            doc: $doc,
            synonyms: &[$($stand),*],
            is_dynamic: true,
        }),*]
    };
}

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// All of them, by name.
pub const ROWS: &[Row] = rows! {
    "cleanup.policy" List "delete" Bounds::Each(&["compact", "delete"]), [same("log.cleanup.policy")],
        "What becomes of old segments: removed by retention, compacted to the newest record per key, or both.";
    "compression.gzip.level" Int "-1" Bounds::UnsetOrWithin(1, 9), [same("compression.gzip.level")],
        "The level when the topic's compression.type is gzip.";
    "compression.lz4.level" Int "9" Bounds::Within(1, 17), [same("compression.lz4.level")],
        "The level when the topic's compression.type is lz4.";
    "compression.type" Text "producer" Bounds::OneOf(Compression::NAMES), [same("compression.type")],
        "What batches are stored as; 'producer' keeps what the producer sent.";
    "compression.zstd.level" Int "3" Bounds::Within(-131_072, 22), [same("compression.zstd.level")],
        "The level when the topic's compression.type is zstd.";
    "delete.retention.ms" Long "86400000" Bounds::AtLeast(0), [same("log.cleaner.delete.retention.ms")],
        "How long a compacted topic keeps a tombstone after it was first cleaned.";
    "file.delete.delay.ms" Long "60000" Bounds::AtLeast(0), [same("log.segment.delete.delay.ms")],
        "How long a removed file stays on disk under another name.";
    "flush.messages" Long "9223372036854775807" Bounds::AtLeast(1), [same("log.flush.interval.messages")],
        "Records after which the log is synced to disk; 1 is before every acknowledgement.";
    "flush.ms" Long "9223372036854775807" Bounds::AtLeast(0), [same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")],
        "Time after which the log is synced to disk.";
    "follower.replication.throttled.replicas" List "" Bounds::Any, [],
        "Replicas whose replication is throttled on the follower's side.";
    "index.interval.bytes" Int "4096" Bounds::AtLeast(0), [same("log.index.interval.bytes")],
        "Bytes of log between two entries of the offset index.";
    "leader.replication.throttled.replicas" List "" Bounds::Any, [],
        "Replicas whose replication is throttled on the leader's side.";
    "local.retention.bytes" Long "-2" Bounds::AtLeast(-2), [same("log.local.retention.bytes")],
        "With tiered storage: bytes kept here. -2 is retention.bytes.";
    "local.retention.ms" Long "-2" Bounds::AtLeast(-2), [same("log.local.retention.ms")],
        "With tiered storage: time kept here. -2 is retention.ms.";
    "max.compaction.lag.ms" Long "9223372036854775807" Bounds::AtLeast(1), [same("log.cleaner.max.compaction.lag.ms")],
        "The longest that a record stays uncompacted.";
    "max.message.bytes" Int "1048588" Bounds::AtLeast(0), [same("message.max.bytes")],
        "The largest batch, as it is stored.";
    "message.timestamp.after.max.ms" Long "3600000" Bounds::AtLeast(0), [same("log.message.timestamp.after.max.ms")],
        "How far a record's timestamp may be ahead of the broker's clock.";
    "message.timestamp.before.max.ms" Long "9223372036854775807" Bounds::AtLeast(0), [same("log.message.timestamp.before.max.ms")],
        "How far a record's timestamp may be behind the broker's clock.";
    "message.timestamp.type" Text "CreateTime" Bounds::OneOf(&["CreateTime", "LogAppendTime"]), [same("log.message.timestamp.type")],
        "Whether a record's timestamp is the producer's or the moment of the append.";
    "min.cleanable.dirty.ratio" Double "0.5" Bounds::Ratio, [same("log.cleaner.min.cleanable.ratio")],
        "The share of uncompacted log from which on it is compacted.";
    "min.compaction.lag.ms" Long "0" Bounds::AtLeast(0), [same("log.cleaner.min.compaction.lag.ms")],
        "The least time that a record stays uncompacted.";
    "min.insync.replicas" Int "1" Bounds::AtLeast(1), [same("min.insync.replicas")],
        "In-sync replicas without which acks=all is refused.";
    "preallocate" Boolean "false" Bounds::Any, [same("log.preallocate")],
        "Whether a new segment's file is reserved whole.";
    "remote.log.copy.disable" Boolean "false" Bounds::Any, [],
        "With tiered storage: whether nothing more is copied to it.";
    "remote.log.delete.on.disable" Boolean "false" Bounds::Any, [],
        "With tiered storage: whether switching it off deletes what is there.";
    "remote.storage.enable" Boolean "false" Bounds::Any, [],
        "Tiered storage; cannot be switched on.";
    "retention.bytes" Long "-1" Bounds::Any, [same("log.retention.bytes")],
        "Bytes of a partition beyond which its oldest segments go; -1 is no bound.";
    "retention.ms" Long "604800000" Bounds::AtLeast(-1),
        [same("log.retention.ms"), Stand { name: "log.retention.minutes", factor: MINUTE_MS }, Stand { name: "log.retention.hours", factor: HOUR_MS }],
        "Age beyond which segments go; -1 is no bound.";
    "segment.bytes" Int "1073741824" Bounds::AtLeast(1_048_576), [same("log.segment.bytes")],
        "The largest segment file.";
    "segment.index.bytes" Int "10485760" Bounds::AtLeast(4), [same("log.index.size.max.bytes")],
        "The largest offset index file.";
    "segment.jitter.ms" Long "0" Bounds::AtLeast(0), [same("log.roll.jitter.ms"), Stand { name: "log.roll.jitter.hours", factor: HOUR_MS }],
        "The most that is taken off segment.ms by chance, so that segments do not all roll at once.";
    "segment.ms" Long "604800000" Bounds::AtLeast(1), [same("log.roll.ms"), Stand { name: "log.roll.hours", factor: HOUR_MS }],
        "Age beyond which a new segment is begun.";
    "unclean.leader.election.enable" Boolean "false" Bounds::Any, [same("unclean.leader.election.enable")],
        "Whether a replica that is not in sync may lead when no other is left, and records be lost.";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_their_defaults_are_legal() {
        assert!(ROWS.is_sorted_by(|a, b| a.name < b.name));
        for row in ROWS {
            row.check(row.default.unwrap()).unwrap();
            for stand in row.synonyms {
                assert!(super::super::broker::row(stand.name).is_some(), "{}", stand.name);
            }
        }
    }

    #[test]
    fn values_are_refused_in_kafkas_words() {
        let refused = |name: &str, value: &str| check(name, value).unwrap_err().0;
        assert_eq!(refused("no.such", "1"), "Unknown topic config name: no.such");
        assert_eq!(
            refused("retention.ms", "long"),
            "Invalid value long for configuration retention.ms: Not a number of type LONG"
        );
        assert_eq!(
            refused("segment.bytes", "5"),
            "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576"
        );
        assert!(refused("segment.bytes", "4294967296").ends_with("Not a number of type INT"));
        assert!(refused("cleanup.policy", "delete,shred").contains("compact, delete"));
        assert!(refused("compression.type", "none").contains("uncompressed"));
        assert!(refused("min.cleanable.dirty.ratio", "1.5").ends_with("no more than 1"));
        assert!(refused("min.cleanable.dirty.ratio", "NaN").ends_with("no more than 1"));
        assert!(refused("remote.storage.enable", "true").contains("Tiered"));
        assert!(refused("preallocate", "yes").ends_with("either true or false"));
        for legal in ["delete", "compact", "compact, delete", ""] {
            assert_eq!(check("cleanup.policy", legal), Ok(()));
        }
        assert_eq!(check("compression.gzip.level", "-1"), Ok(()));
        assert!(check("compression.gzip.level", "0").is_err());
    }

    #[test]
    fn lags_that_contradict_each_other_are_refused() {
        let mut options = BTreeMap::from([("min.compaction.lag.ms".to_owned(), "10".to_owned())]);
        assert_eq!(check_together(&options), Ok(()));
        options.insert("max.compaction.lag.ms".into(), "5".into());
        assert!(check_together(&options).is_err());
    }

    #[test]
    fn lists_take_and_give_items() {
        assert_eq!(append("delete", "compact,delete"), "delete,compact");
        assert_eq!(subtract("delete,compact", "compact"), "delete");
        assert_eq!(subtract("delete", "delete"), "");
    }
}
