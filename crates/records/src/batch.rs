//! One whole record batch, borrowed.
//!
//! ```text
//!  0 base offset i64      ┐ prefix          21 attributes i16     ┐
//!  8 length i32           ┘ 12 bytes        23 last offset delta i32
//! 12 leader epoch i32                       27 base timestamp i64 │
//! 16 magic i8 = 2                           35 max timestamp i64  │ under the CRC
//! 17 crc u32 (CRC-32C of 21..)              43 producer id i64    │ with the records
//!                                           51 producer epoch i16 │
//!  attributes: 0-2 codec, 3 log append      53 base sequence i32  │
//!  time, 4 transactional, 5 control,        57 record count i32   │
//!  6 base timestamp is delete horizon       61 records …          ┘
//! ```

use model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TimestampMs, limits};

use crate::{Codec, Records, RecordsError, codec, crc32c};

/// Bytes of a batch before its first record.
pub const HEADER_BYTES: usize = 61;
/// Bytes that the length field does not count: base offset and the length itself.
pub const PREFIX_BYTES: usize = 12;

pub(crate) const MAGIC: i8 = 2;
pub(crate) const CODEC_BITS: i16 = 0b111;
pub(crate) const LOG_APPEND_TIME_BIT: i16 = 1 << 3;
pub(crate) const TRANSACTIONAL_BIT: i16 = 1 << 4;
pub(crate) const CONTROL_BIT: i16 = 1 << 5;
pub(crate) const DELETE_HORIZON_BIT: i16 = 1 << 6;

/// Where each field of the header begins.
pub(crate) mod at {
    pub(crate) const LENGTH: usize = 8;
    pub(crate) const LEADER_EPOCH: usize = 12;
    pub(crate) const MAGIC: usize = 16;
    pub(crate) const CRC: usize = 17;
    pub(crate) const ATTRIBUTES: usize = 21;
    pub(crate) const LAST_OFFSET_DELTA: usize = 23;
    pub(crate) const BASE_TIMESTAMP: usize = 27;
    pub(crate) const MAX_TIMESTAMP: usize = 35;
    pub(crate) const PRODUCER_ID: usize = 43;
    pub(crate) const PRODUCER_EPOCH: usize = 51;
    pub(crate) const BASE_SEQUENCE: usize = 53;
    pub(crate) const RECORD_COUNT: usize = 57;
}

/// Who set the timestamps of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer.
    #[default]
    CreateTime,
    /// The broker, when it appended.
    LogAppendTime,
}

