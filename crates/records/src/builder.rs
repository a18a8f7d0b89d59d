//! Builds a batch, record by record.

use bytes::{BufMut, BytesMut};
use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs};

use crate::{
    Batch, Codec, HEADER_BYTES, PREFIX_BYTES, Record, RecordsError, TimestampType,
    batch::{
        CODEC_BITS, CONTROL_BIT, DELETE_HORIZON_BIT, LOG_APPEND_TIME_BIT, MAGIC, TRANSACTIONAL_BIT,
        at,
    },
    codec::compress,
    stamp, varint,
};

/// A batch in the making. [`finish`](Self::finish) hands it out and leaves the builder ready for the next; what describes the producer
/// and the log (codec, base offset, leader epoch, producer, attributes) stays set.
///
/// Invariant: `plain` is empty, or holds the room for a header and then `record_count` encoded records.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    plain: BytesMut,
    codec: Codec,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: i32,
    flags: i16,
    append_time: Option<TimestampMs>,
    delete_horizon: Option<TimestampMs>,
    last_offset_delta_least: i32,
    base_timestamp: TimestampMs,
    max_timestamp: TimestampMs,
    last_offset_delta: i32,
    record_count: i32,
}

impl BatchBuilder {
    /// An empty batch at offset 0, of no producer.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            plain: BytesMut::new(),
            codec,
            base_offset: Offset::ZERO,
            leader_epoch: LeaderEpoch::NONE,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: -1,
            flags: 0,
            append_time: None,
            delete_horizon: None,
            last_offset_delta_least: -1,
            base_timestamp: TimestampMs::NONE,
            max_timestamp: TimestampMs::NONE,
            last_offset_delta: -1,
            record_count: 0,
        }
    }

    /// One that writes the same header as `batch` does, but for what the records decide: for the cleaner and for
    /// changing the codec. The last offset is kept even if the last records are not.
    ///
    /// # Errors
    /// [`RecordsError::UnknownCodec`].
    pub fn like(batch: &Batch<'_>) -> Result<Self, RecordsError> {
        let mut builder = Self::new(batch.codec()?);
        builder.base_offset = batch.base_offset();
        builder.leader_epoch = batch.leader_epoch();
        builder.producer_id = batch.producer_id();
        builder.producer_epoch = batch.producer_epoch();
        builder.base_sequence = batch.base_sequence();
        builder.flags = batch.attributes() & (TRANSACTIONAL_BIT | CONTROL_BIT);
        builder.delete_horizon = batch.delete_horizon();
        builder.last_offset_delta_least = batch.last_offset_delta();
        if batch.timestamp_type() == TimestampType::LogAppendTime {
            builder.append_time = Some(batch.max_timestamp());
        }
        Ok(builder)
    }

    /// Sets the codec.
    pub const fn codec(&mut self, codec: Codec) -> &mut Self {
        self.codec = codec;
        self
    }

    /// Sets the offset that deltas are relative to.
    pub const fn base_offset(&mut self, base: Offset) -> &mut Self {
        self.base_offset = base;
        self
    }

    /// Sets the leader epoch.
    pub const fn leader_epoch(&mut self, epoch: LeaderEpoch) -> &mut Self {
        self.leader_epoch = epoch;
        self
    }

    /// Sets the idempotent producer and the sequence number of the first record.
    pub const fn producer(
        &mut self,
        id: ProducerId,
        epoch: ProducerEpoch,
        base_sequence: i32,
    ) -> &mut Self {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = base_sequence;
        self
    }

    /// Says whether the batch belongs to a transaction.
    pub const fn transactional(&mut self, is: bool) -> &mut Self {
        self.flag(TRANSACTIONAL_BIT, is)
    }

    /// Says whether its records are the broker's own.
    pub const fn control(&mut self, is: bool) -> &mut Self {
        self.flag(CONTROL_BIT, is)
    }

    /// Makes `time` the timestamp of every record, as `message.timestamp.type=LogAppendTime` does; `None` goes back.
    pub const fn append_time(&mut self, time: Option<TimestampMs>) -> &mut Self {
        self.append_time = time;
        self
    }

    /// Sets when tombstones and markers of it may go. It takes the place of the base timestamp, so set it before the first record.
    pub fn delete_horizon(&mut self, horizon: Option<TimestampMs>) -> &mut Self {
        assert!(self.is_empty(), "timestamp deltas are already written");
        self.delete_horizon = horizon;
        self
    }

    /// Keeps the last offset at least `delta` after the base, whatever records come: compaction must not move it. A batch
    /// may then even have no record.
    pub const fn keep_last_offset_delta(&mut self, delta: i32) -> &mut Self {
        self.last_offset_delta_least = delta;
        self
    }

    /// Appends a record at the next offset.
    pub fn append(
        &mut self,
        timestamp: TimestampMs,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        self.append_at(self.last_offset_delta + 1, timestamp, key, value, headers);
    }

    /// Appends a record at `offset_delta`, past that of the last one: compaction keeps gaps.
    #[expect(clippy::too_many_arguments, reason = "the fields of a record, as in `append`")]
    pub fn append_at(
        &mut self,
        offset_delta: i32,
        timestamp: TimestampMs,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let headers_size = |(name, value): &(&str, Option<&[u8]>)| {
            nullable_size(Some(name.as_bytes())) + nullable_size(*value)
        };
        let headers_bytes = headers.iter().map(headers_size).sum();
        self.open_record(offset_delta, timestamp, (key, value), (headers.len(), headers_bytes));
        for (name, value) in headers {
            put_nullable(&mut self.plain, Some(name.as_bytes()));
            put_nullable(&mut self.plain, *value);
        }
    }

    /// Appends `record` as it is, at its own offset.
    pub fn append_record(&mut self, record: &Record<'_>) {
        let delta = i32::try_from(record.offset.since(self.base_offset))
            .expect("a record lies within its batch's 2^31 offsets");
        let headers = record.headers;
        let sizes = (headers.len(), headers.bytes().len());
        self.open_record(delta, record.timestamp, (record.key, record.value), sizes);
        self.plain.put_slice(headers.bytes());
    }

    /// Records so far.
    #[must_use]
    pub const fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Bytes so far, header included, not compressed.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.plain.len().max(HEADER_BYTES)
    }

    /// Whether there is no record yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// The batch, compressed and with its CRC. The builder is then empty again.
    pub fn finish(&mut self) -> BytesMut {
        if self.plain.is_empty() {
            self.open();
        }
        let plain = self.plain.split();
        let mut batch = match self.codec {
            Codec::None => plain,
            codec => {
                let mut packed = vec![0; HEADER_BYTES];
                compress(codec, plain.get(HEADER_BYTES..).unwrap_or_default(), &mut packed);
                BytesMut::from(bytes::Bytes::from(packed))
            }
        };
        self.write_header(&mut batch);
        stamp::checksum(&mut batch);
        self.base_timestamp = TimestampMs::NONE;
        self.max_timestamp = TimestampMs::NONE;
        self.last_offset_delta = -1;
        self.record_count = 0;
        batch
    }

    fn write_header(&self, batch: &mut BytesMut) {
        let length = i32::try_from(batch.len() - PREFIX_BYTES).expect("a batch is below 2 GiB");
        let horizon = self.delete_horizon.map_or(0, |_| DELETE_HORIZON_BIT);
        let append_time = self.append_time.map_or(0, |_| LOG_APPEND_TIME_BIT);
        let attributes = self.flags | horizon | append_time | (self.codec.bits() & CODEC_BITS);
        let base_timestamp = self.delete_horizon.unwrap_or(self.base_timestamp);
        let max_timestamp = self.append_time.unwrap_or(self.max_timestamp);
        let last_delta = self.last_offset_delta.max(self.last_offset_delta_least);
        stamp::put(batch, 0, self.base_offset.0.to_be_bytes());
        stamp::put(batch, at::LENGTH, length.to_be_bytes());
        stamp::put(batch, at::LEADER_EPOCH, self.leader_epoch.0.to_be_bytes());
        stamp::put(batch, at::MAGIC, MAGIC.to_be_bytes());
        stamp::put(batch, at::ATTRIBUTES, attributes.to_be_bytes());
        stamp::put(batch, at::LAST_OFFSET_DELTA, last_delta.to_be_bytes());
        stamp::put(batch, at::BASE_TIMESTAMP, base_timestamp.0.to_be_bytes());
        stamp::put(batch, at::MAX_TIMESTAMP, max_timestamp.0.to_be_bytes());
        stamp::put(batch, at::PRODUCER_ID, self.producer_id.0.to_be_bytes());
        stamp::put(batch, at::PRODUCER_EPOCH, self.producer_epoch.0.to_be_bytes());
        stamp::put(batch, at::BASE_SEQUENCE, self.base_sequence.to_be_bytes());
        stamp::put(batch, at::RECORD_COUNT, self.record_count.to_be_bytes());
    }

    const fn flag(&mut self, bit: i16, is: bool) -> &mut Self {
        if is {
            self.flags |= bit;
        } else {
            self.flags &= !bit;
        }
        self
    }

    fn open(&mut self) {
        self.plain.put_bytes(0, HEADER_BYTES);
    }

    /// Writes a record up to its header count; the caller adds the headers, whose count and bytes are told in `headers`.
    fn open_record(
        &mut self,
        offset_delta: i32,
        timestamp: TimestampMs,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        (header_count, header_bytes): (usize, usize),
    ) {
        assert!(offset_delta > self.last_offset_delta, "offsets of a batch only grow");
        if self.is_empty() {
            self.open();
            self.base_timestamp = self.delete_horizon.unwrap_or(timestamp);
        }
        let time_delta = timestamp.0.wrapping_sub(self.base_timestamp.0);
        let offset_delta_long = i64::from(offset_delta);
        let header_count = length(header_count);
        let size = 1
            + varint::size(time_delta)
            + varint::size(offset_delta_long)
            + nullable_size(key)
            + nullable_size(value)
            + varint::size(header_count)
            + header_bytes;
        self.plain.reserve(size + 5);
        varint::write(&mut self.plain, length(size));
        self.plain.put_u8(0);
        varint::write(&mut self.plain, time_delta);
        varint::write(&mut self.plain, offset_delta_long);
        put_nullable(&mut self.plain, key);
        put_nullable(&mut self.plain, value);
        varint::write(&mut self.plain, header_count);
        self.last_offset_delta = offset_delta;
        self.record_count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
    }
}

