//! A broker's options: one row each. What DescribeConfigs tells of a broker, and what its file may set.

use super::{
    Compression,
    row::{Bounds, Kind, Row, Stand},
};

/// The row of this name.
#[must_use]
pub fn row(name: &str) -> Option<&'static Row> {
    ROWS.binary_search_by(|row| row.name.cmp(name)).ok().map(|index| &ROWS[index])
}

/// The row's name that `name` is likely a slip of the pen of.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    let distances = ROWS.iter().map(|row| (edits(name, row.name), row.name));
    distances.min().filter(|(edits, _)| *edits <= name.len() / 3).map(|(_, name)| name)
}

/// How many letters must be put in, taken out or changed to make `b` of `a` (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, letter) in a.iter().enumerate() {
        let mut left_above = std::mem::replace(&mut above[0], row + 1);
        for (column, other) in b.iter().enumerate() {
            let change = left_above + usize::from(letter != other);
            left_above = above[column + 1];
            above[column + 1] = change.min(left_above + 1).min(above[column] + 1);
        }
    }
    above[b.len()]
}

macro_rules! default {
    (none) => {
        None
    };
    ($value:literal) => {
        Some($value)
    };
}

macro_rules! rows {
    ($($name:literal $kind:ident $default:tt $bounds:expr, $change:ident, $doc:literal $([$($stand:literal),*])?;)*) => {
        &[$(Row {
            name: $name,
            kind: Kind::$kind,
            default: default!($default),
            bounds: $bounds,
            doc: $doc,
            synonyms: &[$($(Stand { name: $stand, factor: 1 }),*)?],
            is_dynamic: rows!(@$change),
        }),*]
    };
    (@dynamic) => { true };
    (@fixed) => { false };
}

const ANY: Bounds = Bounds::Any;
const fn from(least: i64) -> Bounds {
    Bounds::AtLeast(least)
}

