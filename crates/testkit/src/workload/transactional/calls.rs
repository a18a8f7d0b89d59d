//! The requests of a transactional producer, each tried once.

use bytes::Bytes;
use model::{ErrorCode, Offset, PartitionId, ProducerEpoch, ProducerId, TimestampMs};
use records::{BatchBuilder, Codec};
use wire::{
    Api,
    messages::{
        self, AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
        AddPartitionsToTxnResponse, Decodable, Encodable, EndTxnRequest, EndTxnResponse,
        FindCoordinatorRequest, FindCoordinatorResponse, GroupId, InitProducerIdRequest,
        InitProducerIdResponse, ProduceRequest, ProduceResponse, TransactionalId,
        TxnOffsetCommitRequest, TxnOffsetCommitResponse,
        add_partitions_to_txn_request::AddPartitionsToTxnTopic,
        produce_request::{PartitionProduceData, TopicProduceData},
        text,
        txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic},
    },
};
use world::sim::threads;

use super::{Mover, Place, Protocol, Trouble};
use crate::{client::code, net::Host};

/// After so long a transaction that nobody ends is aborted.
pub(super) const TIMEOUT_MS: i32 = 8_000;

impl Mover {
    pub(super) fn init(&mut self) -> Result<(ProducerId, ProducerEpoch), Trouble> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(self.transactional_id()))
            .with_transaction_timeout_ms(TIMEOUT_MS);
        let answer: InitProducerIdResponse =
            self.ask(&Place::Transactions, (Api::InitProducerId, 4), &request)?;
        check(answer.error_code)?;
        Ok((ProducerId(answer.producer_id.0), ProducerEpoch(answer.producer_epoch)))
    }

    pub(super) fn add_partitions(&mut self, partitions: &[PartitionId]) -> Result<(), Trouble> {
        let topic = AddPartitionsToTxnTopic::default()
            .with_name(messages::TopicName(text(self.setting.topic.as_str())))
            .with_partitions(partitions.iter().map(|partition| partition.0).collect());
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.transactional_id())
            .with_v3_and_below_producer_id(messages::ProducerId(self.id.0))
            .with_v3_and_below_producer_epoch(self.epoch.0)
            .with_v3_and_below_topics(vec![topic]);
        let answer: AddPartitionsToTxnResponse =
            self.ask(&Place::Transactions, (Api::AddPartitionsToTxn, 3), &request)?;
        let topics = answer.results_by_topic_v3_and_below.iter();
        let mut results = topics.flat_map(|topic| &topic.results_by_partition);
        results.try_for_each(|partition| check(partition.partition_error_code))
    }

    pub(super) fn batch(&self, sequence: i32, value: &str) -> Bytes {
        let now = i64::try_from(threads::elapsed().as_millis()).unwrap_or(0);
        let mut builder = BatchBuilder::new(Codec::None);
        builder.producer(self.id, self.epoch, sequence).transactional(true);
        builder.append(TimestampMs(1_750_000_000_000 + now), None, Some(value.as_bytes()), &[]);
        builder.finish().freeze()
    }

    pub(super) fn produce(&mut self, partition: PartitionId, batch: &Bytes) -> Result<(), Trouble> {
        let data = PartitionProduceData::default()
            .with_index(partition.0)
            .with_records(Some(batch.clone()));
        let data = TopicProduceData::default()
            .with_name(messages::TopicName(text(self.setting.topic.as_str())))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_transactional_id(Some(self.transactional_id()))
            .with_acks(-1)
            .with_timeout_ms(3_000)
            .with_topic_data(vec![data]);
        let version = if self.protocol == Protocol::One { 9 } else { 12 };
        let answer: ProduceResponse =
            self.ask(&Place::Leader(partition), (Api::Produce, version), &request)?;
        let topic = answer.responses.first();
        let partition = topic.and_then(|topic| topic.partition_responses.first());
        match code(partition.ok_or(Trouble::Lost)?.error_code) {
            ErrorCode::DuplicateSequenceNumber => Ok(()),
            error => judge(error),
        }
    }

    pub(super) fn add_group(&mut self) -> Result<(), Trouble> {
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_producer_id(messages::ProducerId(self.id.0))
            .with_producer_epoch(self.epoch.0)
            .with_group_id(self.group());
        let answer: AddOffsetsToTxnResponse =
            self.ask(&Place::Transactions, (Api::AddOffsetsToTxn, 3), &request)?;
        check(answer.error_code)
    }

    pub(super) fn commit_offset(&mut self, offset: Offset) -> Result<(), Trouble> {
        let partition = TxnOffsetCommitRequestPartition::default().with_committed_offset(offset.0);
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(messages::TopicName(text(self.setting.topic.as_str())))
            .with_partitions(vec![partition]);
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_group_id(self.group())
            .with_producer_id(messages::ProducerId(self.id.0))
            .with_producer_epoch(self.epoch.0)
            .with_topics(vec![topic]);
        let version = if self.protocol == Protocol::One { 3 } else { 5 };
        let answer: TxnOffsetCommitResponse =
            self.ask(&Place::Group, (Api::TxnOffsetCommit, version), &request)?;
        let mut results = answer.topics.iter().flat_map(|topic| &topic.partitions);
        results.try_for_each(|partition| check(partition.error_code))
    }

    pub(super) fn end_transaction(
        &mut self,
        is_commit: bool,
    ) -> Result<(ProducerId, ProducerEpoch), Trouble> {
        let request = EndTxnRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_producer_id(messages::ProducerId(self.id.0))
            .with_producer_epoch(self.epoch.0)
            .with_committed(is_commit);
        let version = if self.protocol == Protocol::One { 3 } else { 5 };
        let answer: EndTxnResponse =
            self.ask(&Place::Transactions, (Api::EndTxn, version), &request)?;
        check(answer.error_code)?;
        Ok((ProducerId(answer.producer_id.0), ProducerEpoch(answer.producer_epoch)))
    }

    fn transactional_id(&self) -> TransactionalId {
        TransactionalId(text(&self.setting.name))
    }

    /// A group of its own, named as it is.
    fn group(&self) -> GroupId {
        GroupId(text(&self.setting.name))
    }

    fn ask<A: Decodable>(
        &mut self,
        place: &Place,
        api: (Api, i16),
        request: &impl Encodable,
    ) -> Result<A, Trouble> {
        let host = match self.places.get(place) {
            Some(host) => *host,
            None => {
                let unknown = Trouble::Refused(ErrorCode::CoordinatorNotAvailable);
                self.find(place).ok_or(unknown)?
            }
        };
        self.places.insert(place.clone(), host);
        self.setting.client.ask(host, api, request).map_err(|_| Trouble::Lost)
    }

    fn find(&mut self, place: &Place) -> Option<Host> {
        let key_type = match place {
            Place::Leader(partition) => {
                let topic = self.setting.topic.clone();
                return self.setting.client.leader(&topic, *partition);
            }
            Place::Group => 0,
            Place::Transactions => 1,
        };
        let name = text(&self.setting.name);
        let request = FindCoordinatorRequest::default().with_key(name).with_key_type(key_type);
        for broker in self.setting.client.brokers().to_vec() {
            let answer: Result<FindCoordinatorResponse, _> =
                self.setting.client.ask(broker, (Api::FindCoordinator, 2), &request);
            if let Ok(answer) = answer
                && answer.error_code == 0
            {
                return u16::try_from(answer.node_id.0).ok().map(Host);
            }
        }
        None
    }
}

fn check(number: i16) -> Result<(), Trouble> {
    judge(code(number))
}

/// What a producer does about an answer: every error that is not named passes.
fn judge(error: ErrorCode) -> Result<(), Trouble> {
    match error {
        ErrorCode::None => Ok(()),
        ErrorCode::InvalidProducerEpoch
        | ErrorCode::ProducerFenced
        | ErrorCode::InvalidTxnState
        | ErrorCode::InvalidProducerIdMapping
        | ErrorCode::UnknownProducerId
        | ErrorCode::OutOfOrderSequenceNumber
        | ErrorCode::TransactionAbortable => Err(Trouble::Broken(error)),
        passing => Err(Trouble::Refused(passing)),
    }
}
