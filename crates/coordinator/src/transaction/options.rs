//! The settings of transactions, under the names and defaults of Kafka's `server.properties`.

use std::sync::Arc;

use model::ProducerId;

/// Hands out producer ids, each once. None: the controller has not answered yet. Never waits.
pub type ProducerIds = Arc<dyn Fn() -> Option<ProducerId> + Send + Sync>;

/// Settings of the transaction coordinator.
#[derive(Clone, Debug)]
pub struct TransactionOptions {
    /// `transaction.state.log.num.partitions`: what an id's hash is taken modulo. Never changed once the topic exists.
    pub partitions: i32,
    /// `transaction.max.timeout.ms`.
    pub timeout_ms_max: i32,
    /// `transactional.id.expiration.ms`.
    pub id_expiration_ms: i64,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub expiry_interval_ms: i64,
}

impl Default for TransactionOptions {
    fn default() -> Self {
        Self {
            partitions: 50,
            timeout_ms_max: 900_000,
            id_expiration_ms: 604_800_000,
            expiry_interval_ms: 3_600_000,
        }
    }
}