/// `batch` with its records compressed by `codec` instead.
///
/// # Errors
/// What reading its records meets.
pub fn recompress(batch: &Batch<'_>, codec: Codec) -> Result<BytesMut, RecordsError> {
    let mut scratch = Vec::new();
    let mut builder = BatchBuilder::like(batch)?;
    builder.codec(codec);
    let mut last = None;
    for record in batch.records(&mut scratch)? {
        let record = record?;
        // Foreign bytes may break what the builder holds as its invariant.
        let place = record.offset.since(batch.base_offset());
        if last.is_some_and(|last| place <= last) || i32::try_from(place).is_err() || place < 0 {
            return Err(RecordsError::Record("offsets of a batch do not grow"));
        }
        last = Some(place);
        builder.append_record(&record);
    }
    Ok(builder.finish())
}

fn nullable_size(field: Option<&[u8]>) -> usize {
    field.map_or(1, |bytes| varint::size(length(bytes.len())) + bytes.len())
}

fn put_nullable(out: &mut BytesMut, field: Option<&[u8]>) {
    match field {
        None => varint::write(out, -1),
        Some(bytes) => {
            varint::write(out, length(bytes.len()));
            out.put_slice(bytes);
        }
    }
}

fn length(bytes: usize) -> i64 {
    i64::from(i32::try_from(bytes).expect("a field of a record is below 2 GiB"))
}
