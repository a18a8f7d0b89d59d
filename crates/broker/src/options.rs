//! What a broker is told when it starts.

use std::sync::Arc;

use metadata::options::ServerOptions;
use model::{BrokerId, limits};

/// One node's settings that the Kafka face needs.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// `node.id`.
    pub node_id: BrokerId,
    /// 22 characters, constant for life.
    pub cluster_id: String,
    /// Where clients are told to connect: `advertised.listeners`.
    pub advertised_host: String,
    /// The port beside it.
    pub advertised_port: u16,
    /// `log.dirs`, as DescribeLogDirs tells it.
    pub log_directory: String,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `delete.topic.enable`.
    pub delete_topics: bool,
    /// `connections.max.idle.ms`.
    pub connections_max_idle_ms: u64,
    /// `max.connections`, at most [`limits::CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// `fetch.max.bytes`.
    pub fetch_bytes_max: usize,
    /// `offsets.topic.num.partitions`: must be what the coordinator is told.
    pub offsets_partitions: i32,
    /// `transaction.state.log.num.partitions`: must be what the transaction coordinator is told.
    pub transaction_partitions: i32,
    /// `transaction.partition.verification.enable`.
    pub verify_transactions: bool,
    /// The whole file, for DescribeConfigs.
    pub server: Arc<ServerOptions>,
}

impl BrokerOptions {
    /// What `server` comes to, for a node that listens at `host` and `port`.
    #[must_use]
    pub fn new(server: Arc<ServerOptions>, cluster_id: &str, host: &str, port: u16) -> Self {
        let size = |name| usize::try_from(server.number(name)).unwrap_or(usize::MAX);
        Self {
            node_id: server.node(),
            cluster_id: cluster_id.to_owned(),
            advertised_host: host.to_owned(),
            advertised_port: port,
            log_directory: server
                .text("log.dirs")
                .or_else(|| server.text("log.dir"))
                .unwrap_or_default()
                .to_owned(),
            auto_create_topics: server.is_true("auto.create.topics.enable"),
            delete_topics: server.is_true("delete.topic.enable"),
            connections_max_idle_ms: u64::try_from(server.number("connections.max.idle.ms"))
                .unwrap_or(u64::from(u32::MAX)),
            connections_max: size("max.connections").min(limits::CONNECTIONS_MAX),
            fetch_bytes_max: size("fetch.max.bytes").min(limits::FETCH_BYTES_MAX),
            offsets_partitions: i32::try_from(server.number("offsets.topic.num.partitions"))
                .unwrap_or(50),
            transaction_partitions: i32::try_from(
                server.number("transaction.state.log.num.partitions"),
            )
            .unwrap_or(50),
            verify_transactions: server.is_true("transaction.partition.verification.enable"),
            server,
        }
    }
}
