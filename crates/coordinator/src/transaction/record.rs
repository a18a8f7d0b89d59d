//! What `__transaction_state` holds, in Kafka's own schemas.
//!
//! ```text
//!   key    version 0   TransactionLogKey     transactional id
//!
//!   TransactionLogValue  0  producer id i64, epoch i16, timeout i32, state i8, topics? [ name, partitions [ i32 ] ],
//!                           last update i64, start i64                topics are null in Empty
//!                        1  compact, tags: 0 previous producer id, 1 next producer id, 2 client version i16    written
//! ```
//! A key without a value is a tombstone. Apache Kafka 4.x writes 1 from transaction.version 1 on.

use std::{collections::BTreeMap, sync::Arc};

use bytes::BufMut;
use model::{PartitionId, ProducerEpoch, ProducerId, TimestampMs, TopicName, TopicPartition};
use wire::Cursor;

use super::{
    state::TransactionState,
    transaction::{ClientVersion, Transaction},
};
use crate::{group::DecodeError, limits::TEXT_BYTES_MAX};

/// One record: a transactional id, and what is known of it or that nobody knows any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// The transactional id.
    pub id: Arc<str>,
    /// None is a tombstone.
    pub value: Option<Transaction>,
}

const KEY_VERSION: i16 = 0;
const VALUE_VERSION: i16 = 1;
/// The first value with compact strings and tags.
const FLEXIBLE: i16 = 1;
const TAG_PREVIOUS_ID: u32 = 0;
const TAG_NEXT_ID: u32 = 1;
const TAG_CLIENT_VERSION: u32 = 2;

impl TransactionRecord {
    /// The record's key.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        debug_assert!(self.id.len() <= TEXT_BYTES_MAX, "checked where the id comes in");
        let mut key = Vec::with_capacity(4 + self.id.len());
        key.put_i16(KEY_VERSION);
        key.put_i16(i16::try_from(self.id.len()).unwrap_or(i16::MAX));
        key.put_slice(self.id.as_bytes());
        key
    }

    /// The record's value; none for a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<Vec<u8>> {
        self.value.as_ref().map(encode)
    }

    /// Reads a key and its value. The bytes may come from anywhere: a log that was carried over from Apache Kafka, or a damaged one.
    ///
    /// # Errors
    /// [`DecodeError`]; none of them is a reason to stop loading.
    pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, DecodeError> {
        let mut key = Cursor::new(key.ok_or(DecodeError::NoKey)?);
        match key.i16()? {
            KEY_VERSION => {
                let id = key.string(false)?.unwrap_or_default().into();
                Ok(Self { id, value: value.map(decode).transpose()? })
            }
            other => Err(DecodeError::OtherKey(other)),
        }
    }
}

fn encode(transaction: &Transaction) -> Vec<u8> {
    let mut value = Vec::with_capacity(64);
    value.put_i16(VALUE_VERSION);
    value.put_i64(transaction.producer_id.0);
    value.put_i16(transaction.producer_epoch.0);
    value.put_i32(transaction.timeout_ms);
    value.put_i8(transaction.state.number());
    put_partitions(&mut value, transaction);
    value.put_i64(transaction.updated.0);
    value.put_i64(transaction.started.0);
    put_tags(&mut value, transaction);
    value
}

fn put_partitions(value: &mut Vec<u8>, transaction: &Transaction) {
    if transaction.state == TransactionState::Empty {
        put_varint(value, 0); // null
        return;
    }
    let mut topics: BTreeMap<&TopicName, Vec<PartitionId>> = BTreeMap::new();
    for place in &transaction.partitions {
        topics.entry(&place.topic).or_default().push(place.partition);
    }
    put_varint(value, topics.len() + 1);
    for (name, partitions) in topics {
        put_varint(value, name.as_str().len() + 1);
        value.put_slice(name.as_str().as_bytes());
        put_varint(value, partitions.len() + 1);
        for partition in partitions {
            value.put_i32(partition.0);
        }
        value.put_u8(0); // no tags
    }
}

/// Tags at their default are left out, as Kafka does.
fn put_tags(value: &mut Vec<u8>, transaction: &Transaction) {
    let ids = [
        (TAG_PREVIOUS_ID, transaction.previous_producer_id),
        (TAG_NEXT_ID, transaction.next_producer_id),
    ];
    let ids = ids.into_iter().filter(|(_, id)| id.is_some());
    let version = transaction.client_version.0;
    put_varint(value, ids.clone().count() + usize::from(version != 0));
    for (tag, id) in ids {
        put_varint(value, tag as usize);
        put_varint(value, 8);
        value.put_i64(id.0);
    }
    if version != 0 {
        put_varint(value, TAG_CLIENT_VERSION as usize);
        put_varint(value, 2);
        value.put_i16(version);
    }
}

