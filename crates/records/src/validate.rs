//! What a batch must be before it is appended, by Apache Kafka's rules and in its order.
//!
//! The header and the CRC are always checked. An uncompressed batch then gets a walk over its records; a compressed one is opened only
//! where the answer is not in its header: on compacted topics, and where timestamps have a limit that the header may break.

use model::{ErrorCode, TimestampMs};

use crate::{Batch, Codec, RecordsError, TimestampType, record::RawRecord};

/// Record errors that one refusal lists at most.
const RECORD_ERRORS_MAX: usize = 1_000;

/// What a partition asks of the batches appended to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub after_max_ms: i64,
    /// `max.message.bytes`, of a batch with its prefix.
    pub size_bytes_max: usize,
    /// Whether every record needs a key.
    pub compacted: bool,
    /// Whether a client sent it: then it starts at offset 0 and is no control batch.
    pub from_client: bool,
}

/// One record that is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Its place in the batch.
    pub index: i32,
    /// What is wrong with it.
    pub message: String,
}

/// Why a batch is refused. The client is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A client's batch does not start at 0.
    #[error("The baseOffset of the record batch in the append should be 0, but it is {0}")]
    BaseOffset(i64),
    /// Larger than the topic allows.
    #[error(
        "The record batch size in the append is {size} bytes which exceeds the maximum configured value of {max}."
    )]
    TooLarge {
        /// Its size with the prefix.
        size: usize,
        /// The topic's `max.message.bytes`.
        max: usize,
    },
    /// The bytes do not agree with their CRC.
    #[error("Record is corrupt (stored crc = {stored})")]
    Crc {
        /// The CRC in the header.
        stored: u32,
    },
    /// The last offset lies before the first.
    #[error("Batch has an invalid offset range: last offset delta {0}")]
    OffsetRange(i32),
    /// No record, or a negative count.
    #[error("Invalid reported count for record batch: {0}")]
    Count(i32),
    /// Offsets and count disagree.
    #[error(
        "Inconsistent batch offset range: last offset delta {last_offset_delta} and count of records {count}"
    )]
    CountMismatch {
        /// The header's last offset delta.
        last_offset_delta: i32,
        /// The header's count.
        count: i32,
    },
    /// A producer id without a sequence.
    #[error("Invalid sequence number {0} in record batch with producerId")]
    Sequence(i32),
    /// A client's control batch.
    #[error("Clients are not allowed to write control records")]
    Control,
    /// The records cannot be read.
    #[error(transparent)]
    Unreadable(#[from] RecordsError),
    /// Offset deltas that do not count up from 0.
    #[error("Record {index} has offset delta {offset_delta}")]
    OffsetDelta {
        /// The record's place.
        index: i32,
        /// What it says.
        offset_delta: i32,
    },
    /// Some records lack what the topic asks of them.
    #[error("One or more records have been rejected")]
    Keys(Vec<RecordError>),
    /// Some records have a timestamp that the topic does not allow.
    #[error("One or more records have been rejected due to invalid timestamp")]
    Timestamps(Vec<RecordError>),
}

impl Invalid {
    /// What the client is told.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Crc { .. } => ErrorCode::CorruptMessage,
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::Timestamps(_) => ErrorCode::InvalidTimestamp,
            Self::Unreadable(error) => error.code(),
            Self::BaseOffset(_)
            | Self::OffsetRange(_)
            | Self::Count(_)
            | Self::CountMismatch { .. }
            | Self::Sequence(_)
            | Self::Control
            | Self::OffsetDelta { .. }
            | Self::Keys(_) => ErrorCode::InvalidRecord,
        }
    }

    /// The records at fault, where the answer names them.
    #[must_use]
    pub fn record_errors(&self) -> &[RecordError] {
        match self {
            Self::Keys(errors) | Self::Timestamps(errors) => errors,
            _ => &[],
        }
    }
}

/// What [`examine`] saw of a batch that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The largest timestamp of its records, where they were walked and the header says another:
    /// [`crate::stamp::max_timestamp`] corrects it.
    pub max_timestamp: Option<TimestampMs>,
}

/// Checks `batch` by `rules`.
///
/// # Errors
/// The first rule that it breaks.
pub fn validate(batch: &Batch<'_>, rules: &Rules, now: TimestampMs) -> Result<(), Invalid> {
    examine(batch, rules, now).map(drop)
}

/// As [`validate`], and says what the walk over the records found.
///
/// # Errors
/// The first rule that it breaks.
pub fn examine(batch: &Batch<'_>, rules: &Rules, now: TimestampMs) -> Result<Examined, Invalid> {
    check_header(batch, rules)?;
    let codec = batch.codec()?;
    if rules.from_client && batch.timestamp_type() == TimestampType::LogAppendTime {
        return Err(Invalid::Timestamps(append_time_errors(batch.record_count())));
    }
    if batch.is_control() || (codec != Codec::None && !is_opening_needed(batch, rules, now)) {
        return Ok(Examined { max_timestamp: None });
    }
    walk(batch, rules, now)
}

