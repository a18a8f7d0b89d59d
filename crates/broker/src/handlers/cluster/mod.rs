//! The cluster, its settings, its disks, its leaders and replicas.

pub(crate) mod alter_partition_reassignments;
pub(crate) mod api_versions;
pub(crate) mod describe_cluster;
pub(crate) mod describe_configs;
pub(crate) mod describe_log_dirs;
pub(crate) mod describe_quorum;
pub(crate) mod elect_leaders;
pub(crate) mod incremental_alter_configs;
pub(crate) mod list_partition_reassignments;
pub(crate) mod unregister_broker;

/// Kafka's numbers for the kinds of things that have settings.
mod resource {
    pub(super) const TOPIC: i8 = 2;
    pub(super) const BROKER: i8 = 4;
    pub(super) const BROKER_LOGGER: i8 = 8;
    pub(super) const CLIENT_METRICS: i8 = 16;
    pub(super) const GROUP: i8 = 32;
}
