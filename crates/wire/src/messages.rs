//! The codec's own structs, by the names Kafka's schemas give them.
//!
//! A top-level message is here; its parts are in the module that is named for it
//! (`join_group_request::JoinGroupRequestProtocol`).

pub use kafka_protocol::{
    messages::{
        AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
        AddPartitionsToTxnResponse, AlterPartitionReassignmentsRequest,
        AlterPartitionReassignmentsResponse, ApiVersionsRequest, ApiVersionsResponse, BrokerId,
        CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest,
        CreateTopicsResponse, DeleteGroupsRequest, DeleteGroupsResponse, DeleteRecordsRequest,
        DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse, DescribeClusterRequest,
        DescribeClusterResponse, DescribeConfigsRequest, DescribeConfigsResponse,
        DescribeGroupsRequest, DescribeGroupsResponse, DescribeLogDirsRequest,
        DescribeLogDirsResponse, DescribeProducersRequest, DescribeProducersResponse,
        DescribeQuorumRequest, DescribeQuorumResponse, DescribeTopicPartitionsRequest,
        DescribeTopicPartitionsResponse, DescribeTransactionsRequest, DescribeTransactionsResponse,
        ElectLeadersRequest, ElectLeadersResponse, EndTxnRequest, EndTxnResponse, FetchRequest,
        FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse, GroupId, HeartbeatRequest,
        HeartbeatResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
        InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse,
        LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse,
        ListOffsetsRequest, ListOffsetsResponse, ListPartitionReassignmentsRequest,
        ListPartitionReassignmentsResponse, ListTransactionsRequest, ListTransactionsResponse,
        MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetCommitResponse,
        OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse,
        OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProduceRequest, ProduceResponse,
        ProducerId, SyncGroupRequest, SyncGroupResponse, TopicName, TransactionalId,
        TxnOffsetCommitRequest, TxnOffsetCommitResponse, UnregisterBrokerRequest,
        UnregisterBrokerResponse, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
        add_partitions_to_txn_request, add_partitions_to_txn_response,
        alter_partition_reassignments_request, alter_partition_reassignments_response,
        api_versions_response, create_partitions_request, create_partitions_response,
        create_topics_request, create_topics_response, delete_groups_response,
        delete_records_request, delete_records_response, delete_topics_request,
        delete_topics_response, describe_cluster_response, describe_configs_request,
        describe_configs_response, describe_groups_response, describe_log_dirs_request,
        describe_log_dirs_response, describe_producers_request, describe_producers_response,
        describe_quorum_request, describe_quorum_response, describe_topic_partitions_request,
        describe_topic_partitions_response, describe_transactions_response, elect_leaders_request,
        elect_leaders_response, fetch_request, fetch_response, find_coordinator_response,
        incremental_alter_configs_request, incremental_alter_configs_response, join_group_request,
        join_group_response, leave_group_request, leave_group_response, list_groups_response,
        list_offsets_request, list_offsets_response, list_partition_reassignments_request,
        list_partition_reassignments_response, list_transactions_response, metadata_request,
        metadata_response, offset_commit_request, offset_commit_response, offset_delete_request,
        offset_delete_response, offset_fetch_request, offset_fetch_response,
        offset_for_leader_epoch_request, offset_for_leader_epoch_response, produce_request,
        produce_response, sync_group_request, txn_offset_commit_request,
        txn_offset_commit_response, write_txn_markers_request, write_txn_markers_response,
    },
    protocol::{Decodable, Encodable, StrBytes},
};

/// `text` as the codec holds it.
#[must_use]
pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