/// All of them, by name.
pub const ROWS: &[Row] = rows! {
    "advertised.listeners" Text none ANY, dynamic, "What clients are told to connect to; the listeners themselves when not set.";
    "allow.everyone.if.no.acl.found" Boolean "false" ANY, fixed, "Whether a resource without ACLs is open to all.";
    "authorizer.class.name" Text "" ANY, fixed, "The standard authorizer's name switches ACLs on.";
    "auto.create.topics.enable" Boolean "true" ANY, fixed, "Whether asking for a topic that does not exist makes it.";
    "auto.leader.rebalance.enable" Boolean "true" ANY, fixed, "Whether preferred leaders take over again by themselves.";
    "background.threads" Int "10" from(1), dynamic, "Accepted; background work has its own threads here.";
    "broker.heartbeat.interval.ms" Int "2000" ANY, fixed, "Time between two heartbeats of a broker.";
    "broker.id" Int "-1" ANY, fixed, "The old name of node.id.";
    "broker.rack" Text none ANY, fixed, "Where the broker stands.";
    "broker.session.timeout.ms" Int "9000" ANY, fixed, "Silence after which a broker is fenced.";
    "compression.gzip.level" Int "-1" Bounds::UnsetOrWithin(1, 9), dynamic, "The level when compression.type is gzip.";
    "compression.lz4.level" Int "9" Bounds::Within(1, 17), dynamic, "The level when compression.type is lz4.";
    "compression.type" Text "producer" Bounds::OneOf(Compression::NAMES), dynamic, "What batches are stored as; 'producer' keeps what the producer sent.";
    "compression.zstd.level" Int "3" Bounds::Within(-131_072, 22), dynamic, "The level when compression.type is zstd.";
    "connections.max.idle.ms" Long "600000" ANY, fixed, "Silence after which a connection is closed.";
    "connections.max.reauth.ms" Long "0" ANY, fixed, "Time after which a client must log in again; 0 is never.";
    "controlled.shutdown.enable" Boolean "true" ANY, fixed, "Whether leaderships are handed over before a stop.";
    "controller.listener.names" List none ANY, fixed, "Listeners of the controller.";
    "controller.quorum.bootstrap.servers" List "" ANY, fixed, "Where the controllers are first looked for.";
    "controller.quorum.election.timeout.ms" Int "1000" from(50), fixed, "How long a voter hears nothing of the leader before it asks for votes.";
    "controller.quorum.voters" List "" ANY, fixed, "The controllers, as id@host:port.";
    "default.replication.factor" Int "1" from(1), dynamic, "Replicas of a topic that does not say.";
    "delete.topic.enable" Boolean "true" ANY, fixed, "Whether topics can be deleted.";
    "fetch.max.bytes" Int "57671680" from(1024), fixed, "The most that one Fetch answer carries.";
    "group.consumer.assignors" List "uniform,range" ANY, fixed, "Assignors of consumer groups, the first is the default.";
    "group.consumer.heartbeat.interval.ms" Int "5000" from(1), fixed, "Time between heartbeats of a consumer group's members.";
    "group.consumer.migration.policy" Text "bidirectional" ANY, fixed, "Whether groups may change their protocol.";
    "group.consumer.session.timeout.ms" Int "45000" from(1), fixed, "Silence after which a consumer group's member is gone.";
    "group.initial.rebalance.delay.ms" Int "3000" from(0), fixed, "How long the first member of a group waits for others.";
    "group.max.session.timeout.ms" Int "1800000" ANY, fixed, "The longest session timeout that a member may ask for.";
    "group.max.size" Int "2147483647" from(1), fixed, "The most members of a group.";
    "group.min.session.timeout.ms" Int "6000" ANY, fixed, "The shortest session timeout that a member may ask for.";
    "inter.broker.listener.name" Text none ANY, fixed, "The listener between brokers.";
    "leader.imbalance.check.interval.seconds" Long "300" from(1), fixed, "Time between two looks at the balance of leaders.";
    "listener.security.protocol.map" Text "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT" ANY, dynamic, "Which protocol each listener speaks.";
    "listeners" List "PLAINTEXT://:9092" ANY, dynamic, "Where the broker listens.";
    "log.cleaner.backoff.ms" Long "15000" from(0), dynamic, "How long the cleaner sleeps when there is nothing to do.";
    "log.cleaner.delete.retention.ms" Long "86400000" from(0), dynamic, "The default of a topic's delete.retention.ms.";
    "log.cleaner.enable" Boolean "true" ANY, fixed, "Whether compacted topics are compacted.";
    "log.cleaner.max.compaction.lag.ms" Long "9223372036854775807" from(1), dynamic, "The default of a topic's max.compaction.lag.ms.";
    "log.cleaner.min.cleanable.ratio" Double "0.5" Bounds::Ratio, dynamic, "The default of a topic's min.cleanable.dirty.ratio.";
    "log.cleaner.min.compaction.lag.ms" Long "0" from(0), dynamic, "The default of a topic's min.compaction.lag.ms.";
    "log.cleaner.threads" Int "1" from(0), dynamic, "Threads of the cleaner.";
    "log.cleanup.policy" List "delete" Bounds::Each(&["compact", "delete"]), dynamic, "The default of a topic's cleanup.policy.";
    "log.dir" Text "/tmp/kafka-logs" ANY, fixed, "The directory of the data, when log.dirs is not set.";
    "log.dirs" List none ANY, fixed, "The directory of the data.";
    "log.flush.interval.messages" Long "9223372036854775807" from(1), dynamic, "The default of a topic's flush.messages.";
    "log.flush.interval.ms" Long none ANY, dynamic, "The default of a topic's flush.ms.";
    "log.flush.offset.checkpoint.interval.ms" Int "60000" from(0), fixed, "Time between two records of the recovery points.";
    "log.flush.scheduler.interval.ms" Long "9223372036854775807" ANY, fixed, "The default of log.flush.interval.ms.";
    "log.index.interval.bytes" Int "4096" from(0), dynamic, "The default of a topic's index.interval.bytes.";
    "log.index.size.max.bytes" Int "10485760" from(4), dynamic, "The default of a topic's segment.index.bytes.";
    "log.local.retention.bytes" Long "-2" from(-2), dynamic, "The default of a topic's local.retention.bytes.";
    "log.local.retention.ms" Long "-2" from(-2), dynamic, "The default of a topic's local.retention.ms.";
    "log.message.timestamp.after.max.ms" Long "3600000" from(0), dynamic, "The default of a topic's message.timestamp.after.max.ms.";
    "log.message.timestamp.before.max.ms" Long "9223372036854775807" from(0), dynamic, "The default of a topic's message.timestamp.before.max.ms.";
    "log.message.timestamp.type" Text "CreateTime" Bounds::OneOf(&["CreateTime", "LogAppendTime"]), dynamic, "The default of a topic's message.timestamp.type.";
    "log.preallocate" Boolean "false" ANY, dynamic, "The default of a topic's preallocate.";
    "log.retention.bytes" Long "-1" ANY, dynamic, "The default of a topic's retention.bytes.";
    "log.retention.check.interval.ms" Long "300000" from(1), fixed, "Time between two rounds of retention.";
    "log.retention.hours" Int "168" ANY, fixed, "The default of a topic's retention.ms, in hours; the last to be asked.";
    "log.retention.minutes" Int none ANY, fixed, "The default of a topic's retention.ms, in minutes; asked before the hours."
        ["log.retention.minutes", "log.retention.hours"];
    "log.retention.ms" Long none ANY, dynamic, "The default of a topic's retention.ms; asked before minutes and hours."
        ["log.retention.ms", "log.retention.minutes", "log.retention.hours"];
    "log.roll.hours" Int "168" from(1), fixed, "The default of a topic's segment.ms, in hours.";
    "log.roll.jitter.hours" Int "0" from(0), fixed, "The default of a topic's segment.jitter.ms, in hours.";
    "log.roll.jitter.ms" Long none ANY, dynamic, "The default of a topic's segment.jitter.ms."
        ["log.roll.jitter.ms", "log.roll.jitter.hours"];
    "log.roll.ms" Long none ANY, dynamic, "The default of a topic's segment.ms; asked before the hours."
        ["log.roll.ms", "log.roll.hours"];
    "log.segment.bytes" Int "1073741824" from(1_048_576), dynamic, "The default of a topic's segment.bytes.";
    "log.segment.delete.delay.ms" Long "60000" from(0), dynamic, "The default of a topic's file.delete.delay.ms.";
    "logmill.cluster.id" Text none ANY, fixed, "The cluster's id for a node that has no data yet, 22 characters; made from the voters when not set.";
    "logmill.http.listener" Text "127.0.0.1:8080" ANY, fixed, "Where HTTP is served (SQL, jobs, health, metrics), or none. The default gives way when the port is taken.";
    "logmill.log.cache.window.bytes" Long "67108864" from(-1), fixed, "The newest bytes (at least 32 MiB) that stay in the page cache while logs are written at 32 MiB/s or more and nobody reads their files; -1 is all.";
    "logmill.log.preallocate.bytes" Long "16777216" from(0), fixed, "Bytes that are reserved ahead of an active segment's end; 0 is none.";
    "logmill.log.sync.ahead.bytes" Long "67108864" from(1), fixed, "Unsynced bytes of a partition from which on they are synced in the background, so that recovery is short.";
    "max.connection.creation.rate" Int "2147483647" from(0), dynamic, "New connections per second.";
    "max.connections" Int "2147483647" from(0), dynamic, "Connections at once.";
    "max.connections.per.ip" Int "2147483647" from(0), dynamic, "Connections of one address at once.";
    "max.incremental.fetch.session.cache.slots" Int "1000" from(0), fixed, "Fetch sessions at once.";
    "max.request.partition.size.limit" Int "2000" from(1), fixed, "The most partitions in one answer to DescribeTopicPartitions.";
    "message.max.bytes" Int "1048588" from(0), dynamic, "The default of a topic's max.message.bytes.";
    "metadata.log.dir" Text none ANY, fixed, "The directory of the metadata log, when it is another.";
    "metadata.log.max.record.bytes.between.snapshots" Long "20971520" from(1), fixed, "Bytes of metadata log after which a snapshot is taken.";
    "min.insync.replicas" Int "1" from(1), dynamic, "In-sync replicas without which acks=all is refused.";
    "node.id" Int none from(0), fixed, "The broker's number.";
    "num.io.threads" Int "8" from(1), dynamic, "Accepted; the number of threads follows the cores.";
    "num.network.threads" Int "3" from(1), dynamic, "Accepted; the number of threads follows the cores.";
    "num.partitions" Int "1" from(1), fixed, "Partitions of a topic that does not say.";
    "num.recovery.threads.per.data.dir" Int "2" from(1), dynamic, "Threads that open and recover logs.";
    "num.replica.fetchers" Int "1" ANY, dynamic, "Accepted; there is one fetcher per source broker.";
    "offset.metadata.max.bytes" Int "4096" ANY, fixed, "The longest text beside a committed offset.";
    "offsets.retention.check.interval.ms" Long "600000" from(1), fixed, "Time between two looks for expired offsets.";
    "offsets.retention.minutes" Int "10080" from(1), fixed, "How long an empty group keeps its offsets.";
    "offsets.topic.num.partitions" Int "50" from(1), fixed, "Partitions of __consumer_offsets.";
    "offsets.topic.replication.factor" Short "3" from(1), fixed, "Replicas of __consumer_offsets, made once that many brokers are registered; not set: fewer where there are fewer voters.";
    "offsets.topic.segment.bytes" Int "104857600" from(1), fixed, "Segments of __consumer_offsets.";
    "process.roles" List "" Bounds::Each(&["broker", "controller"]), fixed, "broker, controller, or both.";
    "producer.id.expiration.ms" Int "86400000" from(1), dynamic, "How long a silent producer's state is kept.";
    "queued.max.requests" Int "500" from(1), fixed, "Accepted; the bounds here are in bytes.";
    "quota.window.num" Int "11" from(1), fixed, "Windows over which quotas are measured.";
    "quota.window.size.seconds" Int "1" from(1), fixed, "The length of such a window.";
    "replica.fetch.backoff.ms" Int "1000" from(0), fixed, "How long a follower waits, at most, after its leader could not be reached.";
    "replica.fetch.max.bytes" Int "1048576" from(0), fixed, "Bytes that a follower asks for per partition.";
    "replica.fetch.min.bytes" Int "1" ANY, fixed, "Bytes that a follower waits for.";
    "replica.fetch.response.max.bytes" Int "10485760" from(0), fixed, "Bytes that a follower asks for in all.";
    "replica.fetch.wait.max.ms" Int "500" ANY, fixed, "How long a follower waits.";
    "replica.high.watermark.checkpoint.interval.ms" Long "5000" ANY, fixed, "Time between two records of the high watermarks.";
    "replica.lag.time.max.ms" Long "30000" ANY, fixed, "How long a follower may lag before it is out of sync.";
    "replica.selector.class" Text none ANY, fixed, "The standard rack-aware selector's name lets clients read from followers.";
    "sasl.enabled.mechanisms" List "GSSAPI" ANY, dynamic, "How clients may log in.";
    "sasl.mechanism.inter.broker.protocol" Text "GSSAPI" ANY, dynamic, "How brokers log in.";
    "security.inter.broker.protocol" Text "PLAINTEXT" ANY, fixed, "The protocol between brokers.";
    "socket.listen.backlog.size" Int "50" from(1), fixed, "Connections that wait to be accepted.";
    "socket.receive.buffer.bytes" Int "102400" ANY, fixed, "The receive buffer of a socket; -1 is the system's.";
    "socket.request.max.bytes" Int "104857600" from(1), fixed, "The largest request.";
    "socket.send.buffer.bytes" Int "102400" ANY, fixed, "The send buffer of a socket; -1 is the system's.";
    "ssl.client.auth" Text "none" Bounds::OneOf(&["required", "requested", "none"]), dynamic, "Whether clients must show a certificate.";
    "ssl.keystore.location" Text none ANY, dynamic, "The broker's certificate and key.";
    "ssl.keystore.password" Password none ANY, dynamic, "What opens the keystore.";
    "ssl.truststore.location" Text none ANY, dynamic, "Certificates of those who are trusted.";
    "ssl.truststore.password" Password none ANY, dynamic, "What opens the truststore.";
    "super.users" Text "" ANY, fixed, "Who may do everything.";
    "telemetry.max.bytes" Int "1048576" from(1), fixed, "The largest push of client metrics.";
    "transaction.max.timeout.ms" Int "900000" from(1), fixed, "The longest time that a transaction may take.";
    "transaction.partition.verification.enable" Boolean "true" ANY, dynamic, "Whether a transaction's partitions are verified.";
    "transaction.remove.expired.transaction.cleanup.interval.ms" Int "3600000" from(1), fixed, "Time between two looks for transactional ids that have expired.";
    "transaction.state.log.min.isr" Int "2" from(1), fixed, "In-sync replicas that __transaction_state needs.";
    "transaction.state.log.num.partitions" Int "50" from(1), fixed, "Partitions of __transaction_state.";
    "transaction.state.log.replication.factor" Short "3" from(1), fixed, "Replicas of __transaction_state, made once that many brokers are registered; not set: fewer where there are fewer voters.";
    "transaction.state.log.segment.bytes" Int "104857600" from(1), fixed, "Segments of __transaction_state.";
    "transactional.id.expiration.ms" Int "604800000" from(1), fixed, "How long a silent transactional id is kept.";
    "unclean.leader.election.enable" Boolean "false" ANY, dynamic, "Whether a replica that is not in sync may lead when no other is left.";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_their_defaults_are_legal() {
        for pair in ROWS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
        for row in ROWS {
            if let Some(default) = row.default {
                row.check(default).unwrap();
            }
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        assert_eq!(nearest("log.retention.hour"), Some("log.retention.hours"));
        assert_eq!(nearest("num.partition"), Some("num.partitions"));
        assert_eq!(nearest("zookeeper.connect"), None);
    }
}
