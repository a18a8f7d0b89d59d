//! Layouts of the requests about records: produce, fetch, offsets.

use kafka_protocol::messages::{
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    fetch_request::{FetchPartition, FetchTopic, ForgottenTopic},
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
    produce_request::{PartitionProduceData, TopicProduceData},
};

use super::layout::{
    BLOB, Field, I8, I16, I32, I64, Kind, Layout, TEXT, Tag, UUID, always, array, fields, since,
    until,
};

/// The server reads Produce by a reader of its own; this layout is for the tests and for tools.
pub(super) const PRODUCE: Layout = fields(&[
    always(TEXT),
    always(I16),
    always(I32),
    always(array::<TopicProduceData>(&Kind::Struct(&fields(&[
        until(12, TEXT),
        since(13, UUID),
        always(array::<PartitionProduceData>(&Kind::Struct(&fields(&[always(I32), always(BLOB)])))),
    ])))),
]);

pub(super) const FETCH: Layout = Layout {
    fields: &[
        until(14, I32),
        always(I32),
        always(I32),
        always(I32),
        always(I8),
        since(7, I32),
        since(7, I32),
        always(array::<FetchTopic>(&Kind::Struct(&fields(&[
            until(12, TEXT),
            since(13, UUID),
            always(array::<FetchPartition>(&Kind::Struct(&FETCH_PARTITION))),
        ])))),
        since(
            7,
            array::<ForgottenTopic>(&Kind::Struct(&fields(&[
                Field { first: 7, last: 12, kind: TEXT },
                since(13, UUID),
                since(7, array::<i32>(&I32)),
            ]))),
        ),
        since(11, TEXT),
    ],
    tags: &[
        Tag { number: 0, first: 12, kind: TEXT },
        Tag {
            number: 1,
            first: 15,
            kind: Kind::Struct(&fields(&[since(15, I32), since(15, I64)])),
        },
    ],
};

const FETCH_PARTITION: Layout = Layout {
    fields: &[always(I32), since(9, I32), always(I64), since(12, I32), since(5, I64), always(I32)],
    tags: &[Tag { number: 0, first: 17, kind: UUID }, Tag { number: 1, first: 18, kind: I64 }],
};

pub(super) const LIST_OFFSETS: Layout = fields(&[
    always(I32),
    since(2, I8),
    always(array::<ListOffsetsTopic>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<ListOffsetsPartition>(&Kind::Struct(&fields(&[
            always(I32),
            since(4, I32),
            always(I64),
        ])))),
    ])))),
    since(10, I32),
]);

pub(super) const DELETE_RECORDS: Layout = fields(&[
    always(array::<DeleteRecordsTopic>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<DeleteRecordsPartition>(&Kind::Struct(&fields(&[
            always(I32),
            always(I64),
        ])))),
    ])))),
    always(I32),
]);

pub(super) const INIT_PRODUCER_ID: Layout =
    fields(&[always(TEXT), always(I32), since(3, I64), since(3, I16)]);

pub(super) const OFFSET_FOR_LEADER_EPOCH: Layout = fields(&[
    since(3, I32),
    always(array::<OffsetForLeaderTopic>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<OffsetForLeaderPartition>(&Kind::Struct(&fields(&[
            always(I32),
            always(I32),
            always(I32),
        ])))),
    ])))),
]);
