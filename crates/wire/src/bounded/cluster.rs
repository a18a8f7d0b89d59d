//! Layouts of the requests about the cluster, its settings, its disks, its leaders and replicas.

use kafka_protocol::{
    messages::{
        BrokerId,
        alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic},
        describe_configs_request::DescribeConfigsResource,
        describe_log_dirs_request::DescribableLogDirTopic,
        describe_quorum_request::{PartitionData, TopicData},
        elect_leaders_request::TopicPartitions,
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
        list_partition_reassignments_request::ListPartitionReassignmentsTopics,
    },
    protocol::StrBytes,
};

use super::layout::{BOOL, I8, I32, Kind, Layout, TEXT, always, array, fields, since};

pub(super) const API_VERSIONS: Layout = fields(&[since(3, TEXT), since(3, TEXT)]);

pub(super) const DESCRIBE_CONFIGS: Layout = fields(&[
    always(array::<DescribeConfigsResource>(&Kind::Struct(&fields(&[
        always(I8),
        always(TEXT),
        always(array::<StrBytes>(&TEXT)),
    ])))),
    always(BOOL),
    since(3, BOOL),
]);

pub(super) const INCREMENTAL_ALTER_CONFIGS: Layout = fields(&[
    always(array::<AlterConfigsResource>(&Kind::Struct(&fields(&[
        always(I8),
        always(TEXT),
        always(array::<AlterableConfig>(&Kind::Struct(&fields(&[
            always(TEXT),
            always(I8),
            always(TEXT),
        ])))),
    ])))),
    always(BOOL),
]);

pub(super) const DESCRIBE_LOG_DIRS: Layout =
    fields(&[always(array::<DescribableLogDirTopic>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<i32>(&I32)),
    ]))))]);

pub(super) const DESCRIBE_QUORUM: Layout =
    fields(&[always(array::<TopicData>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<PartitionData>(&Kind::Struct(&fields(&[always(I32)])))),
    ]))))]);

pub(super) const DESCRIBE_CLUSTER: Layout = fields(&[always(BOOL), since(1, I8), since(2, BOOL)]);

pub(super) const ELECT_LEADERS: Layout = fields(&[
    since(1, I8),
    always(array::<TopicPartitions>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<i32>(&I32)),
    ])))),
    always(I32),
]);

pub(super) const ALTER_PARTITION_REASSIGNMENTS: Layout = fields(&[
    always(I32),
    since(1, BOOL),
    always(array::<ReassignableTopic>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<ReassignablePartition>(&Kind::Struct(&fields(&[
            always(I32),
            always(array::<BrokerId>(&I32)),
        ])))),
    ])))),
]);

pub(super) const LIST_PARTITION_REASSIGNMENTS: Layout = fields(&[
    always(I32),
    always(array::<ListPartitionReassignmentsTopics>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<i32>(&I32)),
    ])))),
]);

pub(super) const UNREGISTER_BROKER: Layout = fields(&[always(I32)]);