fn check_header(batch: &Batch<'_>, rules: &Rules) -> Result<(), Invalid> {
    if rules.from_client && batch.base_offset().0 != 0 {
        return Err(Invalid::BaseOffset(batch.base_offset().0));
    }
    if batch.size_bytes() > rules.size_bytes_max {
        return Err(Invalid::TooLarge { size: batch.size_bytes(), max: rules.size_bytes_max });
    }
    if !batch.is_crc_right() {
        return Err(Invalid::Crc { stored: batch.crc() });
    }
    let (last_offset_delta, count) = (batch.last_offset_delta(), batch.record_count());
    if last_offset_delta < 0 {
        return Err(Invalid::OffsetRange(last_offset_delta));
    }
    if count <= 0 {
        return Err(Invalid::Count(count));
    }
    if last_offset_delta != count - 1 {
        return Err(Invalid::CountMismatch { last_offset_delta, count });
    }
    if rules.from_client
        && batch.producer_id().is_some()
        && batch.base_sequence() < 0
        && !batch.is_control()
    {
        return Err(Invalid::Sequence(batch.base_sequence()));
    }
    if rules.from_client && batch.is_control() {
        return Err(Invalid::Control);
    }
    Ok(())
}

/// Whether a compressed batch must be opened to be judged.
fn is_opening_needed(batch: &Batch<'_>, rules: &Rules, now: TimestampMs) -> bool {
    let judges_time = rules.timestamp_type == TimestampType::CreateTime;
    let max = batch.max_timestamp();
    let is_limit_after_broken = max != TimestampMs::NONE && max.since(now) > rules.after_max_ms;
    // The header names no least timestamp.
    let has_limit_before = rules.before_max_ms != i64::MAX;
    rules.compacted || (judges_time && (is_limit_after_broken || has_limit_before))
}

fn walk(batch: &Batch<'_>, rules: &Rules, now: TimestampMs) -> Result<Examined, Invalid> {
    let mut scratch = Vec::new();
    let mut records = batch.records(&mut scratch)?;
    let mut max_timestamp = TimestampMs::NONE;
    let mut faults = Faults::default();
    let mut index = 0;
    while let Some(raw) = records.next_raw() {
        let raw = raw?;
        check_shape(&raw, index)?;
        let timestamp = records.timestamp(&raw);
        max_timestamp = max_timestamp.max(timestamp);
        if rules.compacted && raw.key.is_none() {
            faults.key(index);
        } else if is_out_of_range(timestamp, rules, now) {
            faults.timestamp(index, timestamp, rules, now);
        }
        index += 1;
    }
    faults.into_result()?;
    let is_lying = max_timestamp != batch.max_timestamp()
        && batch.timestamp_type() == TimestampType::CreateTime;
    Ok(Examined { max_timestamp: is_lying.then_some(max_timestamp) })
}

fn check_shape(raw: &RawRecord<'_>, index: i32) -> Result<(), Invalid> {
    if raw.offset_delta != index {
        return Err(Invalid::OffsetDelta { index, offset_delta: raw.offset_delta });
    }
    if raw.headers.is_empty() {
        return Ok(());
    }
    raw.headers.check().map_err(Invalid::Unreadable)
}

fn is_out_of_range(timestamp: TimestampMs, rules: &Rules, now: TimestampMs) -> bool {
    rules.timestamp_type == TimestampType::CreateTime
        && timestamp != TimestampMs::NONE
        && (now.since(timestamp) > rules.before_max_ms || timestamp.since(now) > rules.after_max_ms)
}

/// Gathers records at fault.
#[derive(Default)]
struct Faults {
    errors: Vec<RecordError>,
    has_timestamp: bool,
}

impl Faults {
    fn key(&mut self, index: i32) {
        self.push(index, || "Compacted topic cannot accept message without key.".to_owned());
    }

    fn timestamp(&mut self, index: i32, timestamp: TimestampMs, rules: &Rules, now: TimestampMs) {
        self.has_timestamp = true;
        let earliest = now.0.saturating_sub(rules.before_max_ms);
        let latest = now.0.saturating_add(rules.after_max_ms);
        self.push(index, || {
            format!(
                "Timestamp {timestamp} of message with offset {index} is out of range. The timestamp should be within [{earliest}, {latest}]"
            )
        });
    }

    fn push(&mut self, index: i32, message: impl FnOnce() -> String) {
        if self.errors.len() < RECORD_ERRORS_MAX {
            self.errors.push(RecordError { index, message: message() });
        }
    }

    fn into_result(self) -> Result<(), Invalid> {
        match (self.errors.is_empty(), self.has_timestamp) {
            (true, _) => Ok(()),
            (false, true) => Err(Invalid::Timestamps(self.errors)),
            (false, false) => Err(Invalid::Keys(self.errors)),
        }
    }
}

fn append_time_errors(count: i32) -> Vec<RecordError> {
    let message = "Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.";
    (0..count)
        .take(RECORD_ERRORS_MAX)
        .map(|index| RecordError { index, message: message.to_owned() })
        .collect()
}
