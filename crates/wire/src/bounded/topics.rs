//! Layouts of the requests about topics and partitions.

use kafka_protocol::{
    messages::{
        create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic},
        create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig},
        delete_topics_request::DeleteTopicState,
        describe_topic_partitions_request::TopicRequest,
        metadata_request::MetadataRequestTopic,
    },
    protocol::StrBytes,
};

use super::layout::{
    BOOL, Field, I16, I32, Kind, Layout, TEXT, UUID, always, array, fields, since, until,
};

pub(super) const METADATA: Layout = fields(&[
    always(array::<MetadataRequestTopic>(&Kind::Struct(&fields(&[since(10, UUID), always(TEXT)])))),
    since(4, BOOL),
    Field { first: 8, last: 10, kind: BOOL },
    since(8, BOOL),
]);

pub(super) const CREATE_TOPICS: Layout = fields(&[
    always(array::<CreatableTopic>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(I32),
        always(I16),
        always(array::<CreatableReplicaAssignment>(&Kind::Struct(&fields(&[
            always(I32),
            always(array::<i32>(&I32)),
        ])))),
        always(array::<CreatableTopicConfig>(&Kind::Struct(&fields(&[
            always(TEXT),
            always(TEXT),
        ])))),
    ])))),
    always(I32),
    always(BOOL),
]);

pub(super) const DELETE_TOPICS: Layout = fields(&[
    since(6, array::<DeleteTopicState>(&Kind::Struct(&fields(&[always(TEXT), always(UUID)])))),
    until(5, array::<StrBytes>(&TEXT)),
    always(I32),
]);

pub(super) const CREATE_PARTITIONS: Layout = fields(&[
    always(array::<CreatePartitionsTopic>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(I32),
        always(array::<CreatePartitionsAssignment>(&Kind::Struct(&fields(&[always(
            array::<i32>(&I32),
        )])))),
    ])))),
    always(I32),
    always(BOOL),
]);

pub(super) const DESCRIBE_TOPIC_PARTITIONS: Layout = fields(&[
    always(array::<TopicRequest>(&Kind::Struct(&fields(&[always(TEXT)])))),
    always(I32),
    always(Kind::Optional(&fields(&[always(TEXT), always(I32)]))),
]);
