//! What the load is made of: records, batches, and the frames that carry them.

use std::{ops::Range, time::Duration};

use bytes::BytesMut;
use clap::{ArgAction, Args, ValueEnum};
use client::{Acks, Connection, ProducerIdentity};
use model::{TimestampMs, TopicPartition};
use records::{BatchBuilder, Codec, stamp};
use wire::{
    Api,
    messages::{
        ProduceRequest,
        produce_request::{PartitionProduceData, TopicProduceData},
        text,
    },
};

use super::{BenchError, stamped::Stamped};

/// The last version of Produce that names topics; later ones ask by id.
const PRODUCE_VERSION_BY_NAME: i16 = 12;
/// How long the broker may wait for replicas.
const REPLICATION_TIMEOUT_MS: i32 = 30_000;
/// The same load in every run.
const SEED: u64 = 7;

/// What is sent, and how.
#[derive(Args, Clone, Debug)]
pub(super) struct ShapeArgs {
    /// Bytes of a record's value.
    #[arg(long, default_value_t = 100)]
    pub(super) record_size: usize,
    /// Bytes of a batch at most; a larger record has one for itself.
    #[arg(long, default_value_t = 16_384)]
    batch_size: usize,
    /// How long records wait for company, where they come one by one.
    #[arg(long, default_value_t = 0)]
    linger_ms: u64,
    /// Whose acknowledgement counts: all, 1 or 0.
    #[arg(long, default_value = "all", value_parser = parse_acks)]
    acks: Acks,
    /// How batches are compressed.
    #[arg(long, value_enum, default_value_t = Compression::None)]
    compression: Compression,
    /// Whether the producer is idempotent, where acks is all.
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    idempotent: bool,
    /// Requests ahead of their answers.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    in_flight: u8,
    /// Records that come one by one are JSON objects, {"due":"…","pad":"…"}, for jobs that read JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// The same, checked.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) record_size: usize,
    pub(super) linger: Duration,
    pub(super) acks: Acks,
    pub(super) is_idempotent: bool,
    pub(super) in_flight_max: usize,
    pub(super) records_per_batch: u32,
    pub(super) is_json: bool,
    codec: Codec,
    payload: Vec<u8>,
}

impl ShapeArgs {
    pub(super) fn shape(&self) -> Result<Shape, BenchError> {
        let is_idempotent = self.idempotent && self.acks == Acks::All;
        if is_idempotent && self.in_flight > 5 {
            return Err("an idempotent producer has at most 5 requests in flight".into());
        }
        let codec = match self.compression {
            Compression::None => Codec::None,
            Compression::Gzip => Codec::Gzip,
            Compression::Snappy => Codec::Snappy,
            Compression::Lz4 => Codec::Lz4,
            Compression::Zstd => Codec::Zstd,
        };
        let mut chance = fastrand::Rng::with_seed(SEED);
        // More than one record's worth, so that neighbours differ and compression shows its usual self.
        let payload =
            (0..self.record_size * 2 + 4096).map(|_| chance.alphanumeric() as u8).collect();
        let mut shape = Shape {
            record_size: self.record_size,
            linger: Duration::from_millis(self.linger_ms),
            acks: self.acks,
            is_idempotent,
            in_flight_max: usize::from(self.in_flight),
            records_per_batch: 1,
            is_json: self.json,
            codec,
            payload,
        };
        shape.records_per_batch = shape.count_fitting(self.batch_size);
        Ok(shape)
    }
}

impl Shape {
    /// How many records a batch of this size holds.
    fn count_fitting(&self, batch_bytes: usize) -> u32 {
        let mut builder = BatchBuilder::new(Codec::None);
        let mut before = builder.size_bytes();
        loop {
            builder.append(TimestampMs(0), None, Some(self.value(0)), &[]);
            let after = builder.size_bytes();
            let record = after - before;
            before = after;
            if after + record > batch_bytes {
                return u32::try_from(builder.record_count()).unwrap_or(1);
            }
        }
    }

    /// The value of a record; neighbours differ.
    pub(super) fn value(&self, index: usize) -> &[u8] {
        let start = (index * 61) % (self.payload.len() - self.record_size);
        &self.payload[start..start + self.record_size]
    }

