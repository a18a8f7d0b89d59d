//! Bounded decode: a request's layout is walked before the codec sees it.
//!
//! The codec reserves whatever an array count claims. So each request has a [`layout`], a table of its fields by
//! version; the [`walker`] passes over the bytes by it, checks every count and length against the bytes that are
//! there, and sums up what decoding will allocate. Only then the codec runs. `docs/decisions/0001-bounded-decode.md`
//! says why this and not readers of our own.

#[cfg(test)]
mod allocation_tests;
mod cluster;
mod data;
mod groups;
mod layout;
#[cfg(test)]
mod layout_tests;
mod topics;
mod transactions;
mod walker;

pub(crate) use walker::walk;

use self::layout::Layout;
use crate::Api;

/// The most that decoding one request may allocate. A Metadata request for 10,000 topics costs 1.2 MB.
pub(crate) const DECODED_BYTES_MAX: usize = 32 << 20;

/// How `api`'s request is laid out.
pub(crate) const fn layout_of(api: Api) -> &'static Layout {
    match api {
        Api::Produce => &data::PRODUCE,
        Api::Fetch => &data::FETCH,
        Api::ListOffsets => &data::LIST_OFFSETS,
        Api::DeleteRecords => &data::DELETE_RECORDS,
        Api::InitProducerId => &data::INIT_PRODUCER_ID,
        Api::OffsetForLeaderEpoch => &data::OFFSET_FOR_LEADER_EPOCH,
        Api::OffsetCommit => &groups::OFFSET_COMMIT,
        Api::OffsetFetch => &groups::OFFSET_FETCH,
        Api::OffsetDelete => &groups::OFFSET_DELETE,
        Api::FindCoordinator => &groups::FIND_COORDINATOR,
        Api::JoinGroup => &groups::JOIN_GROUP,
        Api::Heartbeat => &groups::HEARTBEAT,
        Api::LeaveGroup => &groups::LEAVE_GROUP,
        Api::SyncGroup => &groups::SYNC_GROUP,
        Api::DescribeGroups => &groups::DESCRIBE_GROUPS,
        Api::ListGroups => &groups::LIST_GROUPS,
        Api::DeleteGroups => &groups::DELETE_GROUPS,
        Api::Metadata => &topics::METADATA,
        Api::CreateTopics => &topics::CREATE_TOPICS,
        Api::DeleteTopics => &topics::DELETE_TOPICS,
        Api::CreatePartitions => &topics::CREATE_PARTITIONS,
        Api::DescribeTopicPartitions => &topics::DESCRIBE_TOPIC_PARTITIONS,
        Api::ApiVersions => &cluster::API_VERSIONS,
        Api::DescribeConfigs => &cluster::DESCRIBE_CONFIGS,
        Api::IncrementalAlterConfigs => &cluster::INCREMENTAL_ALTER_CONFIGS,
        Api::DescribeLogDirs => &cluster::DESCRIBE_LOG_DIRS,
        Api::ElectLeaders => &cluster::ELECT_LEADERS,
        Api::AlterPartitionReassignments => &cluster::ALTER_PARTITION_REASSIGNMENTS,
        Api::ListPartitionReassignments => &cluster::LIST_PARTITION_REASSIGNMENTS,
        Api::UnregisterBroker => &cluster::UNREGISTER_BROKER,
        Api::DescribeQuorum => &cluster::DESCRIBE_QUORUM,
        Api::DescribeCluster => &cluster::DESCRIBE_CLUSTER,
        Api::AddPartitionsToTxn => &transactions::ADD_PARTITIONS_TO_TXN,
        Api::AddOffsetsToTxn => &transactions::ADD_OFFSETS_TO_TXN,
        Api::EndTxn => &transactions::END_TXN,
        Api::WriteTxnMarkers => &transactions::WRITE_TXN_MARKERS,
        Api::TxnOffsetCommit => &transactions::TXN_OFFSET_COMMIT,
        Api::DescribeProducers => &transactions::DESCRIBE_PRODUCERS,
        Api::DescribeTransactions => &transactions::DESCRIBE_TRANSACTIONS,
        Api::ListTransactions => &transactions::LIST_TRANSACTIONS,
    }
}