/// One whole batch, borrowed. That it is whole, of magic 2 and has a sane length is checked; its CRC is not.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    header: &'a [u8; HEADER_BYTES],
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The first batch in `bytes`; what follows it is ignored.
    ///
    /// # Errors
    /// [`RecordsError::CutShort`] when the batch goes on past `bytes`; otherwise what is wrong with its header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RecordsError> {
        let size = batch_size_bytes(bytes)?;
        let cut = RecordsError::CutShort { needed: size, found: bytes.len() };
        let Some((whole, _)) = bytes.split_at_checked(size) else { return Err(cut) };
        let Some(header) = whole.first_chunk() else { return Err(cut) };
        Ok(Self { header, bytes: whole })
    }

    /// All of it, with the 12-byte prefix.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its size with the 12-byte prefix.
    #[must_use]
    pub const fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The offset of its first record (of the first it was produced with, after compaction).
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        Offset(i64::from_be_bytes(self.field(0)))
    }

    /// The offset of its last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset().plus(i64::from(self.last_offset_delta()))
    }

    /// The offset after its last record.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    /// Last offset minus base offset, as the header says; nothing keeps a hostile one from being negative.
    #[must_use]
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(self.field(at::LAST_OFFSET_DELTA))
    }

    /// The epoch of the leader that appended it.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(i32::from_be_bytes(self.field(at::LEADER_EPOCH)))
    }

    /// The CRC that the header claims.
    #[must_use]
    pub fn crc(&self) -> u32 {
        u32::from_be_bytes(self.field(at::CRC))
    }

    /// Whether the bytes agree with their CRC.
    #[must_use]
    pub fn is_crc_right(&self) -> bool {
        self.crc() == crc32c(self.bytes.get(at::ATTRIBUTES..).unwrap_or_default())
    }

    pub(crate) fn attributes(&self) -> i16 {
        i16::from_be_bytes(self.field(at::ATTRIBUTES))
    }

    /// How its records are compressed.
    ///
    /// # Errors
    /// [`RecordsError::UnknownCodec`] for numbers 5 to 7.
    pub fn codec(&self) -> Result<Codec, RecordsError> {
        Codec::from_attributes(self.attributes())
    }

    /// Who set its timestamps.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        if self.has(LOG_APPEND_TIME_BIT) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Whether it belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.has(TRANSACTIONAL_BIT)
    }

    /// Whether its records are the broker's own (markers), not to be shown to consumers.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.has(CONTROL_BIT)
    }

    /// When its tombstones or markers may go, if the cleaner has set that.
    #[must_use]
    pub fn delete_horizon(&self) -> Option<TimestampMs> {
        self.has(DELETE_HORIZON_BIT).then(|| self.base_timestamp())
    }

    /// What the timestamp deltas of its records are relative to.
    #[must_use]
    pub fn base_timestamp(&self) -> TimestampMs {
        TimestampMs(i64::from_be_bytes(self.field(at::BASE_TIMESTAMP)))
    }

    /// The largest timestamp of its records, as the header says.
    #[must_use]
    pub fn max_timestamp(&self) -> TimestampMs {
        TimestampMs(i64::from_be_bytes(self.field(at::MAX_TIMESTAMP)))
    }

    /// The idempotent producer that sent it.
    #[must_use]
    pub fn producer_id(&self) -> ProducerId {
        ProducerId(i64::from_be_bytes(self.field(at::PRODUCER_ID)))
    }

    /// That producer's epoch.
    #[must_use]
    pub fn producer_epoch(&self) -> ProducerEpoch {
        ProducerEpoch(i16::from_be_bytes(self.field(at::PRODUCER_EPOCH)))
    }

    /// The sequence number of its first record; -1 without idempotence.
    #[must_use]
    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(self.field(at::BASE_SEQUENCE))
    }

    /// The sequence number of its last record: after `i32::MAX` comes 0. -1 without idempotence.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        let base = self.base_sequence();
        if base < 0 {
            return -1;
        }
        base.wrapping_add(self.last_offset_delta()) & i32::MAX
    }

    /// How many records the header claims.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        i32::from_be_bytes(self.field(at::RECORD_COUNT))
    }

    /// What follows the header: the records, compressed if the batch is.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(HEADER_BYTES..).unwrap_or_default()
    }

    /// Its records. An uncompressed batch is borrowed; a compressed one is inflated into `scratch`, whose old content is lost, up to
    /// [`limits::BATCH_INFLATED_BYTES_MAX`].
    ///
    /// # Errors
    /// A count out of range, an unknown codec, or bytes that do not inflate within the bound.
    pub fn records<'s>(&self, scratch: &'s mut Vec<u8>) -> Result<Records<'s>, RecordsError>
    where
        'a: 's,
    {
        let count = self.record_count();
        if !usize::try_from(count).is_ok_and(|count| count <= limits::BATCH_RECORDS_MAX) {
            return Err(RecordsError::Count(count));
        }
        let body: &'s [u8] = match self.codec()? {
            Codec::None => self.body(),
            codec => {
                codec::inflate(codec, self.body(), scratch, limits::BATCH_INFLATED_BYTES_MAX)?;
                scratch
            }
        };
        Ok(Records::new(self, body))
    }

    fn has(&self, bit: i16) -> bool {
        self.attributes() & bit != 0
    }

    /// The `N` bytes at `at`. Called with the constants of [`at`] only, so the bounds are known when it is inlined.
    #[inline]
    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        field(self.header, at)
    }
}

impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("offsets", &(self.base_offset()..self.next_offset()))
            .field("count", &self.record_count())
            .field("size_bytes", &self.size_bytes())
            .field("codec", &self.codec())
            .field("leader_epoch", &self.leader_epoch())
            .field("producer", &(self.producer_id(), self.producer_epoch(), self.base_sequence()))
            .field("transactional", &self.is_transactional())
            .field("control", &self.is_control())
            .finish()
    }
}

/// The size that the first batch of `bytes` claims, with its prefix; needs 17 bytes to be sure of the magic.
fn batch_size_bytes(bytes: &[u8]) -> Result<usize, RecordsError> {
    let Some(start) = bytes.first_chunk::<{ at::MAGIC + 1 }>() else {
        return Err(RecordsError::CutShort { needed: HEADER_BYTES, found: bytes.len() });
    };
    let magic = i8::from_be_bytes(field(start, at::MAGIC));
    if magic != MAGIC {
        return Err(RecordsError::Magic(magic));
    }
    let length = i32::from_be_bytes(field(start, at::LENGTH));
    match usize::try_from(length) {
        Ok(bytes) if bytes >= HEADER_BYTES - PREFIX_BYTES => Ok(bytes + PREFIX_BYTES),
        _ => Err(RecordsError::Length(length)),
    }
}

#[inline]
fn field<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    header.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}