fn put_varint(into: &mut Vec<u8>, number: usize) {
    let mut left = u32::try_from(number).expect("a record is smaller than its batch");
    while left >= 0x80 {
        into.put_u8((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    into.put_u8(left as u8);
}

fn decode(value: &[u8]) -> Result<Transaction, DecodeError> {
    let mut value = Cursor::new(value);
    let version = value.i16()?;
    if !(0..=VALUE_VERSION).contains(&version) {
        return Err(DecodeError::UnknownValue(version));
    }
    let compact = version >= FLEXIBLE;
    let mut transaction = Transaction::new(ProducerId(value.i64()?));
    transaction.producer_epoch = ProducerEpoch(value.i16()?);
    transaction.timeout_ms = value.i32()?;
    let number = value.i8()?;
    transaction.state = TransactionState::from_number(number)
        .filter(|state| state.is_recorded())
        .ok_or(DecodeError::UnknownState(number))?;
    for _ in 0..value.length(compact)?.unwrap_or(0) {
        let name = value.string(compact)?.unwrap_or_default().to_owned();
        let name = TopicName::parse(&name).map_err(|_| DecodeError::IllegalName(name))?;
        for _ in 0..value.length(compact)?.unwrap_or(0) {
            let partition = PartitionId(value.i32()?);
            transaction.partitions.insert(TopicPartition::new(name.clone(), partition));
        }
        if compact {
            value.skip_tags()?;
        }
    }
    transaction.updated = TimestampMs(value.i64()?);
    transaction.started = TimestampMs(value.i64()?);
    if compact {
        read_tags(&mut value, &mut transaction)?;
    }
    Ok(transaction)
}

fn read_tags(value: &mut Cursor<'_>, transaction: &mut Transaction) -> Result<(), DecodeError> {
    for _ in 0..value.varint()? {
        let (tag, size) = (value.varint()?, value.varint()?);
        let mut field = Cursor::new(value.take(size as usize)?);
        match tag {
            TAG_PREVIOUS_ID => transaction.previous_producer_id = ProducerId(field.i64()?),
            TAG_NEXT_ID => transaction.next_producer_id = ProducerId(field.i64()?),
            TAG_CLIENT_VERSION => transaction.client_version = ClientVersion(field.i16()?),
            _ => {} // of a later Kafka
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> TransactionRecord {
        let place = |topic: &str, partition| {
            TopicPartition::new(TopicName::parse(topic).unwrap(), PartitionId(partition))
        };
        let value = Transaction {
            previous_producer_id: ProducerId(3),
            producer_epoch: ProducerEpoch(4),
            timeout_ms: 60_000,
            state: TransactionState::Ongoing,
            partitions: [place("a", 0), place("a", 7), place("b", 1)].into(),
            started: TimestampMs(11),
            updated: TimestampMs(12),
            client_version: ClientVersion::TWO,
            ..Transaction::new(ProducerId(5))
        };
        TransactionRecord { id: "täglich".into(), value: Some(value) }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut record = record();
        for _ in 0..2 {
            let value = record.value();
            let read = TransactionRecord::decode(Some(&record.key()), value.as_deref());
            assert_eq!(read, Ok(record.clone()));
            record.value = None;
        }
    }

    #[test]
    fn the_oldest_version_is_read() {
        let mut value = vec![0, 0];
        value.extend(5_i64.to_be_bytes());
        value.extend(4_i16.to_be_bytes());
        value.extend(60_000_i32.to_be_bytes());
        value.push(4); // CompleteCommit
        value.extend(1_i32.to_be_bytes());
        value.extend([0, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 9]);
        value.extend(12_i64.to_be_bytes());
        value.extend(11_i64.to_be_bytes());
        let key = [0, 0, 0, 2, b'i', b'd'];
        let read = TransactionRecord::decode(Some(&key), Some(&value)).unwrap();
        let transaction = read.value.unwrap();
        assert_eq!((&*read.id, transaction.state), ("id", TransactionState::CompleteCommit));
        assert_eq!(transaction.partitions.len(), 1);
        assert_eq!(transaction.started, TimestampMs(11));
    }

    #[test]
    fn an_empty_value_lies_as_apache_kafka_writes_it() {
        let value = Transaction {
            producer_epoch: ProducerEpoch(0),
            timeout_ms: 1,
            updated: TimestampMs(2),
            ..Transaction::new(ProducerId(1))
        };
        let record = TransactionRecord { id: "i".into(), value: Some(value) };
        let mut expected = vec![0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0];
        expected.extend(2_i64.to_be_bytes());
        expected.extend((-1_i64).to_be_bytes());
        expected.push(0);
        assert_eq!(record.value().unwrap(), expected);
        assert_eq!(record.key(), [0, 0, 0, 1, b'i']);
    }

    #[test]
    fn cut_and_twisted_records_are_errors_and_no_more() {
        let record = record();
        let (key, value) = (record.key(), record.value().unwrap());
        for length in 0..value.len() {
            assert!(TransactionRecord::decode(Some(&key), Some(&value[..length])).is_err());
        }
        for at in 0..value.len() {
            for bits in [0x01, 0x80, 0xff] {
                let mut twisted = value.clone();
                twisted[at] ^= bits;
                let _ = TransactionRecord::decode(Some(&key), Some(&twisted));
            }
        }
        for length in 0..key.len() {
            assert!(TransactionRecord::decode(Some(&key[..length]), None).is_err());
        }
    }
}