    /// A value to write instants into.
    pub(super) fn stamped(&self, index: usize) -> Stamped {
        Stamped::new(self.value(index), self.is_json)
    }

    /// A batch of `records` records of one moment.
    pub(super) fn batch(&self, records: u32) -> BytesMut {
        let mut builder = BatchBuilder::new(self.codec);
        for index in 0..records {
            let value = self.value(usize::try_from(index).unwrap_or(0));
            builder.append(TimestampMs(0), None, Some(value), &[]);
        }
        builder.finish()
    }

    /// A builder for batches that are made as they go.
    pub(super) fn builder(&self) -> BatchBuilder {
        BatchBuilder::new(self.codec)
    }
}

/// A Produce request that is sent again and again.
pub(super) struct Frame {
    bytes: BytesMut,
    batch: Range<usize>,
}

impl Frame {
    /// The request that sends `batch` to `partition`.
    pub(super) fn new(
        connection: &Connection,
        partition: &TopicPartition,
        acks: Acks,
        batch: BytesMut,
    ) -> Result<Self, BenchError> {
        let version = produce_version(connection)?;
        let batch_size = batch.len();
        let row = PartitionProduceData::default()
            .with_index(partition.partition.0)
            .with_records(Some(batch.freeze()));
        let topic = TopicProduceData::default()
            .with_name(wire::messages::TopicName(text(partition.topic.as_str())))
            .with_partition_data(vec![row]);
        let request = ProduceRequest::default()
            .with_transactional_id(None)
            .with_acks(acks.number())
            .with_timeout_ms(REPLICATION_TIMEOUT_MS)
            .with_topic_data(vec![topic]);
        let bytes = connection.frame(Api::Produce, version, &request)?;
        // What follows the records are the empty tag sections of partition, topic and request.
        let end = bytes.len() - if Api::Produce.is_flexible(version) { 3 } else { 0 };
        Ok(Self { batch: end - batch_size..end, bytes })
    }

    /// The frame, its batch made the next one of its producer.
    pub(super) fn next(
        &mut self,
        now: TimestampMs,
        identity: Option<ProducerIdentity>,
        sequence: i32,
    ) -> &mut [u8] {
        let identity = identity.map(|identity| (identity.id, identity.epoch, sequence));
        stamp::afresh(&mut self.bytes[self.batch.clone()], now, identity);
        &mut self.bytes
    }
}

/// The version of Produce that is spoken.
pub(super) fn produce_version(connection: &Connection) -> Result<i16, BenchError> {
    Ok(connection.version_at_most(Api::Produce, PRODUCE_VERSION_BY_NAME)?)
}

fn parse_acks(text: &str) -> Result<Acks, String> {
    match text {
        "all" | "-1" => Ok(Acks::All),
        "1" => Ok(Acks::Leader),
        "0" => Ok(Acks::None),
        _ => Err("acks is all, 1 or 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use records::Batch;

    use super::*;

    fn shape(record_size: usize, batch_size: usize) -> Shape {
        let args = ShapeArgs {
            record_size,
            batch_size,
            linger_ms: 0,
            acks: Acks::All,
            compression: Compression::None,
            idempotent: true,
            in_flight: 5,
            json: false,
        };
        args.shape().unwrap()
    }

    #[test]
    fn a_full_batch_fits_and_one_record_more_would_not() {
        for (record_size, batch_size) in [(100, 16_384), (1024, 16_384), (10_240, 1 << 20)] {
            let shape = shape(record_size, batch_size);
            assert!(shape.batch(shape.records_per_batch).len() <= batch_size);
            assert!(shape.batch(shape.records_per_batch + 1).len() > batch_size);
        }
        assert_eq!(shape(100_000, 16_384).records_per_batch, 1);
    }

    #[test]
    fn every_record_is_of_the_size_asked_for() {
        let shape = shape(100, 16_384);
        let bytes = shape.batch(7);
        let mut scratch = Vec::new();
        let records = Batch::parse(&bytes).unwrap().records(&mut scratch).unwrap();
        let sizes: Vec<_> = records.map(|record| record.unwrap().value.unwrap().len()).collect();
        assert_eq!(sizes, [100; 7]);
    }
}
