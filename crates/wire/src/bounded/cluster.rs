//! Layouts of the requests about the cluster, its settings and its disks.

use kafka_protocol::{
    messages::{
        describe_configs_request::DescribeConfigsResource,
        describe_log_dirs_request::DescribableLogDirTopic,
        describe_quorum_request::{PartitionData, TopicData},
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
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
