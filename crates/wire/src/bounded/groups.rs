//! Layouts of the requests about groups and their offsets.

use kafka_protocol::{
    messages::{
        join_group_request::JoinGroupRequestProtocol,
        leave_group_request::MemberIdentity,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic},
        offset_fetch_request::{
            OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
        },
        sync_group_request::SyncGroupRequestAssignment,
    },
    protocol::StrBytes,
};

use super::layout::{
    BLOB, BOOL, I8, I32, I64, Kind, Layout, TEXT, always, array, fields, since, until,
};

pub(super) const OFFSET_COMMIT: Layout = fields(&[
    always(TEXT),
    always(I32),
    always(TEXT),
    since(7, TEXT),
    until(4, I64),
    always(array::<OffsetCommitRequestTopic>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<OffsetCommitRequestPartition>(&Kind::Struct(&fields(&[
            always(I32),
            always(I64),
            since(6, I32),
            always(TEXT),
        ])))),
    ])))),
]);

pub(super) const OFFSET_FETCH: Layout = fields(&[
    until(7, TEXT),
    until(
        7,
        array::<OffsetFetchRequestTopic>(&Kind::Struct(&fields(&[
            always(TEXT),
            always(array::<i32>(&I32)),
        ]))),
    ),
    since(
        8,
        array::<OffsetFetchRequestGroup>(&Kind::Struct(&fields(&[
            always(TEXT),
            since(9, TEXT),
            since(9, I32),
            always(array::<OffsetFetchRequestTopics>(&Kind::Struct(&fields(&[
                always(TEXT),
                always(array::<i32>(&I32)),
            ])))),
        ]))),
    ),
    since(7, BOOL),
]);

pub(super) const OFFSET_DELETE: Layout = fields(&[
    always(TEXT),
    always(array::<OffsetDeleteRequestTopic>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<OffsetDeleteRequestPartition>(&Kind::Struct(&fields(&[always(I32)])))),
    ])))),
]);

pub(super) const FIND_COORDINATOR: Layout =
    fields(&[until(3, TEXT), since(1, I8), since(4, array::<StrBytes>(&TEXT))]);

pub(super) const JOIN_GROUP: Layout = fields(&[
    always(TEXT),
    always(I32),
    since(1, I32),
    always(TEXT),
    since(5, TEXT),
    always(TEXT),
    always(array::<JoinGroupRequestProtocol>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(BLOB),
    ])))),
    since(8, TEXT),
]);

pub(super) const HEARTBEAT: Layout =
    fields(&[always(TEXT), always(I32), always(TEXT), since(3, TEXT)]);

pub(super) const LEAVE_GROUP: Layout = fields(&[
    always(TEXT),
    until(2, TEXT),
    since(
        3,
        array::<MemberIdentity>(&Kind::Struct(&fields(&[
            always(TEXT),
            always(TEXT),
            since(5, TEXT),
        ]))),
    ),
]);

pub(super) const SYNC_GROUP: Layout = fields(&[
    always(TEXT),
    always(I32),
    always(TEXT),
    since(3, TEXT),
    since(5, TEXT),
    since(5, TEXT),
    always(array::<SyncGroupRequestAssignment>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(BLOB),
    ])))),
]);

pub(super) const DESCRIBE_GROUPS: Layout =
    fields(&[always(array::<StrBytes>(&TEXT)), since(3, BOOL)]);

pub(super) const LIST_GROUPS: Layout =
    fields(&[since(4, array::<StrBytes>(&TEXT)), since(5, array::<StrBytes>(&TEXT))]);

pub(super) const DELETE_GROUPS: Layout = fields(&[always(array::<StrBytes>(&TEXT))]);
