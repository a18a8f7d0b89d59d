//! Layouts of the requests about transactions.

use kafka_protocol::messages::{
    ProducerId, TransactionalId,
    add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction},
    describe_producers_request::TopicRequest,
    txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic},
    write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic},
};
use kafka_protocol::protocol::StrBytes;

use super::layout::{BOOL, I16, I32, I64, Kind, Layout, TEXT, always, array, fields, since, until};

const NAMED_PARTITIONS: Layout = fields(&[always(TEXT), always(array::<i32>(&I32))]);
const ADDED: Kind = array::<AddPartitionsToTxnTopic>(&Kind::Struct(&NAMED_PARTITIONS));

pub(super) const ADD_PARTITIONS_TO_TXN: Layout = fields(&[
    since(
        4,
        array::<AddPartitionsToTxnTransaction>(&Kind::Struct(&fields(&[
            always(TEXT),
            always(I64),
            always(I16),
            always(BOOL),
            always(ADDED),
        ]))),
    ),
    until(3, TEXT),
    until(3, I64),
    until(3, I16),
    until(3, ADDED),
]);

pub(super) const ADD_OFFSETS_TO_TXN: Layout =
    fields(&[always(TEXT), always(I64), always(I16), always(TEXT)]);

pub(super) const END_TXN: Layout = fields(&[always(TEXT), always(I64), always(I16), always(BOOL)]);

pub(super) const WRITE_TXN_MARKERS: Layout =
    fields(&[always(array::<WritableTxnMarker>(&Kind::Struct(&fields(&[
        always(I64),
        always(I16),
        always(BOOL),
        always(array::<WritableTxnMarkerTopic>(&Kind::Struct(&NAMED_PARTITIONS))),
        always(I32),
    ]))))]);

pub(super) const TXN_OFFSET_COMMIT: Layout = fields(&[
    always(TEXT),
    always(TEXT),
    always(I64),
    always(I16),
    since(3, I32),
    since(3, TEXT),
    since(3, TEXT),
    always(array::<TxnOffsetCommitRequestTopic>(&Kind::Struct(&fields(&[
        always(TEXT),
        always(array::<TxnOffsetCommitRequestPartition>(&Kind::Struct(&fields(&[
            always(I32),
            always(I64),
            since(2, I32),
            always(TEXT),
        ])))),
    ])))),
]);

pub(super) const DESCRIBE_PRODUCERS: Layout =
    fields(&[always(array::<TopicRequest>(&Kind::Struct(&NAMED_PARTITIONS)))]);

pub(super) const DESCRIBE_TRANSACTIONS: Layout = fields(&[always(array::<TransactionalId>(&TEXT))]);

pub(super) const LIST_TRANSACTIONS: Layout = fields(&[
    always(array::<StrBytes>(&TEXT)),
    always(array::<ProducerId>(&I64)),
    since(1, I64),
    since(2, TEXT),
]);
